"""Stored documents as JSON, and price changes as rows of a CSV file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson

from walmart_stream.domain.plain import plain, plain_json
from walmart_stream.domain.time import to_iso, to_ms

Document = Mapping[str, Any]

_NOW = ("seller", "price_cents", "shipping_cents", "landed_cents", "available")
CHANGE_COLUMNS = (
    "item_id",
    "offer",
    "observed_at",
    "kinds",
    *_NOW,
    *(f"previous_{name}" for name in _NOW),
    "delta_cents",
    "delta_pct",
)
_COMPARED = ("landed_cents", "seller")
ITEM_COLUMNS = (
    "item_id",
    "name",
    "tags",
    "watched",
    "own_landed_cents",
    "own_price_cents",
    "own_shipping_cents",
    "own_available",
    "best_rival_landed_cents",
    "best_rival_seller",
    "featured_landed_cents",
    "featured_seller",
    "marketplace_landed_cents",
    "marketplace_seller",
    "gap_cents",
    "gap_pct",
    "state",
    "holder",
    "changed_at",
    "changes_day",
    "changes_week",
    "seen_at",
)
# The beginnings of a cell that a spreadsheet takes for a formula, of full width in East Asia.
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Spreadsheets split cells at the list separator of the reader's country, and a formula may stand
# behind each, also behind a quote: inside a cell it is doubled, and two are an empty beginning.
_SPLITS = re.compile('[;\t|](?=[ "]*[=+@\uff1d\uff0b\uff0d\uff20-])')

# Cells with any of these are quoted.
_TO_QUOTE = re.compile('[,;\t|"\r\n]')

# Most text is of this form, in which nothing needs to be made safe.
_SAFE = re.compile(r"[0-9A-Za-z][0-9A-Za-z _.:-]*")

# Line ends inside a cell are legal, but not every reader knows, and a formula may follow.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def to_json(value: Any, *, indented: bool = False) -> bytes:
    """JSON of *value*; times inside it as ISO 8601 in UTC, to the millisecond.

    Characters that steer terminals are written as escapes.
    """
    option = orjson.OPT_PASSTHROUGH_DATETIME | (orjson.OPT_INDENT_2 if indented else 0)
    return plain_json(orjson.dumps(value, default=_iso, option=option))


def without_id(document: Document) -> dict[str, Any]:
    """The fields of *document* that mean something outside of the database."""
    return {name: value for name, value in document.items() if name != "_id"}


def change_row(document: Document) -> list[str]:
    """The cells of a ``price_changes`` document, in the order of :data:`CHANGE_COLUMNS`.

    Unknown is an empty cell. Sellers choose their names themselves: where a spreadsheet would
    take one for a formula there is an apostrophe in front, and control characters are blanks.
    """
    previous = document["previous"] or {}
    values = [
        document["item_id"],
        document["offer"],
        document["observed_at"],
        " ".join(document["kinds"]),
        *(document[name] for name in _NOW),
        *(previous.get(name) for name in _NOW),
        document["delta_cents"],
        document["delta_pct"],
    ]
    return cells_of(values)


def cells_of(values: Iterable[Any]) -> list[str]:
    """*values* as cells of a CSV file, safe as those of :func:`change_row` are."""
    return [_cell(value) for value in values]


def item_row(item: Mapping[str, Any]) -> list[str]:
    """The cells of a listed item (see ``/api/items``), in the order of :data:`ITEM_COLUMNS`."""
    own, rival, featured, marketplace = (
        item[name] or {} for name in ("own", "best_rival", "featured", "marketplace")
    )
    values = [
        item["item_id"],
        item["name"],
        "; ".join(item["tags"]),
        item["watched"],
        *(own.get(name) for name in ("landed_cents", "price_cents", "shipping_cents", "available")),
        *(one.get(name) for one in (rival, featured, marketplace) for name in _COMPARED),
        *(item[name] for name in ("gap_cents", "gap_pct", "state", "holder", "changed_at")),
        item["changes"]["day"],
        item["changes"]["week"],
        item["seen_at"],
    ]
    return [_cell(value) for value in values]


def csv_line(cells: Iterable[str]) -> str:
    """One line of CSV without its end, quoted as RFC 4180 has it.

    Not by the module csv: whether it quotes line ends depends on its version.
    """
    # An empty line is no record to most readers.
    return ",".join(map(_quoted, cells)) or '""'


def csv_record(values: Iterable[Any]) -> str:
    """The line of :func:`csv_line` that has *values* as its :func:`cells_of`."""
    return ",".join([_WAYS.get(type(value), _any_cell)(value) for value in values]) or '""'


def _any_cell(value: Any) -> str:
    return _quoted(_cell(value))


# Most text comes again in the next rows: ids, offers, sellers, topics.
_text_cell = lru_cache(maxsize=4096)(_any_cell)


def _time_cell(value: datetime) -> str:
    return to_iso(to_ms(value))


# By the exact type of a value, so that each asks only for what it can be: a number needs no quotes.
_WAYS: dict[type, Callable[[Any], str]] = {
    type(None): lambda value: "",
    bool: lambda value: "true" if value else "false",
    int: int.__repr__,
    float: float.__repr__,
    str: _text_cell,
    datetime: _time_cell,
}


def _quoted(cell: str) -> str:
    if _TO_QUOTE.search(cell) or cell != cell.strip():
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return to_iso(to_ms(value))
    return plain(_disarmed(value)) if isinstance(value, str) else str(value)


def _disarmed(text: str) -> str:
    """*text* in a form that no spreadsheet reads as a formula, wherever it splits the cell."""
    if _SAFE.fullmatch(text):
        return text
    text = _SPLITS.sub(lambda found: f"{found[0]}'", _CONTROL.sub(" ", text))
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return to_iso(to_ms(value))
    raise TypeError(type(value).__name__)
