"""What the sink takes for a result."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from walmart_stream.agents.result_shape import check_change, check_window
from walmart_stream.domain import events
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import UNAVAILABLE, Offer

SOURCE = Source("walmart-competitor-data", 3, 14)
OFFER = Offer(1999, 599, None, True, "Acme")


def fields(event: events.Event) -> dict[str, Any]:
    """*event* as the sink reads it."""
    read: dict[str, Any] = orjson.loads(events.encode(event))
    return read


def change(previous: Offer | None = OFFER) -> dict[str, Any]:
    return fields(PriceChange("1", "featured", "Tea", ("price",), OFFER, previous, 5, SOURCE))


def window(mean: float | None = 2598.0) -> dict[str, Any]:
    return fields(WindowClosed("1", "featured", 0, 5, 1, 0, None, None, None, None, mean, 0.0))


@pytest.mark.parametrize("previous", [None, UNAVAILABLE, OFFER, OFFER._replace(price_cents=0)])
def test_every_change_that_the_domain_makes_has_the_right_shape(previous: Offer | None) -> None:
    """The check and the domain's documents agree, whatever is unknown."""
    check_change(change(previous))


@pytest.mark.parametrize("mean", [None, 0.0, 1e16])
def test_every_window_that_the_domain_makes_has_the_right_shape(mean: float | None) -> None:
    """Windows without a known price have neither prices nor a mean."""
    check_window(window(mean))


@pytest.mark.parametrize("name", sorted(change().keys() - {"type", "schema"}))
def test_a_change_without_one_of_its_fields_is_named(name: str) -> None:
    """The reason in the dead letter says which field to look for."""
    value = change()
    del value[name]

    with pytest.raises(WrongShape, match=f"^{name} is missing"):
        check_change(value)


@pytest.mark.parametrize("name", sorted(window().keys() - {"type", "schema"}))
def test_a_mistyped_field_of_a_window_is_named(name: str) -> None:
    """No field of a window is an object."""
    with pytest.raises(WrongShape, match=f"^{name}: .* is due, not dict"):
        check_window({**window(), name: {"$gt": ""}})


def test_what_the_database_has_no_room_for_is_refused() -> None:
    """BSON's integers have 64 bits; the driver would raise at every attempt."""
    with pytest.raises(WrongShape, match="64 bits"):
        check_change({**change(), "price_cents": 2**63})


def test_what_is_stored_as_it_is_must_have_no_other_fields() -> None:
    """A field's name can be what the database refuses."""
    with pytest.raises(WrongShape, match=r"^source: "):
        check_change({**change(), "source": {**SOURCE._asdict(), "a\0b": 1}})


def test_fields_of_later_versions_are_passed_over() -> None:
    """They are not stored, and a worker of the old version must not dead-letter them."""
    check_change({**change(), "new": {"field": []}})


def own_change() -> dict[str, Any]:
    box = BuyBox("rival", "Acme", False, 5, 5, 10, 30, 0)
    return fields(PriceChange("1", "own", "Tea", (), OFFER, OFFER, 5, SOURCE, box))


def test_a_change_of_the_own_offer_may_tell_who_holds_the_buy_box() -> None:
    """Other changes do not, and it is then not there."""
    check_change(own_change())

    assert "buy_box" not in change()


@pytest.mark.parametrize(
    "box", [None, "own", {}, {"holder": "own"}, {**own_change()["buy_box"], "since": 5}]
)
def test_a_mistyped_buy_box_is_named(box: object) -> None:
    """It is stored as it is."""
    with pytest.raises(WrongShape, match="buy_box"):
        check_change({**own_change(), "buy_box": box})
