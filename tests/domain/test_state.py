"""The authoritative value of an item, as it is stored."""

from __future__ import annotations

import pytest

from walmart_stream.domain import state
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.own import SellerState
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.windows import Window


def kettle() -> ItemState:
    return ItemState(
        applied=12345,
        name='Kettle, "blue" é',
        previous_window=3_600_000,
        offers={
            "featured": OfferState(
                Offer(2497, None, 997, True, "Acme, LLC"),
                observed_at=7_300_000,
                changed_at=7_200_001,
                window=Window(7_200_000, 3, 1, 5, 9, 4, 6, 2**60, 1000, 2),
            ),
            "marketplace": OfferState(UNAVAILABLE, 7_300_000, 0, Window(7_200_000)),
        },
        absent={"rival:Acme": 5},
        seller=SellerState(
            True, 2000, None, "My Shop", 7, BuyBox("rival", None, True, 1, 2, 3, 4, 5), True
        ),
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
    """Recovery compares the values of a key by it."""
    assert state.applied(state.encode(kettle())) == 12345
    assert state.applied(state.encode(ItemState())) == 0
    assert state.applied(state.encode(ItemState(applied=10**12, name="1,2,3"))) == 10**12


def test_values_of_another_version_are_not_guessed() -> None:
    """Better a stop than wrong results."""
    value = state.encode(kettle())

    with pytest.raises(ValueError, match="version 4"):
        state.decode(b"\x04" + value[1:])
    with pytest.raises(ValueError, match="version 4"):
        state.applied(b"\x04" + value[1:])
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


def test_the_open_windows_of_a_state_are_found() -> None:
    """Those that know more than was last emitted; the newest one is told whatever it knows."""
    item = kettle()

    assert (item.newest_window, item.oldest_open_window) == (7_200_000, 7_200_000)
    item.offers["featured"].window.emitted = 3
    assert (item.newest_window, item.oldest_open_window) == (7_200_000, None)
    assert (ItemState().newest_window, ItemState().observed_at) == (None, 0)
