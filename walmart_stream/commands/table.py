"""Tables for people: as wide as the terminal, without colours and without markup."""

from __future__ import annotations

import io
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from walmart_stream.domain.plain import plain
from walmart_stream.domain.time import to_iso, to_ms

# Where the output is not a terminal: wide enough that nothing is cut.
DEFAULT_WIDTH = 140

# Rows that settle the widths of a long table: enough for every offer and most sellers of an item.
FIRST_ROWS = 1000


class Column(NamedTuple):
    """The head of a column; numbers stand on the right."""

    name: str
    is_number: bool = False


def table(title: str, columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table without their ends; none where there are no *rows*."""
    # Imported late: it takes a fifth of a second, which a command that prints JSON need not wait.
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(plain(title)))
    for column in columns:
        made.add_column(column.name, justify="right" if column.is_number else "left")
    for row in rows:
        # As plain text: in a seller's name, brackets are no markup.
        made.add_row(*(Text(plain(cell)) for cell in row))
    if not made.row_count:
        return []
    written = io.StringIO()
    width = shutil.get_terminal_size((DEFAULT_WIDTH, 0)).columns
    Console(file=written, width=width, color_system=None).print(made)
    return written.getvalue().splitlines()


async def long_table(
    title: str, columns: Sequence[Column], rows: AsyncIterator[Sequence[str]]
) -> AsyncGenerator[str, None]:
    """As :func:`table`, line by line and in constant memory, however many *rows* come.

    The first ones settle the widths; a later cell that is wider is cut.
    """
    first: list[Sequence[str]] = []
    while len(first) < FIRST_ROWS and (row := await anext(rows, None)) is not None:
        first.append(row)
    lines = table(title, columns, first)
    for line in lines[:-1]:
        yield line
    if len(first) == FIRST_ROWS:
        from rich.cells import cell_len, set_cell_size

        def fit(cell: str, width: int, column: Column) -> str:
            text = plain(cell)
            if (missing := width - cell_len(text)) < 0:
                return set_cell_size(text, width - 1) + "…"
            return " " * missing + text if column.is_number else text + " " * missing

        head = next(line for line in lines if line.startswith("┃"))
        widths = [len(cell) - 2 for cell in head.split("┃")[1:-1]]
        async for row in rows:
            cells = zip(row, widths, columns, strict=True)
            yield "│ " + " │ ".join(fit(*cell) for cell in cells) + " │"
    for line in lines[-1:]:
        yield line


def dollars(cents: int | None) -> str:
    """An amount; unknown is a word, never 0."""
    return "unknown" if cents is None else f"${cents // 100:,}.{cents % 100:02}"


def difference(cents: int | None) -> str:
    """A change of an amount, with its sign; empty where there is none or it is unknown."""
    if not cents:
        return ""
    return ("+" if cents > 0 else "-") + dollars(abs(cents))


def moment(at: datetime | str) -> str:
    """A time to the second, in UTC; given as one or as ISO 8601 in UTC."""
    text = at if isinstance(at, str) else to_iso(to_ms(at))
    return text[:19].replace("T", " ")


def what_changed(change: Mapping[str, Any]) -> str:
    """The kinds of a price change in words."""
    # A change without kinds is one of who holds the buy box.
    kinds = ", ".join(change["kinds"]) or "buy box"
    return kinds if change["available"] else f"{kinds} (unavailable)"
