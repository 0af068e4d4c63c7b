"""Stored documents as JSON, and price changes as rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

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
# What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_json(value: Any) -> bytes:
    """JSON of *value*; times inside it as ISO 8601 in UTC, to the millisecond."""
    return orjson.dumps(value, default=_iso, option=orjson.OPT_PASSTHROUGH_DATETIME)


def without_id(document: Document) -> dict[str, Any]:
    """The fields of *document* that mean something outside of the database."""
    return {name: value for name, value in document.items() if name != "_id"}


def change_row(document: Document) -> list[str]:
    """The cells of a ``price_changes`` document, in the order of :data:`CHANGE_COLUMNS`.

    Unknown is an empty cell. Sellers choose their names themselves: one that a spreadsheet would
    take for a formula gets an apostrophe in front.
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
    return [_cell(value) for value in values]


def csv_line(cells: Iterable[str]) -> str:
    """One line of CSV without its end."""
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return to_iso(to_ms(value))
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value)


def _iso(value: Any) -> str:
    if isinstance(value, datetime):
        return to_iso(to_ms(value))
    raise TypeError(type(value).__name__)
