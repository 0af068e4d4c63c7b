"""Figures of a seller's day."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.figures import Moved, as_of, directions, is_above, own_time
from walmart_stream.domain.offers import Offer

OWN = Offer(2000, 0, None, True, "Me")
ACME = Offer(1900, 0, None, True, "Acme")


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from(["own", "rival", "none", "unknown"])),
        max_size=8,
        unique_by=lambda step: step[0],
    ),
    st.integers(0, 60),
    st.integers(0, 60),
)
def test_time_in_the_buy_box_is_counted_by_the_last_word(steps, a, b) -> None:
    """Each millisecond of the span by itself."""
    begin, end = min(a, b), max(a, b)
    steps = sorted(steps)
    said = [[holder for at, holder in steps if at <= now][-1:] for now in range(begin, end)]

    assert own_time(steps, begin, end) == (
        said.count(["own"]),
        sum(one not in ([], ["unknown"]) for one in said),
    )


def moved(at, delta, *kinds, offer="featured", before=ACME):
    return Moved(offer, at, kinds, delta, before)


def test_changes_have_a_direction() -> None:
    """First sights are no changes, a change of the seller has none, the end is exclusive."""
    changes = [
        *(moved(1, 5, "price"), moved(2, -5, "price"), moved(3, None, "seller")),
        *(moved(4, None, "first_seen"), moved(5, None), moved(9, 5, "price")),
    ]

    assert directions(changes, 1, 9) == (3, 1, 1)


def test_offers_are_taken_back_to_a_time() -> None:
    """The oldest change after it tells what was before; first seen later did not exist."""
    changes = [
        moved(10, 5, "price", before=ACME._replace(price_cents=1)),
        moved(20, 5, "price", before=ACME._replace(price_cents=2)),
        moved(15, None, "first_seen", offer="own", before=None),
    ]
    now = {"featured": ACME, "own": OWN}

    assert as_of(now, changes, 21) == now
    assert as_of(now, changes, 16)["featured"].price_cents == 2
    assert as_of(now, changes, 10) == {"featured": ACME._replace(price_cents=1)}


def test_above_is_above_the_best_rival_whose_price_is_known() -> None:
    """Equal is not above, and without a rival nothing is known."""
    assert is_above({"own": OWN, "featured": ACME}) is True
    assert is_above({"own": OWN, "featured": ACME._replace(price_cents=2000)}) is False
    assert is_above({"own": OWN, "featured": ACME._replace(shipping_cents=None)}) is None
    assert is_above({"featured": ACME}) is None
