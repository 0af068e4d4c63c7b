"""Segments of an offer's past, against a plain reading of every observation."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.closing import close_windows
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.series.seen import ClosedWindow, Sight, Step, seen_spans, union
from walmart_stream.domain.series.segments import Segment, segments
from walmart_stream.domain.windows import Rules

WIDTH = 20
END = 300

OFFERS = st.sampled_from(
    [
        None,
        Offer(900, 0, None, True, "Acme"),
        Offer(900, 99, None, True, "Acme"),
        Offer(500, None, None, True, "Acme"),
        Offer(0, 0, None, True, "Acme"),
        Offer(700, 0, None, False, "Acme"),
    ]
)
# Of a few offers in runs: observations that change nothing are what is hard to place.
LOOKS = st.lists(
    st.tuples(st.integers(0, END - 1), OFFERS),
    min_size=1,
    max_size=25,
    unique_by=lambda one: one[0],
)


def stored(looks, known_ms):
    """The steps and closed windows that are stored of *looks* (time -> offer)."""
    rules = Rules(WIDTH, known_ms)
    entries = [
        Entry(Observation("1", at, "affiliate", None, {"featured": offer}), Source("raw", 0, 0))
        for at, offer in sorted(looks)
    ]
    outcome = apply({}, entries, rules)
    _, closed = close_windows("1", outcome.states["1"], 10**9, rules)
    steps, windows = [], {}
    for event in [*outcome.events, *closed]:
        if isinstance(event, PriceChange):
            price, shipping, _, available, seller = event.now
            steps.append(Step(event.observed_at, price, shipping, available, seller))
        elif isinstance(event, WindowClosed):
            windows[event.start] = ClosedWindow(
                *(event.start, event.end, event.observations, event.coverage),
                *(event.seen_at, event.known_ms),
            )
    return steps, [windows[start] for start in sorted(windows)]


def plainly(looks, known_ms, basis="landed"):
    """The kind and cents of each millisecond: those of the last look, while it counts."""
    seen = dict(looks)
    said = []
    for at in range(END):
        times = [one for one in seen if one <= at < one + known_ms]
        said.append(("unknown", None) if not times else value(seen[max(times)], basis))
    return said


def value(offer, basis):
    if offer is None or not offer.available:
        return "unavailable", None
    if basis == "item":
        return "price", offer.price_cents
    if offer.shipping_cents is None:
        return "partial", offer.price_cents
    return "price", offer.price_cents + offer.shipping_cents


def spelled(found):
    """The kind and the cents of each millisecond."""
    return [(one.kind, one.cents) for one in found for _ in range(one.begin, one.end)]


@given(LOOKS, st.integers(1, 90), st.sampled_from(["landed", "item"]))
def test_a_price_is_never_claimed_where_it_is_not_known(looks, known_ms, basis) -> None:
    """Whatever is seen in between, and however long a price counts."""
    steps, windows = stored(looks, known_ms)

    found = segments(steps, seen_spans(steps, windows, known_ms), 0, END, basis)

    for said, true in zip(spelled(found), plainly(looks, known_ms, basis), strict=True):
        assert (
            said == true
            or said == ("unknown", None)
            or said[0] == true[0] == "unavailable"
            or (
                # Between two sights of which the second is stored without its time.
                said[0] == "unavailable" and known_ms < WIDTH
            )
        ), (said, true)


@given(LOOKS, st.integers(WIDTH, 90))
def test_a_landed_price_is_claimed_wherever_it_is_known(looks, known_ms) -> None:
    """As long as it counts for at least the width of a window: then nothing is lost."""
    steps, windows = stored(looks, known_ms)

    found = segments(steps, seen_spans(steps, windows, known_ms), 0, END)

    for said, true in zip(spelled(found), plainly(looks, known_ms), strict=True):
        assert said == true or true[0] != "price", (said, true)


@given(LOOKS, st.integers(1, 90), st.integers(0, END - 1), st.integers(1, END))
def test_segments_are_contiguous_and_differ_from_their_neighbours(looks, known_ms, a, b) -> None:
    """Over exactly what was asked for; cents stand where there is a price, and only there."""
    begin, end = min(a, b), max(a, b, min(a, b) + 1)
    steps, windows = stored(looks, known_ms)

    found = segments(steps, seen_spans(steps, windows, known_ms), begin, end)

    assert found[0].begin == begin
    assert found[-1].end == end
    for one, next_one in itertools.pairwise(found):
        assert one.end == next_one.begin
        assert one[2:] != next_one[2:]
    for one in found:
        assert one.begin < one.end
        assert (one.cents is not None) is (one.kind in ("price", "partial"))


def test_the_newest_sight_keeps_a_price_alive() -> None:
    """Windows know nothing of what is seen since the last one closed."""
    steps = [Step(0, 900, 0, True)]

    kept = seen_spans(steps, [], 10, Sight(25, 10))

    assert segments(steps, kept, 0, 40) == [
        Segment(0, 10, "price", 900),
        Segment(10, 25, "unknown"),
        Segment(25, 35, "price", 900),
        Segment(35, 40, "unknown"),
    ]


def test_windows_of_the_first_release_count_by_their_coverage() -> None:
    """They say neither when an offer was last seen nor how long that counts."""
    steps = [Step(0, 900, 0, True)]
    full, half = ClosedWindow(20, 40, 5, 1.0), ClosedWindow(60, 80, 5, 0.5)

    assert seen_spans(steps, [full, half], 5) == [(0, 5), (20, 40)]


def test_what_is_seen_before_any_change_is_unknown() -> None:
    """Changes may have been deleted."""
    assert segments([], [(0, 10)], 0, 10) == [Segment(0, 10, "unknown")]
    assert segments([Step(5, 1, 0, True)], [(0, 10)], 0, 10) == [
        Segment(0, 5, "unknown"),
        Segment(5, 10, "price", 1),
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))))
def test_a_union_covers_the_same_times(spans) -> None:
    """Each once, in order."""
    covered = Counter(at for begin, end in union(spans) for at in range(begin, end))

    assert set(covered) == {at for begin, end in spans for at in range(begin, end)}
    assert all(count == 1 for count in covered.values())
