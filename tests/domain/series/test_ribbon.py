"""The holder of the buy box over time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.series.ribbon import Held, Word, featured_ribbon, ribbon, shares
from walmart_stream.domain.series.seen import Step, union


def test_a_holder_counts_from_when_it_had_the_box() -> None:
    """The word may come later than what it tells."""
    words = [Word(10, "own", None, False, 10), Word(30, "rival", "Acme", False, 25)]

    assert ribbon(words, [(0, 100)], 0, 50) == [
        Held(0, 10, "unknown"),
        Held(10, 25, "own"),
        Held(25, 50, "rival", "Acme"),
    ]


def test_a_suppressed_box_is_nobodys() -> None:
    """Own is never suppressed while it holds the box."""
    words = [Word(0, "none", None, True, 0), Word(10, "own", None, True, 10)]

    assert [one.holder for one in ribbon(words, [(0, 20)], 0, 20)] == ["suppressed", "own"]


def test_while_the_offer_is_not_seen_nobody_is_known_to_hold_the_box() -> None:
    """That is: between its spans, before and after them."""
    words = [Word(0, "none", None, False, 0)]

    assert ribbon(words, [(5, 10), (15, 20)], 0, 30) == [
        Held(0, 5, "unknown"),
        Held(5, 10, "none"),
        Held(10, 15, "unknown"),
        Held(15, 20, "none"),
        Held(20, 30, "unknown"),
    ]


def test_without_an_own_offer_the_featured_sellers_name_is_shown() -> None:
    """Nobody has the box of an item that cannot be ordered."""
    steps = [Step(0, 900, 0, True, "Acme"), Step(10, None, None, False)]

    assert featured_ribbon(steps, [(0, 20)], 0, 20) == [
        Held(0, 10, "rival", "Acme"),
        Held(10, 20, "none"),
    ]


def test_shares_are_of_the_time_that_is_known() -> None:
    """Own's milliseconds, and all of them."""
    held = [Held(0, 5, "own"), Held(5, 8, "unknown"), Held(8, 20, "rival", "Acme")]

    assert shares(held) == (5, 17)


WORDS = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from(["own", "rival", "none"]), st.integers(0, 40)),
    max_size=12,
    unique_by=lambda one: one[0],
)
SPANS = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=6).map(union)


@given(WORDS, SPANS)
def test_a_ribbon_says_the_last_word_wherever_the_offer_is_seen(words, spans) -> None:
    """At each millisecond, and nothing elsewhere."""
    said = [Word(at, holder, None, False, at) for at, holder, _ in sorted(words)]

    held = ribbon(said, spans, 0, 100)

    spelled = [one.holder for one in held for _ in range(one.begin, one.end)]
    for at, holder in enumerate(spelled):
        before = [one.holder for one in said if one.at <= at]
        is_seen = any(begin <= at < end for begin, end in spans)
        assert holder == (before[-1] if before and is_seen else "unknown")
    assert len(spelled) == 100
