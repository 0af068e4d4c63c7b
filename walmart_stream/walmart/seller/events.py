"""Events as webhooks bring them: which item they are about, and when they happened. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from walmart_stream.domain.errors import BadInput, BadTime, WrongShape
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.reading.sent import read_message
from walmart_stream.domain.time import parse_iso
from walmart_stream.walmart.seller import fields as read

# Those that say something about an item's offers. Orders, returns and reports do not.
ITEM_EVENTS = frozenset(
    {"BUY_BOX_CHANGED", "OFFER_PUBLISHED", "OFFER_UNPUBLISHED", "INVENTORY_OOS"}
)

# Clocks differ; an event from further ahead would keep everything newer out until its time comes.
MOST_AHEAD_MS = 300_000

# Walmart gives up an event after an hour or so. What is much older is no news of today's prices.
OLDEST_MS = 7 * 86_400_000


# Values in an event. Walmart's have some hundred; a body of a megabyte could hold half a million,
# of hundreds of megabytes as objects.
MOST_VALUES = 10_000


class UnknownEvent(BadInput):
    """The event is of a type that says nothing about an item's offers."""


class UnknownItem(BadInput):
    """The event is about an offer, and what item that is cannot be found out."""


# Characters; Walmart allows 50. It is a part of keys, which must stay small.
LONGEST_SKU = 500


@dataclass(frozen=True, slots=True)
class SellerEvent:
    """The subject of an event. ``occurred_at`` is epoch milliseconds, if Walmart says when."""

    event_id: str | None
    event_type: str
    occurred_at: int | None
    item_id: str | None
    sku: str | None


def read_event(body: bytes, now: int) -> SellerEvent:
    """The event in *body*, which arrived at *now* (epoch ms). Its item id or its SKU is known.

    Raises:
        BadInput: it is none, is about no item, or its time cannot be right.
    """
    envelope = read.fields(read_message(body, MOST_VALUES))
    source, payload = envelope.get("source"), envelope.get("payload")
    if not isinstance(source, dict) or not isinstance(payload, dict):
        raise WrongShape("an event must be an object with source and payload")
    about = read.fields(source)
    event_type = read.text(about.get("eventtype"))
    if event_type is None:
        raise WrongShape("source.eventType: must be text")
    if event_type not in ITEM_EVENTS:
        raise UnknownEvent(f"events of type {event_type[:60]!r} are not about an item's offers")
    found = read.fields(payload)
    item_id, sku = _names(read.fields(found.get("iteminfo")), found)
    if item_id is None and sku is None:
        raise UnknownItem("neither an item id nor a SKU is in it")
    return SellerEvent(
        read.text(about.get("eventid")),
        event_type,
        _time(about.get("eventtime"), now),
        item_id,
        sku,
    )


def _names(info: dict[str, Any], payload: dict[str, Any]) -> tuple[str | None, str | None]:
    item_id = read.text(info.get("itemid", payload.get("itemid")))
    sku = info.get("sku", payload.get("sku"))
    if isinstance(sku, int) and not isinstance(sku, bool):
        sku = str(sku)
    return (
        item_id if item_id is not None and ITEM_ID.fullmatch(item_id) else None,
        # As it is, blanks included: it is looked up like this.
        sku if isinstance(sku, str) and sku.strip() and len(sku) <= LONGEST_SKU else None,
    )


def _time(value: Any, now: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise BadTime("source.eventTime: must be an ISO 8601 time")
    try:
        at = parse_iso(value)
    except ValueError as exc:
        raise BadTime(f"source.eventTime: {str(exc)[:100]}") from None
    if not now - OLDEST_MS <= at <= now + MOST_AHEAD_MS:
        raise BadTime(f"source.eventTime: {value[:40]} is not possible now")
    return at
