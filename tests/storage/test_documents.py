"""Documents: the fields of the contract, made from the values of the results topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
import orjson
import pytest
from msgspec import structs

from walmart_stream.domain import events
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import OfferUpdated, PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.storage.documents import change_document, offer_document, window_document

AT = 1_795_370_400_123
CHANGE = PriceChange(
    item_id="12417832",
    offer="marketplace",
    name="Blue Kettle",
    kinds=("price", "shipping"),
    now=Offer(2349, 0, 997, True, "Acme LLC"),
    previous=Offer(2449, None, None, True, "Acme LLC"),
    observed_at=AT,
    source=Source("walmart-competitor-data", 3, 42),
)
WINDOW = WindowClosed(
    item_id="12417832",
    offer="featured",
    start=1_795_370_400_000,
    end=1_795_374_000_000,
    observations=5,
    changes=2,
    open=100,
    high=300,
    low=50,
    close=200,
    mean=151.25,
    coverage=0.75,
    known_ms=10_800_000,
    carried=True,
    seen_at=1_795_373_000_000,
)


def stored(event: events.Event) -> dict[str, Any]:
    """The event as it comes out of the results topic."""
    fields: dict[str, Any] = orjson.loads(events.encode(event))
    return fields


def test_a_change_document_has_the_fields_of_the_contract() -> None:
    """These and no others; the id is made of item, offer and time."""
    assert change_document(stored(CHANGE)) == {
        "_id": f"12417832:marketplace:{AT}",
        "item_id": "12417832",
        "offer": "marketplace",
        "seller": "Acme LLC",
        "kinds": ["price", "shipping"],
        "price_cents": 2349,
        "shipping_cents": 0,
        "landed_cents": 2349,
        "available": True,
        "previous": {
            "price_cents": 2449,
            "shipping_cents": None,
            "landed_cents": None,
            "available": True,
            "seller": "Acme LLC",
        },
        "delta_cents": -100,
        "delta_pct": -100 * 100 / 2449,
        "observed_at": datetime(2026, 11, 22, 18, 0, 0, 123000, UTC),
        "source": {"topic": "walmart-competitor-data", "partition": 3, "offset": 42},
    }


def test_the_document_of_a_first_sight_has_nulls() -> None:
    """There is nothing before, and an unavailable offer has no price."""
    first = PriceChange("1", "featured", None, ("first_seen",), UNAVAILABLE, None, 0, CHANGE.source)

    document = change_document(stored(first))

    assert document["_id"] == "1:featured:0"
    assert document["kinds"] == ["first_seen"]
    assert document["available"] is False
    nulls = {name for name, value in document.items() if value is None}
    assert nulls == {
        "seller",
        "price_cents",
        "shipping_cents",
        "landed_cents",
        "previous",
        "delta_cents",
        "delta_pct",
    }


def test_an_offer_document_has_the_fields_of_the_contract() -> None:
    """It holds the offer as of its last change."""
    assert offer_document(stored(CHANGE)) == {
        "_id": "12417832:marketplace",
        "item_id": "12417832",
        "offer": "marketplace",
        "name": "Blue Kettle",
        "seller": "Acme LLC",
        "price_cents": 2349,
        "shipping_cents": 0,
        "landed_cents": 2349,
        "two_day_cents": 997,
        "available": True,
        "changed_at": datetime(2026, 11, 22, 18, 0, 0, 123000, UTC),
        "revision": 2 * AT,
    }


def test_an_update_makes_the_document_of_its_offer() -> None:
    """With the time of the last price change, which it is not, and a higher revision."""
    updated = OfferUpdated("12417832", "marketplace", "Red Kettle", CHANGE.now, AT, AT + 5, AT + 70)

    assert offer_document(stored(updated)) == {
        **offer_document(stored(CHANGE)),
        "name": "Red Kettle",
        "revision": 2 * AT + 75,
    }


def test_a_change_that_comes_after_a_newer_one_of_its_item_says_so() -> None:
    """The name may have changed in between: the sum of both times orders the documents."""
    late = structs.replace(CHANGE, newest=AT + 70)

    assert offer_document(stored(late))["revision"] == 2 * AT + 70


def test_a_window_document_has_the_fields_of_the_contract() -> None:
    """The id is made of item, offer and start."""
    assert window_document(stored(WINDOW)) == {
        "_id": "12417832:featured:1795370400000",
        "item_id": "12417832",
        "offer": "featured",
        "start": datetime(2026, 11, 22, 18, tzinfo=UTC),
        "end": datetime(2026, 11, 22, 19, tzinfo=UTC),
        "observations": 5,
        "changes": 2,
        "open": 100,
        "high": 300,
        "low": 50,
        "close": 200,
        "mean": 151.25,
        "coverage": 0.75,
        "width_s": 3600,
        "known_for_s": 10_800.0,
        "carried": True,
        "seen_at": datetime(2026, 11, 22, 18, 43, 20, tzinfo=UTC),
    }


@pytest.mark.parametrize("width_s", [1, 60, 7200])
def test_the_id_of_a_window_names_its_width_where_that_is_not_an_hour(width_s: int) -> None:
    """So that windows of two widths that start together are two documents."""
    other = structs.replace(WINDOW, end=WINDOW.start + 1000 * width_s)

    document = window_document(stored(other))

    assert document["_id"] == f"12417832:featured:1795370400000:{width_s}"
    assert document["width_s"] == width_s


def test_the_first_window_after_a_change_of_width_says_since_when_it_counts() -> None:
    """Earlier observations were counted at the other width."""
    after = structs.replace(WINDOW, since=WINDOW.start + 60_000)

    assert window_document(stored(after))["since"] == datetime(2026, 11, 22, 18, 1, tzinfo=UTC)


def test_a_window_of_the_first_release_has_its_document() -> None:
    """Without what that release did not know, at an id without a width, whatever it was."""
    old = structs.replace(WINDOW, carried=None, end=WINDOW.start + 60_000)

    document = window_document(stored(old))

    assert document["_id"] == "12417832:featured:1795370400000"
    assert document.keys().isdisjoint({"width_s", "known_for_s", "carried", "seen_at", "since"})


@pytest.mark.parametrize("make", [change_document, offer_document])
def test_documents_survive_bson(make: Any) -> None:
    """Dates are exact to the millisecond, and no field has a type that MongoDB changes."""
    document = make(stored(CHANGE))
    options: Any = bson.CodecOptions(tz_aware=True)

    assert bson.decode(bson.encode(document), options) == document


@pytest.mark.parametrize("missing", ["item_id", "observed_at", "kinds", "source"])
def test_a_value_that_lacks_a_field_is_refused(missing: str) -> None:
    """The sink makes a dead letter of it rather than half a document."""
    fields = stored(CHANGE)
    del fields[missing]

    with pytest.raises(KeyError, match=missing):
        change_document(fields)


def test_documents_of_the_own_offer_tell_who_holds_the_buy_box() -> None:
    """Beside the fields of the contract, and only where that is known."""
    box = BuyBox("rival", "Acme LLC", False, AT - 1000, AT, 3_600_000, 10_800_000, 0)
    own = PriceChange("1", "own", None, (), CHANGE.now, CHANGE.now, AT, CHANGE.source, box)
    due = {
        "holder": "rival",
        "seller": "Acme LLC",
        "suppressed": False,
        "since": datetime(2026, 11, 22, 17, 59, 59, 123000, tzinfo=UTC),
    }

    assert change_document(stored(own))["buy_box"] == due
    assert offer_document(stored(own))["buy_box"] == due
    assert "buy_box" not in change_document(stored(CHANGE))
