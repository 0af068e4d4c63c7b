"""SIGTERM in the middle of the work."""

from __future__ import annotations

import asyncio

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, Record
from tests.pipeline.worker import Worker, until

CHUNK = 400
BAD_EVERY = 20


def load(chunk: int) -> list[Record]:
    """Observations of 200 items, every twentieth record a bad one."""
    return [
        Record(b"%d" % number, b"bad %d" % number)
        if number % BAD_EVERY == 0
        else priced(str(73_000 + number % 200), at=100 * number, dollars=10 + number % 3)
        for number in range(chunk * CHUNK, (chunk + 1) * CHUNK)
    ]


async def until_busy(worker: Worker) -> None:
    """Wait until it has processed something."""

    async def look() -> bool:
        assert worker.is_alive, worker.log[-3000:]
        status, stats = await worker.get("/api/stats")
        counters = stats["counters"] if status == 200 else {}
        return sum(counters.get("walmart_observations_total", {}).values()) > 0

    await until("the worker processes", look)


@pytest.mark.slow
@pytest.mark.parametrize("store", [pytest.param("memory", marks=pytest.mark.long), "rocksdb"])
async def test_a_worker_that_is_stopped_at_work_leaves_exactly_the_rest_to_the_next_one(
    make_pipeline: MakePipeline, store: str
) -> None:
    """It finishes what it is at and commits it, so that nothing is repeated: no dead letter comes
    twice, and what the next one counts is what the first one had not committed."""
    pipeline = make_pipeline(STORE=store)
    await pipeline.create_topics()
    first = pipeline.start()
    await pipeline.produce(RAW, load(0))
    await until_busy(first)

    stopping = asyncio.create_task(first.terminate())
    chunks = 1
    while not stopping.done():
        await pipeline.produce(RAW, load(chunks))
        chunks += 1
    await pipeline.produce(RAW, load(chunks))

    assert await stopping == 0, first.log
    records = (chunks + 1) * CHUNK
    committed = sum((await pipeline.committed(RAW)).values())
    assert 0 < committed < records
    # On the same port, for the local data of a worker is named by it.
    second = pipeline.start(WEB_PORT=first.port)
    report = await pipeline.verified()
    assert report.is_clean, report
    assert (report.applied, report.bad) == (records - records // BAD_EVERY, records // BAD_EVERY)
    assert report.dead_letter_repeats == 0
    counted = await second.counted("walmart_observations_total")
    assert sum(counted.values()) == records - committed
    assert counted["late"] == counted["duplicate"] == 0
