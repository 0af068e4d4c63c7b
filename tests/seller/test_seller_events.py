"""Reading events: item, SKU and time, and what cannot be right."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from walmart_stream.domain.errors import BadInput, BadTime, MalformedJson, WrongShape
from walmart_stream.domain.time import to_iso
from walmart_stream.walmart.seller.events import (
    MOST_AHEAD_MS,
    OLDEST_MS,
    UnknownEvent,
    UnknownItem,
    read_event,
)

NOW = 1_800_000_000_000


def event(payload: Any, kind: Any = "BUY_BOX_CHANGED", **source: Any) -> bytes:
    return orjson.dumps(
        {"source": {"eventType": kind, "eventId": "e", **source}, "payload": payload}
    )


@pytest.mark.parametrize(
    ("payload", "item_id", "sku"),
    [
        ({"itemInfo": {"itemId": "42", "sku": " A/1 "}}, "42", " A/1 "),
        ({"itemInfo": {"itemId": 42, "sku": 7}}, "42", "7"),
        ({"ITEMINFO": {"item_id": "42"}}, "42", None),
        ({"itemId": "42", "sku": "A"}, "42", "A"),
        ({"itemInfo": {"itemId": "x42", "sku": "A"}}, None, "A"),
        ({"sku": "A", "itemInfo": None}, None, "A"),
    ],
)
def test_an_event_names_item_or_sku(payload: Any, item_id: str | None, sku: str | None) -> None:
    """In either place, text or number; the SKU as it is."""
    found = read_event(event(payload), NOW)

    assert (found.item_id, found.sku, found.event_id) == (item_id, sku, "e")


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", MalformedJson),
        (b"{", MalformedJson),
        (b"\xff", MalformedJson),
        (b"[" * 5000, MalformedJson),
        (b"[]", WrongShape),
        (b'{"source":{},"payload":[]}', WrongShape),
        (b'{"source":{},"payload":{}}', WrongShape),
        (event({"sku": "A"}, "PO_CREATED"), UnknownEvent),
        (event({"sku": "A"}, "SOMETHING_NEW"), UnknownEvent),
        (event({}), UnknownItem),
        (event({"sku": " ", "itemId": "0"}), UnknownItem),
        (event({"sku": "A"}, eventTime=5), BadTime),
        (event({"sku": "A"}, eventTime="yesterday"), BadTime),
        (event({"sku": "A"}, eventTime="2027-01-15T08:00:00"), BadTime),
    ],
)
def test_what_is_no_event_about_an_item_is_bad_input(body: bytes, fault: type[BadInput]) -> None:
    """Never another exception: it would be answered with 500, and come again for ever."""
    with pytest.raises(fault):
        read_event(body, NOW)


@pytest.mark.parametrize(
    ("at", "fits"),
    [
        (NOW, True),
        (NOW + MOST_AHEAD_MS, True),
        (NOW - OLDEST_MS, True),
        (NOW + MOST_AHEAD_MS + 1, False),
        (NOW - OLDEST_MS - 1, False),
    ],
)
def test_a_time_that_cannot_be_now_is_bad_input(at: int, fits: bool) -> None:
    """One far ahead would keep everything newer out of the item's state."""
    body = event({"sku": "A"}, eventTime=to_iso(at))

    if fits:
        assert read_event(body, NOW).occurred_at == at
    else:
        with pytest.raises(BadTime):
            read_event(body, NOW)


def test_an_event_without_a_time_has_none() -> None:
    """Its arrival counts then."""
    assert read_event(event({"sku": "A"}), NOW).occurred_at is None
