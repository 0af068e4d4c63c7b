"""The shape of results that the sink accepts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from walmart_stream.agents.result_shape import read_result
from walmart_stream.domain import events
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.errors import EmptyValue, MalformedJson, WrongShape
from walmart_stream.domain.events import OfferUpdated, PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import UNAVAILABLE, Offer

SOURCE = Source("walmart-competitor-data", 3, 14)
OFFER = Offer(1999, 599, None, True, "Acme")


def fields(event: events.Event) -> dict[str, Any]:
    """*event* as it is in the topic."""
    read: dict[str, Any] = orjson.loads(events.encode(event))
    return read


def change(previous: Offer | None = OFFER) -> dict[str, Any]:
    return fields(PriceChange("1", "featured", "Tea", ("price",), OFFER, previous, 5, SOURCE))


def own_change() -> dict[str, Any]:
    box = BuyBox("rival", "Acme", False, 5, 5, 10, 30, 0)
    return fields(PriceChange("1", "own", "Tea", (), OFFER, OFFER, 5, SOURCE, box))


def window(
    mean: float | None = 2598.0, carried: bool | None = True, since: int | None = 1
) -> dict[str, Any]:
    none = None, None, None, None
    return fields(
        WindowClosed("1", "featured", 0, 5000, 1, 0, *none, mean, 0.0, 15_000, carried, 4, since)
    )


def update(box: BuyBox | None = None) -> dict[str, Any]:
    return fields(OfferUpdated("1", "own", "Tea", OFFER, 4, 5, 6, box))


def read(value: object) -> Any:
    return read_result(orjson.dumps(value))


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: field for name, field in value.items() if name not in names}


@pytest.mark.parametrize("previous", [None, UNAVAILABLE, OFFER, OFFER._replace(price_cents=0)])
def test_every_change_that_the_domain_makes_is_read_as_it_is(previous: Offer | None) -> None:
    """The shape and the domain's documents agree, whatever is unknown."""
    assert read(change(previous)) == without(change(previous), "schema")


@pytest.mark.parametrize("mean", [None, 0.0, 1e16])
def test_every_window_that_the_domain_makes_is_read_as_it_is(mean: float | None) -> None:
    """Windows without a known price have neither prices nor a mean."""
    assert read(window(mean)) == without(window(mean), "schema")


@pytest.mark.parametrize("since", [None, 1])
@pytest.mark.parametrize("carried", [None, False, True])
def test_windows_of_the_first_release_are_read_too(carried: bool | None, since: int | None) -> None:
    """They say neither their width nor whether a price was carried in."""
    said = window(carried=carried, since=since if carried else None)

    assert read(said) == without(said, "schema")
    assert ("width_s" in said) == (carried is not None)


@pytest.mark.parametrize("name", ["known_for_s", "carried", "seen_at"])
def test_a_window_that_says_its_width_says_the_rest(name: str) -> None:
    """Half of it would be no document, and would stop whoever writes it."""
    with pytest.raises(WrongShape, match=f"missing required field `{name}`"):
        read(without(window(), name))


@pytest.mark.parametrize("box", [None, BuyBox("rival", "Acme", False, 5, 5, 10, 30, 0)])
def test_every_update_that_the_domain_makes_is_read_as_it_is(box: BuyBox | None) -> None:
    """With the holder of the buy box or without."""
    assert read(update(box)) == without(update(box), "schema")


def test_a_revision_is_read_where_there_is_one() -> None:
    """A change has one if the item was seen later than the offer."""
    late = fields(PriceChange("1", "own", "Tea", (), OFFER, OFFER, 5, SOURCE, None, 8))

    assert read(late)["revision"] == 13
    assert "revision" not in change()


@pytest.mark.parametrize("name", sorted(change().keys() - {"schema"}))
def test_a_change_without_one_of_its_fields_is_named(name: str) -> None:
    """The reason in the dead letter says which field to look for."""
    with pytest.raises(WrongShape, match=f"missing required field `{name}`"):
        read(without(change(), name))


@pytest.mark.parametrize("name", sorted(window().keys() - {"schema"}))
def test_a_mistyped_field_of_a_window_is_named(name: str) -> None:
    """No field of a window is an object."""
    with pytest.raises(WrongShape, match=rf"got `object` - at `\$\.{name}`"):
        read({**window(), name: {"$gt": ""}})


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, 10**30])
def test_what_the_database_has_no_room_for_is_refused(number: int) -> None:
    """BSON's integers have 64 bits; the driver would raise at every attempt."""
    text = orjson.dumps(change()).replace(b'"price_cents":1999', b'"price_cents":%d' % number, 1)

    with pytest.raises(WrongShape, match=r"price_cents"):
        read_result(text)


def test_fields_of_later_versions_are_left_out() -> None:
    """A worker of the old version must not dead-letter them, and a field's name can be what the
    database refuses."""
    source = {**change()["source"], "a\0b": 1}
    value = {**change(), "new": {"field": []}, "source": source}

    assert read(value) == without(change(), "schema")


def test_a_change_of_the_own_offer_may_tell_who_holds_the_buy_box() -> None:
    """Other changes do not, and it is then not there."""
    assert read(own_change())["buy_box"] == own_change()["buy_box"]
    assert "buy_box" not in read(change())


@pytest.mark.parametrize(
    "box", [None, "own", {}, {"holder": "own"}, {**own_change()["buy_box"], "since": 5}]
)
def test_a_mistyped_buy_box_is_named(box: object) -> None:
    """It is stored as it is."""
    with pytest.raises(WrongShape, match="buy_box"):
        read({**own_change(), "buy_box": box})


@pytest.mark.parametrize("value", [[], 1, {}, {"type": "sale"}, {"type": ["window_closed"]}])
def test_what_is_neither_a_change_nor_a_window_is_refused(value: object) -> None:
    """Whatever it is."""
    with pytest.raises(WrongShape, match="not a result"):
        read(value)


@pytest.mark.parametrize(
    "value",
    [
        b"{",
        b'{"type":"window_closed"} ,',
        orjson.dumps(change()).replace(b"Acme", b"\xff"),
        b'{"type":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
def test_what_is_no_json_is_refused(value: bytes) -> None:
    """Also texts that are none, and nesting without an end."""
    with pytest.raises((MalformedJson, WrongShape)):
        read_result(value)


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_result_is_refused(value: bytes | None) -> None:
    """The topic is not compacted: nothing deletes there."""
    with pytest.raises(EmptyValue):
        read_result(value)
