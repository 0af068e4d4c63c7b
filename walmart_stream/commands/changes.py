"""``walmart-stream changes``: the price changes of all items, and those to come."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import orjson

from walmart_stream import topics
from walmart_stream.commands.table import (
    Column,
    difference,
    dollars,
    moment,
    table,
    what_changed,
)
from walmart_stream.domain.time import to_ms
from walmart_stream.kafka.tail import tail
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.all_changes import changes_page
from walmart_stream.storage.documents import PRICE_CHANGES, change_document
from walmart_stream.storage.rows import without_id
from walmart_stream.storage.sealed import FieldSeal

Change = Mapping[str, Any]

# Changes that a repeated one is known by: far more than are sent again after a kill.
REMEMBERED = 100_000


async def changes(settings: Settings, since: datetime | None, limit: int) -> Sequence[Change]:
    """Stored changes, oldest first: the first *limit* from *since* on, or else the newest.

    Raises:
        PyMongoError: the database cannot be read.
    """
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        page = await changes_page(database, since=since, limit=limit, newest_first=since is None)
    finally:
        client.close()
    seal = FieldSeal.of(settings)
    found = [without_id(seal.open(PRICE_CHANGES, one)) for one in page.documents]
    return found[::-1] if since is None else found


async def follow(settings: Settings, since: datetime | None) -> AsyncGenerator[Change, None]:
    """Changes as the pipeline derives them, each once, without an end.

    They are read from the results topic, in the order in which they were written: so that a change
    that comes late, with a time that is long past, is among them. Those observed at *since* or
    later, or those that are derived from now on.

    Raises:
        KafkaError: the broker cannot be read.
    """
    earliest = None
    if since is not None:
        # A result is written after its observation, whose time is at most so far ahead.
        earliest = max(to_ms(since) - settings.most_ahead_ms, 0)
    seen: OrderedDict[str, None] = OrderedDict()
    async with aclosing(tail(settings, topics.RESULTS.name, earliest)) as records:
        async for record in records:
            change = _change(record.value)
            if change is None or (since is not None and change["observed_at"] < since):
                continue
            if change["_id"] in seen:
                continue
            seen[change["_id"]] = None
            if len(seen) > REMEMBERED:
                seen.popitem(last=False)
            yield without_id(change)


def _change(value: bytes | None) -> Change | None:
    """The document of a price change; ``None``: the record is another one."""
    try:
        fields = orjson.loads(value or b"null")
        return change_document(fields) if fields["type"] == "price_change" else None
    except (ValueError, LookupError, TypeError, AttributeError):
        # Not of this program: the sink makes a dead letter of it.
        return None


_COLUMNS = (
    Column("observed (UTC)"),
    Column("item"),
    Column("offer"),
    Column("seller"),
    *(Column(name, is_number=True) for name in ("price", "landed", "change")),
    Column("what changed"),
)


def lines(found: Sequence[Change]) -> list[str]:
    """A table for people."""
    return table("Price changes", _COLUMNS, map(_cells, found)) or ["no price changes"]


def line(change: Change) -> str:
    """One change for people."""
    return "  ".join(cell for cell in _cells(change) if cell)


def _cells(change: Change) -> tuple[str, ...]:
    return (
        moment(change["observed_at"]),
        change["item_id"],
        change["offer"],
        change["seller"] or "",
        dollars(change["price_cents"]),
        dollars(change["landed_cents"]),
        difference(change["delta_cents"]),
        what_changed(change),
    )
