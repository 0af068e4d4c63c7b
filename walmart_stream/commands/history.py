"""``walmart-stream history``: an item's price and shipping history, for people and programs."""

from __future__ import annotations

import io
import shutil
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from walmart_stream.domain.plain import plain
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.queries import CHANGES, Document, Span, is_known
from walmart_stream.storage.rows import CHANGE_COLUMNS, change_row, csv_line, to_json, without_id
from walmart_stream.storage.sealed import FieldSeal

Changes = AsyncGenerator[Document, None]

# Where the output is no terminal: wide enough that nothing is cut.
DEFAULT_WIDTH = 140


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
    table = Table(title=f"Item {item_id}")
    for column in ("observed (UTC)", "offer", "seller"):
        table.add_column(column)
    for column in ("price", "shipping", "landed", "change"):
        table.add_column(column, justify="right")
    table.add_column("what changed")
    async for change in changes:
        cells = (
            change["observed_at"].strftime("%Y-%m-%d %H:%M:%S"),
            change["offer"],
            change["seller"] or "",
            *(_dollars(change[f"{amount}_cents"]) for amount in ("price", "shipping", "landed")),
            _delta(change["delta_cents"]),
            # A change without kinds is one of who holds the buy box.
            (", ".join(change["kinds"]) or "buy box")
            + ("" if change["available"] else " (unavailable)"),
        )
        # As plain text: in a seller's name, brackets are no markup.
        table.add_row(*(Text(plain(cell)) for cell in cells))
    if not table.row_count:
        yield f"no price changes of item {item_id}"
        return
    written = io.StringIO()
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 0)).columns
    Console(file=written, width=width).print(table)
    for line in written.getvalue().splitlines():
        yield line


def _dollars(cents: int | None) -> str:
    return "unknown" if cents is None else f"${cents // 100:,}.{cents % 100:02}"


def _delta(cents: int | None) -> str:
    if not cents:
        return ""
    return ("+" if cents > 0 else "-") + _dollars(abs(cents))


_WRITERS = {"csv": _csv, "json": _json, "table": _table}
