"""Replay: the raw topic alone gives the results again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream import topics
from walmart_stream.audit import partition_of, report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.commands.remake import remake
from walmart_stream.commands.replay import replay
from walmart_stream.domain.reading import observation
from walmart_stream.domain.time import to_ms
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.storage.item_writes import update_watched

PARTITIONS = 3
START = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 40


@pytest.fixture
async def settings(make_reachable_settings):
    # Not for days, of which every minute would be a window that somebody has to store.
    settings = make_reachable_settings(
        kafka_partitions=PARTITIONS, window_size=60, price_known_for=600
    )
    await create_topics(settings)
    return settings


@pytest.fixture
async def database(settings):
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value(), tz_aware=True
    )
    yield client[settings.mongodb_database]
    client.close()


@pytest.fixture
async def raw(settings):
    """Ten items looked at every 10 s; their prices change at every third look."""
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for step in range(STEPS):
            for item in range(1, 11):
                item_id = str(item)
                payload = {"itemId": item, "salePrice": item + step // 3, "standardShipRate": 0}
                value = observation.encode(
                    source="affiliate",
                    item_id=item_id,
                    observed_at=to_ms(START + timedelta(seconds=10 * step)),
                    request_id="r",
                    payload=orjson.dumps(payload),
                )
                await producer.send(topics.RAW.name, value, item_id.encode())
                if step == 0:
                    # As a producer with another partitioner would have placed it.
                    wrong = (partition_of(item_id.encode(), PARTITIONS) + 1) % PARTITIONS
                    await producer.send(topics.RAW.name, value, item_id.encode(), partition=wrong)


async def test_a_replay_gives_what_verify_expects(settings, database, raw):
    """And doing it again changes nothing."""
    first = await replay(settings)
    changes = [document async for document in database.price_changes.find().sort("_id")]
    second = await replay(settings)
    again = [document async for document in database.price_changes.find().sort("_id")]
    report = await verify(settings)

    assert (first.observations, first.skipped) == (10 * STEPS + 10, 10)
    assert first.changes == second.changes == len(changes) == 10 * -(-STEPS // 3)
    assert again == changes
    assert report.is_clean, "\n".join(report_lines(report))


async def test_results_before_a_time_are_left_out_and_the_others_are_the_same(
    settings, database, raw
):
    """Earlier observations still decide what the first ones change."""
    since = START + timedelta(seconds=200)
    await replay(settings, into=f"{settings.mongodb_database}_all")
    everything = database.client[f"{settings.mongodb_database}_all"]

    await replay(settings, since=since)

    query = {"observed_at": {"$gte": since}}
    expected = [doc async for doc in everything.price_changes.find(query).sort("_id")]
    stored = [doc async for doc in database.price_changes.find().sort("_id")]
    await database.client.drop_database(everything.name)
    assert stored == expected
    assert all(change["previous"] is not None for change in stored)


async def test_items_can_be_made_without_the_raw_topic(settings, database, raw):
    """As after an upgrade from a release that had none; what is there is the same afterwards."""
    await replay(settings)
    items = [document async for document in database["items"].find({}, {"edits": 0}).sort("_id")]
    await database["items"].delete_many({"_id": {"$gt": "5"}})
    await watchlist.add(settings, [WatchEntry(item_id="7", tags=("toys",))])
    # A topic that was created again begins at its first offset.
    await update_watched(database, {"3": (99, {"watched": True, "tags": ["old"]})})

    missing = await verify(settings, patience=0)
    made = await remake(settings)

    assert missing.collections["items"].lost == 4
    assert made.items == len(items) == 10
    watched = {one["_id"]: one async for one in database["items"].find({"watched": {"$ne": None}})}
    assert {name: (one["watched"], one["tags"]) for name, one in watched.items()} == {
        "3": (False, ["old"]),
        "7": (True, ["toys"]),
    }
    plain = dict.fromkeys(("edits", "watched", "tags", "watch_offset", "facets"), 0)
    again = [document async for document in database["items"].find({}, plain).sort("_id")]
    assert again == [{k: v for k, v in one.items() if k not in plain} for one in items]
    assert (await verify(settings)).is_clean


async def test_progress_ends_at_the_number_of_records(settings, raw):
    """So that a bar reaches its end."""
    told: list[tuple[int, int]] = []

    await replay(settings, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (10 * STEPS + 10, 10 * STEPS + 10)
