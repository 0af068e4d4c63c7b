"""``walmart-stream history``: an item's price and shipping history, for people and programs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from walmart_stream.commands.table import (
    Column,
    difference,
    dollars,
    long_table,
    moment,
    what_changed,
)
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.queries import CHANGES, Document, Span, is_known
from walmart_stream.storage.rows import CHANGE_COLUMNS, change_row, csv_line, to_json, without_id
from walmart_stream.storage.sealed import FieldSeal

Changes = AsyncGenerator[Document, None]


class UnknownItem(LookupError):
    """Nothing is stored about an item: it was never seen, or its id is wrong."""

    def __init__(self, item_id: str) -> None:
        super().__init__(f"nothing is stored about item {item_id}")


async def history(
    settings: Settings,
    item_id: str,
    since: datetime | None,
    until: datetime | None,
    format: str,
) -> AsyncGenerator[str, None]:
    """Lines, without their ends, of the price changes observed in [since, until), oldest first.

    *format*: ``csv`` has a header, ``json`` is an array with one change a line, ``table`` is for
    reading.

    Raises:
        UnknownItem: nothing is stored about it.
        PyMongoError: the database cannot be read.
    """
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        if not await is_known(database, item_id):
            raise UnknownItem(item_id)
        stored = CHANGES.between(database, Span(item_id, since, until))
        changes = _opened(stored, FieldSeal.of(settings))
        async with aclosing(changes), aclosing(_WRITERS[format](item_id, changes)) as lines:
            async for line in lines:
                yield line
    finally:
        client.close()


async def _opened(changes: Changes, seal: FieldSeal) -> Changes:
    async with aclosing(changes):
        async for change in changes:
            yield seal.open(CHANGES.collection, change)


async def _csv(item_id: str, changes: Changes) -> AsyncGenerator[str, None]:
    yield csv_line(CHANGE_COLUMNS)
    async for change in changes:
        yield csv_line(change_row(change))


async def _json(item_id: str, changes: Changes) -> AsyncGenerator[str, None]:
    before = "["
    async for change in changes:
        yield before + to_json(without_id(change)).decode()
        before = ","
    yield "]" if before == "," else "[]"


async def _table(item_id: str, changes: Changes) -> AsyncGenerator[str, None]:
    is_empty = True
    rows = (_row(change) async for change in changes)
    async with aclosing(long_table(f"Item {item_id}", _COLUMNS, rows)) as lines:
        async for line in lines:
            is_empty = False
            yield line
    if is_empty:
        yield f"no price changes of item {item_id}"


_COLUMNS = (
    Column("observed (UTC)"),
    Column("offer"),
    Column("seller"),
    *(Column(name, is_number=True) for name in ("price", "shipping", "landed", "change")),
    Column("what changed"),
)


def _row(change: Document) -> tuple[str, ...]:
    return (
        moment(change["observed_at"]),
        change["offer"],
        change["seller"] or "",
        *(dollars(change[f"{amount}_cents"]) for amount in ("price", "shipping", "landed")),
        difference(change["delta_cents"]),
        what_changed(change),
    )


_WRITERS = {"csv": _csv, "json": _json, "table": _table}
