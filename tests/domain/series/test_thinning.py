"""Thinning keeps minimum, maximum and every gap, and claims no price that is not known."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.series.ribbon import Held
from walmart_stream.domain.series.segments import Segment, joined
from walmart_stream.domain.series.thinning import A_SLICE, thin, thin_ribbon

KINDS = st.sampled_from(["price", "price", "price", "partial", "unknown", "unavailable"])
PIECES = st.lists(st.tuples(st.integers(1, 9), KINDS, st.integers(0, 50)), min_size=1, max_size=120)


def course(pieces):
    """Contiguous segments of (length, kind, cents)."""
    found, at = [], 1_000
    for length, kind, cents in pieces:
        is_priced = kind in ("price", "partial")
        found.append(Segment(at, at + length, kind, cents if is_priced else None))
        at += length
    return joined(found, 1_000, at)


def kinds(found):
    return [one.kind for one in found for _ in range(one.begin, one.end)]


@given(PIECES, st.integers(1, 60))
def test_thinning_keeps_extremes_and_gaps(pieces, points) -> None:
    """At every moment there is what was there, or less is claimed."""
    whole = course(pieces)

    thinned = thin(whole, points)

    assert (thinned[0].begin, thinned[-1].end) == (whole[0].begin, whole[-1].end)
    assert all(a.end == b.begin for a, b in itertools.pairwise(thinned))
    for kind in ("price", "partial"):
        before = {one.cents for one in whole if one.kind == kind}
        after = {one.cents for one in thinned if one.kind == kind}
        assert after <= before
        if before:
            assert (min(after), max(after)) == (min(before), max(before))
    for before, after in zip(kinds(whole), kinds(thinned), strict=True):
        # A gap stays one, and what is said of a price is only what was said there.
        assert after == before or after in ("unknown", "unavailable")
        assert before != "unknown" or after in ("unknown", "unavailable")
    assert len(thinned) <= max(points, A_SLICE) * 4


@given(PIECES)
def test_a_short_series_stays_as_it_is(pieces) -> None:
    """It is drawn step by step."""
    whole = course(pieces)

    assert thin(whole, len(whole)) == whole


def test_few_gaps_among_many_prices_keep_their_bounds() -> None:
    """To the millisecond: only where gaps are too many to be seen are they joined."""
    pieces = [(5, "price", number % 40) for number in range(4_000)]
    pieces[1_000] = pieces[2_500] = (5, "unknown", 0)
    whole = course(pieces)

    thinned = thin(whole, 400)

    gaps = [one for one in whole if one.kind == "unknown"]
    assert [one for one in thinned if one.kind == "unknown"] == gaps
    assert len(thinned) <= 410


@pytest.mark.parametrize("kind", ["unknown", "unavailable"])
def test_a_hundred_thousand_gaps_are_bounded(kind) -> None:
    """Joined to gaps of their own kind."""
    pieces = [
        (5, "price", number % 41) if number % 2 else (5, kind, 0) for number in range(100_000)
    ]

    thinned = thin(course(pieces), 1_000)

    assert len(thinned) <= 4_000
    assert {one.kind for one in thinned} == {"price", kind}


def test_a_ribbon_that_changes_too_often_is_unknown_in_between() -> None:
    """Whole where it is short."""
    held = [Held(at, at + 1, "own" if at % 2 else "rival", None) for at in range(1_000)]

    thinned = thin_ribbon(held, 40)

    assert thin_ribbon(held, 1_000) == held
    assert len(thinned) <= 40
    assert {one.holder for one in thinned} == {"own", "rival", "unknown"}
    assert (thinned[0].begin, thinned[-1].end) == (0, 1_000)
    assert all(a.end == b.begin for a, b in itertools.pairwise(thinned))
