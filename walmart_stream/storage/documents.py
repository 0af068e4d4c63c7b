"""The documents of MongoDB, made from the values of the results topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.time import parse_moment

OFFERS = "offers"
PRICE_CHANGES = "price_changes"
PRICE_WINDOWS = "price_windows"
ITEMS = "items"
DEAD_LETTERS = "dead_letters"
ALERTS = "alerts"
ALERT_DELIVERIES = "alert_deliveries"

# What explains to the own offer who holds the buy box.
REASONS = ("insights", "compared")

# The width of windows whose ids do not name it: the default of the first release, seconds.
UNNAMED_WIDTH_S = 3600


def offer_document(change: Mapping[str, Any]) -> dict[str, Any]:
    """The ``offers`` document as of a ``price_change`` or ``offer_updated`` event's fields."""
    item_id, offer = change["item_id"], change["offer"]
    changed_at = change.get("changed_at", change["observed_at"])
    document = {
        "_id": f"{item_id}:{offer}",
        "item_id": item_id,
        "offer": offer,
        "name": change["name"],
        "seller": change["seller"],
        "price_cents": change["price_cents"],
        "shipping_cents": change["shipping_cents"],
        "landed_cents": change["landed_cents"],
        "two_day_cents": change["two_day_cents"],
        "available": change["available"],
        "changed_at": parse_moment(changed_at)[1],
        "revision": revision_of(change),
    }
    if "buy_box" in change:
        document["buy_box"] = _buy_box(change["buy_box"])
    for name in REASONS:
        if name in change:
            document[name] = _buy_box(change[name])
    return document


def revision_of(change: Mapping[str, Any]) -> int:
    """The order of an offer's documents: a larger one says all that a smaller one knew, and more.

    It is the sum of the offer's last observation and the newest one of its item (epoch ms each),
    and of the own offer's insights and comparison: each of them may change what the document says,
    and none ever goes back. A
    ``price_change`` leaves it out where the two are the same.

    Raises:
        ValueError: a time in it is none.
    """
    revision: int = change.get("revision") or 2 * parse_moment(change["observed_at"])[0]
    return revision


def change_document(change: Mapping[str, Any]) -> dict[str, Any]:
    """The ``price_changes`` document of a ``price_change`` event's fields."""
    item_id, offer = change["item_id"], change["offer"]
    at, moment = parse_moment(change["observed_at"])
    document = {
        "_id": f"{item_id}:{offer}:{at}",
        "item_id": item_id,
        "offer": offer,
        "seller": change["seller"],
        "kinds": change["kinds"],
        "price_cents": change["price_cents"],
        "shipping_cents": change["shipping_cents"],
        "landed_cents": change["landed_cents"],
        "available": change["available"],
        "previous": change["previous"],
        "delta_cents": change["delta_cents"],
        "delta_pct": change["delta_pct"],
        "source": change["source"],
        "observed_at": moment,
    }
    if "buy_box" in change:
        document["buy_box"] = _buy_box(change["buy_box"])
    return document


def window_document(closed: Mapping[str, Any]) -> dict[str, Any]:
    """The ``price_windows`` document of a ``window_closed`` event's fields.

    Windows that the first release began have no ``width_s`` and what comes with it, and do not
    name their width in their ``_id``.
    """
    item_id, offer = closed["item_id"], closed["offer"]
    start, moment = parse_moment(closed["start"])
    document = {
        "_id": f"{item_id}:{offer}:{start}",
        "item_id": item_id,
        "offer": offer,
        "observations": closed["observations"],
        "changes": closed["changes"],
        "open": closed["open"],
        "high": closed["high"],
        "low": closed["low"],
        "close": closed["close"],
        "mean": closed["mean"],
        "coverage": closed["coverage"],
        "start": moment,
        "end": parse_moment(closed["end"])[1],
    }
    width_s = closed.get("width_s")
    if width_s is not None:
        if width_s != UNNAMED_WIDTH_S:
            document["_id"] += f":{width_s}"
        document["width_s"] = width_s
        document["known_for_s"] = closed["known_for_s"]
        document["carried"] = closed["carried"]
        document["seen_at"] = parse_moment(closed["seen_at"])[1]
        if "since" in closed:
            document["since"] = parse_moment(closed["since"])[1]
    return document


def _buy_box(box: Mapping[str, Any]) -> dict[str, Any]:
    """The own offer's words about its buy box, each with the time since when it is so."""
    return {**box, "since": parse_moment(box["since"])[1]}
