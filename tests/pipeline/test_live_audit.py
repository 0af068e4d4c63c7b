"""The audit beside workers that go on."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import until
from walmart_stream.audit import report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.domain import reading

AUDITS = 3
# Seconds between two looks at the market. Less of it costs processors, and makes the audit no
# harder: the market changes dozens of times during each.
PAUSE = 0.2


async def change_on_and_on(pipeline: Pipeline) -> None:
    """Forty items whose prices differ at every look, of which there are some 200 a second."""
    rng = random.Random(7)
    while True:
        now = time.time_ns() // 1_000_000
        records = []
        for item in range(1, 41):
            payload = b'{"itemId":%d,"name":"Kettle","salePrice":%d,"standardShipRate":0}'
            value = reading.encode(
                source="affiliate",
                item_id=str(item),
                observed_at=now + item,
                request_id="r",
                payload=payload % (item, rng.randrange(1, 100)),
            )
            records.append(Record(str(item).encode(), value))
        await pipeline.produce(RAW, records)
        await asyncio.sleep(PAUSE)


async def test_a_healthy_live_stack_is_clean(make_pipeline: MakePipeline) -> None:
    """Offers change between the two reads, results are on their way, windows close meanwhile."""
    pipeline = make_pipeline(WINDOW_SIZE="5")
    await pipeline.create_topics()
    worker = pipeline.start()
    await worker.until_ready()
    market = asyncio.create_task(change_on_and_on(pipeline))

    async def stored() -> bool:
        return len(await pipeline.documents("price_windows")) > 40

    try:
        await until("windows are stored", stored)
        reports = [await verify(pipeline.settings) for _ in range(AUDITS)]
    finally:
        market.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await market

    assert [report_lines(report)[-1] for report in reports] == ["clean"] * AUDITS, [
        report_lines(report) for report in reports
    ]
    assert reports[-1].observations > reports[0].observations
