"""A raw topic that has lost its beginning, and what must not be made from the rest of it.

Offers first seen long ago look new to a reader that begins in the middle: it would store
``first_seen`` changes that never were, and move ``changed_at`` of every offer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.errors import UnknownTopicOrPartitionError

from walmart_stream import topics
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import end_offsets, start_offsets
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import OFFERS
from walmart_stream.tables import OFFERS as OFFERS_TABLE
from walmart_stream.tables import TABLES, changelog_name


class PastLost(Exception):
    """The log no longer holds what the stored results were made of; the message says what to do."""


async def lost_beginnings(settings: Settings) -> dict[int, int]:
    """First offset of each partition of the raw topic that no longer begins at 0.

    Raises:
        KafkaError: the broker cannot be read.
    """
    starts = await start_offsets(settings, topics.RAW.name)
    return {partition: start for partition, start in sorted(starts.items()) if start > 0}


async def require_past(settings: Settings) -> None:
    """Check that a worker with these settings knows the past of the offers that are stored.

    It does not where its tables are empty (a new APP_ID, a lost changelog) and the database
    already holds offers whose observations the raw topic has lost.

    Raises:
        PastLost: it does not.
        KafkaError, PyMongoError: the broker or the database cannot be read.
    """
    lost = await lost_beginnings(settings)
    if not lost:
        return
    written = await _changelog_ends(settings)
    unknown = {partition for partition in lost if not written.get(partition)}
    if unknown and await _holds_offers_of(settings, unknown):
        raise PastLost(
            f"{_extent(lost)}, APP_ID {settings.app_id} has no states of the items in "
            f"{len(unknown)} of them, and database {settings.mongodb_database} holds offers of "
            "these items: all of them would be stored as seen for the first time. Start with the "
            "APP_ID that made this database, or name another MONGODB_DATABASE: it will know its "
            "offers from where the topic begins now. Stop the workers of other APP_IDs before, "
            "since they store what this one sends"
        )


def require_whole_log(lost: Mapping[int, int], database: str) -> None:
    """Check that a replay into the live *database* can know what it overwrites.

    Raises:
        PastLost: partitions of the raw topic have lost their beginning.
    """
    if lost:
        raise PastLost(
            f"{_extent(lost)}: offers first seen before would be stored in {database} as new, and "
            "their changed_at would move. Nothing was written; --into ANOTHER_DATABASE puts what "
            "the topic still gives beside it"
        )


def _extent(lost: Mapping[int, int]) -> str:
    return (
        f"{topics.RAW.name} no longer begins at offset 0 in {len(lost)} partitions "
        f"(retention deletes old records)"
    )


async def _changelog_ends(settings: Settings) -> dict[int, int]:
    """How many records each partition of the offers' changelog has ever been given."""
    table = next(table for table in TABLES if table.name == OFFERS_TABLE)
    try:
        return await end_offsets(settings, changelog_name(settings, table))
    except UnknownTopicOrPartitionError:
        return {}


async def _holds_offers_of(settings: Settings, partitions: set[int]) -> bool:
    client = mongo.connect(settings)
    try:
        collection = mongo.database(client, settings)[OFFERS]
        # In the order of the index on it, so that nothing but ids is read, and each once.
        ids: list[dict[str, Any]] = [{"$sort": {"item_id": 1}}, {"$group": {"_id": "$item_id"}}]
        async for found in collection.aggregate(ids):
            item_id = found["_id"]
            if isinstance(item_id, str) and (
                partition_of(item_id.encode(), settings.kafka_partitions) in partitions
            ):
                return True
    finally:
        client.close()
    return False
