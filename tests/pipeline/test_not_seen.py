"""Rules about items that are not seen, on machines whose clocks are wrong."""

from __future__ import annotations

import time

from tests.pipeline.conftest import PARTITIONS, MakePipeline
from tests.pipeline.observations import START, epoch_ms, record
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import Worker, until
from tests.polling.wrong_clock import program
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.kafka.alert_rules import put_rules
from walmart_stream.kafka.placement import partition_of

AHEAD = 300.0
MINUTE = 60_000


def items_of(partition: int, count: int) -> list[str]:
    of = int(PARTITIONS)
    found = [str(n) for n in range(1, 999) if partition_of(str(n).encode(), of) == partition]
    return found[:count]


LONG_AGO, LATER, *FRESH = items_of(0, 5)
# Looked at after the others: partitions have their turns in order.
CONFIRMED = items_of(int(PARTITIONS) - 1, 3)


def seen(item_id: str, at: int) -> Record:
    """An observation at *at* (epoch ms), written now."""
    payload = {"itemId": int(item_id), "salePrice": 10.0, "standardShipRate": 0}
    return record(item_id, at - epoch_ms(0), payload)


async def alerts(pipeline: Pipeline, rule: str) -> set[str]:
    return {one["item_id"] for one in (await pipeline.documents("alerts", rule=rule)).values()}


async def until_time_has_passed(pipeline: Pipeline, worker: Worker, item_id: str) -> None:
    """Wait until the worker has confirmed by time alone what has lasted since long ago."""
    await pipeline.until_processed(RAW)
    # Below any watermark of its partition that could confirm it.
    await pipeline.produce(RAW, [seen(item_id, int(START.timestamp() * 1000))])

    async def raised() -> bool:
        assert worker.is_alive, worker.log[-3000:]
        return item_id in await alerts(pipeline, "held")

    await until("time has confirmed an episode", raised)


async def test_no_item_counts_as_not_seen_by_a_wrong_clock(make_pipeline: MakePipeline) -> None:
    """Workers 300 s ahead, 300 s behind and right take over from each other; Walmart's answers,
    which would tell them the time, stay away. An item that was seen a moment ago is not reported,
    and one that was not seen for long is, whoever comes to it.

    A worker ahead reported every item that was seen less than five minutes too recently.
    """
    pipeline = make_pipeline(OBSERVATION_MAX_AHEAD="600")
    await pipeline.create_topics()
    unseen = {"when": "not_seen", "longer_than": "200s", "items": [LONG_AGO, LATER, *FRESH]}
    held = {"when": "price_below", "value": 20, "hold": "5m", "items": CONFIRMED}
    rules = ({"name": "unseen", **unseen}, {"name": "held", **held})
    await put_rules(pipeline.settings, [read_rule(one) for one in rules])
    now = int(time.time() * 1000)
    await pipeline.produce(RAW, [seen(LONG_AGO, now - 60 * MINUTE)])
    want = {LONG_AGO}
    for wrong, fresh, item_id in zip((AHEAD, -AHEAD, 0.0), FRESH, CONFIRMED, strict=True):
        worker = pipeline.start(f"worker-{wrong:g}", program(wrong))
        await worker.until_ready()
        await pipeline.until_processed(RAW)
        await pipeline.produce(RAW, [seen(fresh, int(time.time() * 1000))])
        await until_time_has_passed(pipeline, worker, item_id)
        reported = await alerts(pipeline, "unseen")
        assert fresh not in reported
        assert want <= reported
        await worker.kill()
        if wrong == AHEAD:
            await pipeline.produce(RAW, [seen(LATER, now - 30 * MINUTE)])
            want.add(LATER)
