"""MongoDB goes away and comes back; the workers stay."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, RESULTS, Pipeline, Record
from tests.pipeline.worker import Worker, until
from walmart_stream.local.mongod import EmbeddedMongod

ITEMS = 50


def observations(rounds: Iterable[int]) -> list[Record]:
    """One change of each item per round."""
    return [
        priced(str(72_000 + item), at=1000 * number, dollars=10 + number % 7)
        for number in rounds
        for item in range(ITEMS)
    ]


async def until_mongodb_is_missed(worker: Worker) -> None:
    async def look() -> bool:
        status, body = await worker.get("/readyz")
        return status == 503 and "mongodb" in str(body)

    await until("/readyz names mongodb", look)


async def until_changes(pipeline: Pipeline, count: int) -> None:
    """Wait until that number of changes is in the results topic, and the raw one is committed."""
    await pipeline.until_processed(RAW)
    results = [record.value for record in await pipeline.read(RESULTS)]
    assert sum(b'"price_change"' in value for value in results) == count


@pytest.mark.slow
async def test_an_outage_of_the_database_is_waited_for_and_nothing_is_lost(
    make_pipeline: MakePipeline, own_mongod: EmbeddedMongod
) -> None:
    """Meanwhile observations go on being processed, and a worker stopped then leaves the rest to
    the next one."""
    pipeline = make_pipeline(MONGODB_URI=f"{own_mongod.uri}&serverSelectionTimeoutMS=500")
    worker = pipeline.start()
    await worker.until_ready()
    await pipeline.produce(RAW, observations(range(5)))
    await pipeline.until_settled()
    stored = await pipeline.committed(RESULTS)

    await own_mongod.kill()
    await pipeline.produce(RAW, observations(range(5, 20)))

    await until_changes(pipeline, 20 * ITEMS)
    await until_mongodb_is_missed(worker)
    assert (await worker.get("/livez"))[0] == 200
    assert await pipeline.committed(RESULTS) == stored

    await own_mongod.start()

    report = await pipeline.verified()
    assert report.is_clean, report
    assert report.applied == 20 * ITEMS
    assert worker.is_alive
    assert (await worker.get("/readyz"))[0] == 200
    assert (await worker.counted("walmart_storage_outages_total"))[""] >= 1

    await own_mongod.kill()
    await pipeline.produce(RAW, observations(range(20, 30)))
    await until_changes(pipeline, 30 * ITEMS)
    await until_mongodb_is_missed(worker)
    assert await worker.terminate() == 0
    await own_mongod.start()
    pipeline.start()

    report = await pipeline.verified()
    assert report.is_clean, report
    assert report.applied == 30 * ITEMS
