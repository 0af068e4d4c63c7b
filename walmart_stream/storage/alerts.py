"""The collection of alerts: written step by step, in any order and any number of times.

Each step sets its own fields, which are always the same; the state follows from those that are
there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import to_builtins
from pymongo import DESCENDING, UpdateMany, UpdateOne

from walmart_stream.domain.alerts.rule_fields import SEVERITIES
from walmart_stream.domain.alerts.steps import ACKNOWLEDGED, AGAIN, CLOSED, ENDED, RAISED, Step
from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.storage.documents import ALERTS, ITEMS
from walmart_stream.storage.queries import MAX_TIME_MS
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

OPEN = "open"
STATES = (OPEN, ACKNOWLEDGED, CLOSED)
NEWEST_FIRST = [("raised_at", DESCENDING), ("_id", DESCENDING)]

_STATE = {
    "$switch": {
        "branches": [
            {"case": {"$gt": ["$closed_at", None]}, "then": CLOSED},
            {"case": {"$gt": ["$acknowledged_at", None]}, "then": ACKNOWLEDGED},
        ],
        "default": OPEN,
    }
}


class Place(NamedTuple):
    """Where a page of alerts ended: newest first, by time and id."""

    raised_at: datetime
    alert: str


class Wanted(NamedTuple):
    """The alerts that are asked for; ``None`` is any. *tag*: of the item, when it was raised."""

    state: str | None = None
    rule: str | None = None
    item_id: str | None = None
    severity: str | None = None
    tag: str | None = None

    def query(self) -> dict[str, Any]:
        """The database's filter, for which there is an index in the order of time."""
        given = {
            "rule": self.rule,
            "item_id": self.item_id,
            "severity": self.severity,
            "state": self.state,
            "tags": self.tag,
        }
        found: dict[str, Any] = {name: one for name, one in given.items() if one is not None}
        if found and self.item_id is None:
            # The indexes begin with these: each value that is possible is a part of the index, and
            # the database merges the parts in their order.
            found.setdefault("severity", {"$in": list(SEVERITIES)})
            found.setdefault("state", {"$in": list(STATES)})
        return found


async def store_steps(database: Any, steps: Sequence[Step], seal: FieldSeal = UNSEALED) -> None:
    """Store *steps*, in order; one that is stored already changes nothing.

    Raises:
        PyMongoError: the database is away, or refuses one of them.
    """
    if not steps:
        return
    tags = await _tags(database, {step.item_id for step in steps if step.step == RAISED})
    operations: list[UpdateOne | UpdateMany] = []
    for step in steps:
        operations.append(_update(step, tags.get(step.item_id, []), seal))
        if step.why == AGAIN:
            operations.append(_end_earlier(step))
    await database[ALERTS].bulk_write(operations, ordered=True)


async def _tags(database: Any, items: Collection[str]) -> dict[str, list[str]]:
    """The present tags of *items* that have some."""
    if not items:
        return {}
    found = database[ITEMS].find({"_id": {"$in": list(items)}}, {"tags": 1})
    return {one["_id"]: one.get("tags", []) async for one in found}


async def find_alerts(
    database: Any,
    wanted: Wanted,
    limit: int,
    after: Place | None = None,
    seal: FieldSeal = UNSEALED,
) -> list[Mapping[str, Any]]:
    """The newest *limit* alerts that are *wanted*, or those that follow *after*.

    Raises:
        PyMongoError: the database does not answer.
    """
    found: list[Mapping[str, Any]] = []
    for query in ranges(wanted, after):
        cursor = database[ALERTS].find(query, sort=NEWEST_FIRST, max_time_ms=MAX_TIME_MS)
        found += await cursor.limit(limit - len(found)).to_list(None)
        if len(found) == limit:
            break
    return [seal.open(ALERTS, document) for document in found]


def ranges(wanted: Wanted, after: Place | None) -> list[dict[str, Any]]:
    """The filters of the ranges of an index that follow upon *after*, in their order."""
    query = wanted.query()
    if after is None:
        return [query]
    return [
        {**query, "raised_at": after.raised_at, "_id": {"$lt": after.alert}},
        {**query, "raised_at": {"$lt": after.raised_at}},
    ]


async def find_alert(
    database: Any, alert: str, seal: FieldSeal = UNSEALED
) -> Mapping[str, Any] | None:
    """One alert by its id; ``None``: there is none.

    Raises:
        PyMongoError: the database does not answer.
    """
    found = await database[ALERTS].find_one({"_id": alert})
    return None if found is None else seal.open(ALERTS, found)


def alert_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a stored alert that are shown; times as they are stored."""
    fields = {"id": document["_id"]}
    fields |= {name: document.get(name) for name in _SHOWN}
    if "unreadable" in document:
        fields["unreadable"] = document["unreadable"]
    return fields


_SHOWN = (
    "rule",
    "item_id",
    "offer",
    "name",
    "tags",
    "severity",
    "state",
    "text",
    "started_at",
    "raised_at",
    "acknowledged_at",
    "closed_at",
    "source",
    "ended_by",
    "why",
    "channels",
)


def _update(step: Step, tags: Sequence[str], seal: FieldSeal) -> UpdateOne:
    at = to_datetime(parse_iso(step.at))
    source = None if step.source is None else to_builtins(step.source)
    if step.step == RAISED:
        document = {
            "_id": step.id,
            "rule": step.rule,
            "item_id": step.item_id,
            "offer": step.offer,
            "severity": step.severity,
            "text": step.text,
            "name": step.name,
            "tags": list(tags),
            "started_at": to_datetime(parse_iso(step.started_at)),
            "raised_at": at,
            "source": source,
            "channels": list(step.channels),
        }
        fields = seal.seal(ALERTS, document) if seal.is_on else document
        values: dict[str, Any] = {
            name: {"$literal": value} for name, value in fields.items() if name != "_id"
        }
        values |= {
            name: {"$ifNull": [f"${name}", None]} for name in ("closed_at", "acknowledged_at")
        }
    elif step.step == ACKNOWLEDGED:
        values = {"acknowledged_at": {"$ifNull": ["$acknowledged_at", at]}}
    else:
        values = {
            "closed_at": {"$ifNull": ["$closed_at", at]},
            # One that is sent once more may not know them.
            "ended_by": {"$ifNull": ["$ended_by", {"$literal": source}]},
            "why": {"$ifNull": ["$why", {"$literal": step.why}]},
        }
    is_first = step.step == RAISED
    return UpdateOne(
        {"_id": step.id}, [{"$set": values}, {"$set": {"state": _STATE}}], upsert=is_first
    )


def _end_earlier(step: Step) -> UpdateMany:
    """End earlier alerts of the rule on the offer, whose end may be what the topic lost."""
    started = to_datetime(parse_iso(step.started_at))
    earlier = {
        "item_id": step.item_id,
        "rule": step.rule,
        "offer": step.offer,
        "started_at": {"$lt": started},
        "closed_at": None,
    }
    values = {"closed_at": started, "ended_by": None, "why": ENDED, "state": CLOSED}
    return UpdateMany(earlier, {"$set": values})
