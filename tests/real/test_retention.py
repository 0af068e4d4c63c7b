"""Retention that has deleted the beginning of the raw topic, on Apache Kafka and mongod."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

from tests.hang import DEADLINE
from tests.pipeline.pipeline import Pipeline
from tests.real.retention import delete_before, observe
from walmart_stream import topics
from walmart_stream.audit import Verdict, report_lines
from walmart_stream.audit.lost_past import PastLost, require_past
from walmart_stream.audit.verify import verify
from walmart_stream.commands.replay import replay
from walmart_stream.commands.state import CannotBeTold, state
from walmart_stream.domain.time import to_datetime
from walmart_stream.kafka.clients import admin_client, client_options, describe_topics
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.kafka.tail import tail
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.local.kafka import KafkaNode
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]

PARTITIONS = 2
START = 1_795_370_400_000
STEP = 10_000
STEPS = 60
ITEMS = [str(number) for number in range(1, 9)]

Documents = dict[str, dict[str, Any]]


@pytest.fixture(name="settings")
async def kafka_settings(
    kafka_node: KafkaNode,
    mongod: EmbeddedMongod,
    mongodb_database: str,
    make_unreachable_settings: MakeSettings,
) -> AsyncIterator[Settings]:
    """Topics of this test's own, deleted afterwards."""
    settings = make_unreachable_settings(
        kafka_brokers=(kafka_node.bootstrap,),
        kafka_partitions=PARTITIONS,
        mongodb_uri=mongod.uri,
        mongodb_database=mongodb_database,
        window_size=60,
        # Not for days, of which every minute would be a window that somebody has to store.
        price_known_for=3600,
    )
    await create_topics(settings)
    yield settings
    names = [topic.name for topic in required_topics(settings)]
    async with admin_client(settings) as admin:
        await admin.delete_topics(names)
        async with asyncio.timeout(DEADLINE):
            while await describe_topics(admin, names):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)


async def market(settings: Settings, steps: range) -> None:
    """Every item is seen at each step; at every third its price differs."""
    await observe(
        settings,
        (
            (
                item_id,
                START + step * STEP,
                {"name": "Kettle", "salePrice": 10 + step // 3, "standardShipRate": 5},
            )
            for step in steps
            for item_id in ITEMS
        ),
    )


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Any]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value(), tz_aware=True
    )
    yield client[settings.mongodb_database]
    client.close()


async def documents(settings: Settings) -> dict[str, Documents]:
    async with _database(settings) as database:
        return {
            name: {one["_id"]: one async for one in database[name].find()}
            for name in ("offers", "price_changes", "price_windows")
        }


async def halve(settings: Settings) -> dict[int, int]:
    """Delete the first half of every partition; where each begins now."""
    ends = await end_offsets(settings, "walmart-competitor-data")
    starts = {partition: end // 2 for partition, end in ends.items()}
    await delete_before(settings, starts)
    return starts


async def test_a_replay_into_the_live_database_is_refused_after_retention(
    settings: Settings,
) -> None:
    """It would invent first sights and move changed_at; another database is always right."""
    await market(settings, range(STEPS))
    await replay(settings)
    before = await documents(settings)
    await halve(settings)

    with pytest.raises(PastLost, match="--into"):
        await replay(settings)
    beside = settings.model_copy(update={"mongodb_database": f"{settings.mongodb_database}_2"})
    replayed = await replay(settings, into=beside.mongodb_database)

    assert await documents(settings) == before
    made = await documents(beside)
    await _drop(beside)
    assert set(made["offers"]) == set(before["offers"])
    assert replayed.begins == START + STEPS // 2 * STEP


async def test_a_state_tells_after_retention_what_the_log_still_determines(
    settings: Settings,
) -> None:
    """The same as before where it can be told, and else that it cannot."""
    settings = settings.model_copy(update={"observation_max_ahead": 1.0})
    await market(settings, range(STEPS))
    early, late = (to_datetime(START + step * STEP) for step in (5, STEPS - 2))
    before = await state(settings, ITEMS[0], late)
    await halve(settings)

    after = await state(settings, ITEMS[0], late)

    assert after["offers"] == before["offers"]
    assert (before["is_whole"], after["is_whole"]) == (True, False)
    with pytest.raises(CannotBeTold, match="begins at offset"):
        await state(settings, ITEMS[0], early)


async def test_following_changes_since_a_time_begins_there(settings: Settings) -> None:
    """By the timestamps that Kafka has of its records."""
    results = topics.RESULTS.name
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for number in range(10):
            await producer.send_and_wait(results, b"%d" % number, b"k", timestamp_ms=START + number)

    async with aclosing(tail(settings, results, START + 7)) as records:
        found = [(await anext(records)).value for _ in range(3)]

    assert found == [b"7", b"8", b"9"]


async def test_verify_tells_after_retention_what_the_log_still_determines(
    settings: Settings,
) -> None:
    """Nothing right is called wrong, and what is wrong, lost or invented is found anyway."""
    settings = settings.model_copy(update={"observation_max_ahead": 1.0})
    await market(settings, range(STEPS))
    await replay(settings)
    whole = await verify(settings)
    await halve(settings)

    right = await verify(settings)
    last = f"{ITEMS[0]}:featured:{START + (STEPS - 3) * STEP}"
    invented = f"{ITEMS[1]}:featured:{START + STEPS // 2 * STEP}"
    async with _database(settings) as database:
        await database.price_changes.delete_one({"_id": last})
        first_sight = {"$set": {"kinds": ["first_seen"], "previous": None}}
        await database.price_changes.update_one({"_id": invented}, first_sight)
    wrong = await verify(settings, patience=0)

    assert whole.verdict is Verdict.CLEAN, report_lines(whole)
    assert right.verdict is Verdict.CANNOT_BE_TOLD, report_lines(right)
    assert right.truncated == list(range(PARTITIONS))
    changes = right.collections["price_changes"]
    assert changes.untold_count + changes.expected == changes.stored
    assert changes.expected >= len(ITEMS) * (STEPS // 6 - 2)
    assert wrong.verdict is Verdict.NOT_CLEAN
    assert wrong.collections["price_changes"].first_lost == [last]
    assert wrong.collections["price_changes"].first_wrong == [f"{invented} (kinds)"]


async def test_a_new_app_id_does_not_start_on_a_database_older_than_the_log(
    settings: Settings, tmp_path: Path
) -> None:
    """The worker ends with 78 and says how to go on; nothing was consumed or stored."""
    await market(settings, range(STEPS))
    await replay(settings)
    before = await documents(settings)
    await halve(settings)
    pipeline = Pipeline(
        {
            "KAFKA_BROKERS": settings.kafka_brokers[0],
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
            "MONGODB_DATABASE": settings.mongodb_database,
            "APP_ID": settings.app_id,
            "WINDOW_SIZE": "60",
            "PRICE_KNOWN_FOR": "3600",
        },
        tmp_path,
    )

    worker = pipeline.start()

    try:
        assert await worker.ended() == 78
        assert "no longer begins at offset 0" in worker.log
        assert "MONGODB_DATABASE" in worker.log
    finally:
        await pipeline.stop()
    assert await documents(settings) == before


async def test_an_app_id_whose_tables_know_the_offers_starts_after_retention(
    settings: Settings,
) -> None:
    """So does a new one with a database that holds none of the items whose past is lost."""
    await market(settings, range(4))
    await replay(settings)
    only = partition_of(ITEMS[0].encode(), PARTITIONS)
    await delete_before(settings, {only: 1})
    empty = settings.model_copy(update={"mongodb_database": f"{settings.mongodb_database}_2"})

    await require_past(empty)
    with pytest.raises(PastLost):
        await require_past(settings)
    async with AIOKafkaProducer(**client_options(settings)) as producer:
        changelog = f"{settings.app_id}-offers-changelog"
        await producer.send_and_wait(changelog, b"state", ITEMS[0].encode(), partition=only)
    await require_past(settings)


async def _drop(settings: Settings) -> None:
    async with _database(settings) as database:
        await database.client.drop_database(database.name)
