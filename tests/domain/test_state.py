"""The authoritative value of an item, as it is stored."""

from __future__ import annotations

import pytest

from walmart_stream.domain import state
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.own import SellerState
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.windows import Rules, Window


def kettle() -> ItemState:
    return ItemState(
        applied=12345,
        clock=7_300_500,
        name='Kettle, "blue" é',
        previous_window=3_600_000,
        offers={
            "featured": OfferState(
                Offer(2497, None, 997, True, "Acme, LLC"),
                observed_at=7_300_000,
                changed_at=7_200_001,
                window=Window(
                    7_200_000, 3, 1, 5, 9, 4, 6, 2**60, 1000, 3_600_000, 9, True, 7_200_000
                ),
                closed=2,
                told=14_400_000,
            ),
            "marketplace": OfferState(
                UNAVAILABLE, 7_300_000, 0, Window(7_200_000, width_ms=3_600_000)
            ),
        },
        absent={"rival:Acme": 5},
        seller=SellerState(
            True, 2000, None, "My Shop", 7, BuyBox("rival", None, True, 1, 2, 3, 4, 5), True
        ),
        named_by_walmart=True,
    )


def test_a_state_survives_being_stored() -> None:
    """Every field comes back, unknown ones as unknown."""
    value = state.encode(kettle())

    assert state.decode(value) == kettle()
    assert state.encode(state.decode(value)) == value


def test_an_empty_state_survives_being_stored() -> None:
    """An item of which nothing is known yet."""
    assert state.decode(state.encode(ItemState())) == ItemState()


def test_the_age_of_a_stored_value_is_read_without_decoding_it() -> None:
    """Recovery compares the values of a key by it: observations first, then what the clock did."""
    assert state.age(state.encode(kettle())) == (12345, 7_300_500)
    assert state.age(state.encode(ItemState())) == (0, 0)
    assert state.age(state.encode(ItemState(applied=10**12, name="1,2,3"))) == (10**12, 0)


def test_values_of_another_version_are_not_guessed() -> None:
    """Better a stop than wrong results."""
    value = state.encode(kettle())

    with pytest.raises(ValueError, match="version 5"):
        state.decode(b"\x05" + value[1:])
    with pytest.raises(ValueError, match="version 5"):
        state.age(b"\x05" + value[1:])
    with pytest.raises(ValueError, match="version 91"):
        state.decode(b'[1,12345,"Kettle",null,{},{}]')


def test_a_copy_shares_nothing_that_changes() -> None:
    """Changing the copy leaves the original as it was."""
    original = kettle()

    copy = original.copy()
    copy.offers["featured"].window.observations += 1
    copy.offers["featured"].observed_at += 1
    copy.absent["marketplace"] = 6
    del copy.offers["marketplace"]
    assert copy.seller is not None
    assert copy.seller.box is not None
    copy.seller.price_cents = 1
    copy.seller.box.holder = "own"

    assert original == kettle()


def test_the_next_window_to_close_is_found() -> None:
    """The soonest of all offers'; the newest one is told whatever it knows."""
    item = kettle()
    hourly = Rules(3_600_000, 10_800_000)

    assert (item.newest_window, item.next_close(hourly)) == (7_200_000, 10_800_000)
    item.offers["marketplace"].closed = 1
    assert item.next_close(hourly) is None
    item.offers["featured"].told = 18_000_000
    assert item.next_close(hourly) == 18_000_000
    assert item.next_close(Rules(60_000, 10_800_000)) == 0
    assert (ItemState().newest_window, ItemState().next_close(hourly)) == (None, None)
