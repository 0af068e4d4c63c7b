"""Workers that are started by hand with Faust's own command."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import FAUST, until
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.mongod import EmbeddedMongod

ITEMS = 24


@pytest.fixture
async def pipeline(
    fresh_broker: EmbeddedBroker, own_mongod: EmbeddedMongod, tmp_path: Path
) -> AsyncIterator[Pipeline]:
    """Told where the servers are and nothing else; hence the default database, and its own."""
    servers = {"KAFKA_BROKERS": fresh_broker.bootstrap, "MONGODB_URI": own_mongod.uri}
    pipeline = Pipeline(servers, tmp_path)
    yield pipeline
    await pipeline.stop()


def observations(rounds: range) -> list[Record]:
    """One change of each item per round."""
    return [
        priced(str(74_000 + item), at=1000 * number, dollars=10 + number)
        for number in rounds
        for item in range(ITEMS)
    ]


async def shares(pipeline: Pipeline) -> list[list[int]]:
    """The partitions of each worker, once each has some and all are somebody's."""

    async def look() -> list[list[int]]:
        owned = [await worker.partitions() for worker in pipeline.workers]
        everything = list(range(pipeline.settings.kafka_partitions))
        return owned if all(owned) and sorted(chain.from_iterable(owned)) == everything else []

    return await until("every worker has its share", look)


async def items(pipeline: Pipeline) -> list[list[tuple[int, Any]]]:
    """Each worker's answer about every item."""
    return [
        await asyncio.gather(*(worker.get(f"/api/items/{74_000 + item}") for item in range(ITEMS)))
        for worker in pipeline.workers
    ]


@pytest.mark.slow
async def test_a_third_worker_takes_over_partitions_and_all_give_the_same_answers(
    pipeline: Pipeline,
) -> None:
    """`faust -A walmart_stream.app worker` needs no more than the addresses of the servers."""
    for name in ("first", "second"):
        pipeline.start(name, FAUST)
    before = await shares(pipeline)
    await pipeline.produce(RAW, observations(range(10)))
    await pipeline.until_settled()

    third = pipeline.start("third", FAUST)
    await pipeline.produce(RAW, observations(range(10, 20)))
    after = await shares(pipeline)
    await pipeline.produce(RAW, observations(range(20, 30)))

    report = await pipeline.verified()
    assert report.is_clean, report
    assert report.applied == 30 * ITEMS
    assert sum(map(len, after[:2])) < sum(map(len, before))
    assert (await third.counted("walmart_observations_total"))["applied"] > 0
    answers = await items(pipeline)
    assert answers[0] == answers[1] == answers[2]
    for status, item in answers[0]:
        assert status == 200
        assert item["offers"]["featured"]["price_cents"] == 3900
