"""Deliveries of alerts: the messages due to each channel, and the log of those sent.

A delivery is created once, with the alert; it stays due until its channel has accepted it or a day
has passed. So a restart loses none and repeats none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from pymongo import UpdateOne

from walmart_stream.domain.alerts.steps import Step
from walmart_stream.storage.documents import ALERT_DELIVERIES

DUE, SENT, MUTED, GAVE_UP = "due", "sent", "muted", "gave_up"

# A channel is tried for this long; a receiver that is down over a night gets everything.
TRIED_FOR = timedelta(days=1)
# The log of deliveries.
KEPT_FOR = timedelta(days=30)


class Told(NamedTuple):
    """A raised alert for its channels, at *partition* of the topic of alerts."""

    step: Step
    partition: int


async def add_deliveries(database: Any, raised: Iterable[Told], now: datetime) -> None:
    """Note the deliveries due to each channel; those that exist already stay as they are.

    Raises:
        PyMongoError: the database is away.
    """
    operations = [
        UpdateOne(
            {"_id": f"{step.id}|{channel}"},
            {
                "$setOnInsert": {
                    "alert": step.id,
                    "rule": step.rule,
                    "item_id": step.item_id,
                    "channel": channel,
                    "partition": partition,
                    "quiet": step.quiet,
                    "state": DUE,
                    "attempts": 0,
                    "created_at": now,
                    "next_at": now,
                    "give_up_at": now + TRIED_FOR,
                    "expires_at": now + KEPT_FOR,
                }
            },
            upsert=True,
        )
        for step, partition in raised
        for channel in dict.fromkeys(step.channels)
    ]
    if operations:
        await database[ALERT_DELIVERIES].bulk_write(operations, ordered=False)


async def due_deliveries(
    database: Any, channel: str, partitions: Sequence[int], now: datetime, limit: int
) -> list[Mapping[str, Any]]:
    """The first *limit* deliveries to *channel* that are due, the oldest first."""
    query = {
        "channel": channel,
        "state": DUE,
        "next_at": {"$lte": now},
        "partition": {"$in": list(partitions)},
    }
    found = database[ALERT_DELIVERIES].find(query).sort([("created_at", 1), ("_id", 1)])
    return [document async for document in found.limit(limit)]


async def messages_since(database: Any, channel: str, since: datetime) -> list[datetime]:
    """The times at which *channel* was sent a message since *since*, in order."""
    stages = [
        {"$match": {"channel": channel, "state": SENT, "sent_at": {"$gte": since}}},
        {"$group": {"_id": "$message", "at": {"$max": "$sent_at"}}},
        {"$sort": {"at": 1}},
    ]
    return [found["at"] async for found in database[ALERT_DELIVERIES].aggregate(stages)]


async def mark_sent(database: Any, names: Sequence[str], message: str, at: datetime) -> None:
    """*message* with these deliveries was taken by its channel."""
    fields = {"state": SENT, "sent_at": at, "message": message, "error": None}
    await _set(database, names, {"$set": fields, "$inc": {"attempts": 1}})


async def mark_muted(database: Any, names: Sequence[str]) -> None:
    """Mark deliveries as muted, so that they are never sent."""
    await _set(database, names, {"$set": {"state": MUTED}})


async def put_off(
    database: Any, names: Sequence[str], until: datetime, error: str | None = None
) -> None:
    """These are due at *until*: after quiet hours, or after *error*."""
    change: dict[str, Any] = {"$set": {"next_at": until}}
    if error is None:
        change["$max"] = {"give_up_at": until + TRIED_FOR}
    else:
        change["$set"]["error"] = error
        change["$inc"] = {"attempts": 1}
    await _set(database, names, change)


async def give_up(database: Any, partitions: Sequence[int], now: datetime) -> int:
    """End what was tried for a day, of these partitions; how many."""
    query = {"state": DUE, "give_up_at": {"$lte": now}, "partition": {"$in": list(partitions)}}
    done = await database[ALERT_DELIVERIES].update_many(query, {"$set": {"state": GAVE_UP}})
    return int(done.modified_count)


async def _set(database: Any, names: Sequence[str], change: Mapping[str, Any]) -> None:
    if names:
        query = {"_id": {"$in": list(names)}, "state": DUE}
        await database[ALERT_DELIVERIES].update_many(query, change)
