"""Partitions added to topics while workers run: nothing is lost, and the workers go on."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, WATCHLIST, Pipeline, Record
from tests.pipeline.worker import PROGRAM, Worker, surroundings, until
from tests.real.conftest import MakeNodePipeline
from walmart_stream.audit import partition_of
from walmart_stream.kafka.surplus import stranded

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow(80), pytest.mark.long]

PARTITIONS = 3
MORE = 5
ITEMS = [str(number) for number in range(1, 41)]


@pytest.fixture
async def pipeline(make_node_pipeline: MakeNodePipeline) -> Pipeline:
    return await make_node_pipeline(KAFKA_PARTITIONS=str(PARTITIONS))


def by_kafka(record: Record) -> Record:
    """As a producer places it that asks Kafka for the number of partitions."""
    assert record.key is not None
    return record._replace(partition=partition_of(record.key, MORE))


async def test_added_partitions_are_moved_and_workers_go_on(pipeline: Pipeline) -> None:
    """The move is killed on its way and run again; new strays make workers say so, and go on.

    Everything that any producer wrote is stored, once and right.
    """
    await pipeline.create_topics()
    worker = pipeline.start("first")
    await pipeline.produce(RAW, [priced(item, 1, 20) for item in ITEMS])
    await pipeline.until_settled()
    changelog = f"{pipeline.settings.app_id}-offers-changelog"
    admin = AIOKafkaAdminClient(bootstrap_servers=list(pipeline.settings.kafka_brokers))
    await admin.start()
    try:
        await admin.create_partitions(
            {name: NewPartitions(MORE) for name in (RAW, WATCHLIST, changelog)}
        )
    finally:
        await admin.close()
    strays = [by_kafka(priced(item, 2 + at, 25 + at)) for at in range(200) for item in ITEMS]
    await pipeline.produce(RAW, strays)

    assert await worker.ended() == 78
    refused = pipeline.start("second")
    assert await refused.ended() == 78
    assert "walmart-stream partitions move" in refused.log

    before = await pipeline.ends(RAW)
    await kill_move(pipeline, sum(before.values()))
    pipeline.command("partitions", "move")
    assert pipeline.command("partitions", "move")["moved"]
    successor = pipeline.start("third")
    await successor.until_ready()
    report = await pipeline.verified()

    assert report.is_clean, report.fields()
    assert sorted(await successor.partitions()) == [0, 1, 2]
    offers = await pipeline.documents("offers")
    assert {offer["price_cents"] for offer in offers.values()} == {100 * (25 + 199)}
    changes = await pipeline.documents("price_changes")
    assert len(changes) == len(ITEMS) * 201

    # Somebody still asks Kafka.
    more = [by_kafka(priced(item, 300, 7)) for item in ITEMS]
    await pipeline.produce(RAW, more)
    await until("it says that records are stranded", lambda: says(successor, 503))
    pipeline.command("partitions", "move")
    await until("it is ready again", lambda: says(successor, 200))
    assert (await pipeline.verified()).is_clean
    assert await stranded(pipeline.settings) is None


async def says(worker: Worker, status: int) -> bool:
    """Whether readiness is *status*, for the reason that is asked for."""
    found, body = await worker.get("/readyz")
    return found == status and (status == 200 or "partitions move" in json.dumps(body))


async def kill_move(pipeline: Pipeline, before: int) -> None:
    """Run the move, and kill it as soon as it has copied something."""
    moving = await asyncio.create_subprocess_exec(
        *PROGRAM[:-1],
        "partitions",
        "move",
        cwd=pipeline.folder,
        env={**surroundings(), **pipeline.environment},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )

    async def copied() -> bool:
        # It ends by itself on a fast machine, and is then run once more for nothing.
        ended = moving.returncode is not None
        return ended or sum((await pipeline.ends(RAW)).values()) > before

    try:
        await until("something is copied", copied)
    finally:
        with suppress(ProcessLookupError):
            moving.kill()
        await moving.wait()
