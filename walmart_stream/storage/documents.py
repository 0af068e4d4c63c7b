"""The documents of MongoDB, made from the values of the results topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.time import parse_iso, to_datetime

OFFERS = "offers"
PRICE_CHANGES = "price_changes"
PRICE_WINDOWS = "price_windows"

_OFFER_FIELDS = (
    "item_id",
    "offer",
    "name",
    "seller",
    "price_cents",
    "shipping_cents",
    "landed_cents",
    "two_day_cents",
    "available",
)
_CHANGE_FIELDS = (
    "item_id",
    "offer",
    "seller",
    "kinds",
    "price_cents",
    "shipping_cents",
    "landed_cents",
    "available",
    "previous",
    "delta_cents",
    "delta_pct",
    "source",
)
_WINDOW_FIELDS = (
    "item_id",
    "offer",
    "observations",
    "changes",
    "open",
    "high",
    "low",
    "close",
    "mean",
    "coverage",
)


def offer_document(change: Mapping[str, Any]) -> dict[str, Any]:
    """The ``offers`` document as of a ``price_change`` event's fields."""
    document: dict[str, Any] = {"_id": f"{change['item_id']}:{change['offer']}"}
    document.update((field, change[field]) for field in _OFFER_FIELDS)
    document["changed_at"] = to_datetime(parse_iso(change["observed_at"]))
    return document


def change_document(change: Mapping[str, Any]) -> dict[str, Any]:
    """The ``price_changes`` document of a ``price_change`` event's fields."""
    at = parse_iso(change["observed_at"])
    document: dict[str, Any] = {"_id": f"{change['item_id']}:{change['offer']}:{at}"}
    document.update((field, change[field]) for field in _CHANGE_FIELDS)
    document["observed_at"] = to_datetime(at)
    return document


def window_document(closed: Mapping[str, Any]) -> dict[str, Any]:
    """The ``price_windows`` document of a ``window_closed`` event's fields."""
    start = parse_iso(closed["start"])
    document: dict[str, Any] = {"_id": f"{closed['item_id']}:{closed['offer']}:{start}"}
    document.update((field, closed[field]) for field in _WINDOW_FIELDS)
    document["start"] = to_datetime(start)
    document["end"] = to_datetime(parse_iso(closed["end"]))
    return document
