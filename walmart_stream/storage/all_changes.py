"""The price changes of all items, in the order of time."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from walmart_stream.storage.documents import PRICE_CHANGES
from walmart_stream.storage.queries import MAX_TIME_MS, Page


class Moment(NamedTuple):
    """The place of a change among all: its time, then its ``_id``."""

    at: datetime
    name: str


async def changes_page(
    database: Any,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Moment | None = None,
    limit: int,
    newest_first: bool = False,
) -> Page[Moment]:
    """Up to *limit* changes observed in [since, until) that stand behind *after*.

    A change that is stored late stands where it was observed, hence before pages that somebody may
    have read already.

    Raises:
        PyMongoError: the database cannot be read.
    """
    beyond, direction = ("$lt", -1) if newest_first else ("$gt", 1)
    conditions: list[dict[str, Any]] = []
    if since is not None:
        conditions.append({"observed_at": {"$gte": since}})
    if until is not None:
        conditions.append({"observed_at": {"$lt": until}})
    if after is not None:
        conditions.append({"observed_at": {f"{beyond}e": after.at}})
        conditions.append(
            {"$or": [{"observed_at": {beyond: after.at}}, {"_id": {beyond: after.name}}]}
        )
    cursor = database[PRICE_CHANGES].find(
        {"$and": conditions} if conditions else {},
        sort=[("observed_at", direction), ("_id", direction)],
        limit=limit + 1,
        max_time_ms=MAX_TIME_MS,
    )
    found = await cursor.to_list(limit + 1)
    documents = found[:limit]
    if len(found) <= limit:
        return Page(documents, None)
    return Page(documents, Moment(documents[-1]["observed_at"], documents[-1]["_id"]))
