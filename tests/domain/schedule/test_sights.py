"""The memory of sights: censored, forgetting, and never counted twice."""

from __future__ import annotations

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.schedule.looks import seen
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import AFFILIATE, SELLER, WEBHOOK, Observation
from walmart_stream.domain.schedule.seen import sights_of
from walmart_stream.domain.schedule.sights import HALF_LIFE, UNSEEN, Sight, Sights
from walmart_stream.domain.windows import Rules

START = 1_795_348_800_000
RULES = Rules.in_seconds(3600, 10_800)
FIRST = Offer(1999, 0, None, True, "Shop")


def test_the_first_sight_says_nothing_of_a_rate() -> None:
    """There is no distance to it."""
    sights = UNSEEN.after(START, changed=True, own=False)

    assert (sights.seen, sights.changed, sights.quiet) == (START, 0, 0)


def test_quiet_distances_count_by_their_sum_and_changed_ones_by_their_mean() -> None:
    """Both exactly, but for what is forgotten in an hour."""
    sights = seen((600, False), (1200, False), (100, True), (400, True))

    assert sights.quiet == pytest.approx(1800, rel=0.01)
    assert sights.changed == pytest.approx(2, rel=0.01)
    assert exp(sights.distance) == pytest.approx(200, rel=0.01)


def test_after_a_half_life_a_sight_counts_half() -> None:
    """An item whose rate drifts is not held to what it did last month."""
    sights = seen((600, False), (60, True), (HALF_LIFE, False))

    assert sights.changed == pytest.approx(0.5, rel=0.01)
    assert sights.quiet == pytest.approx(300 + HALF_LIFE, rel=0.01)


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans()), min_size=1))
def test_a_log_that_is_read_again_is_not_counted_again(looks: list[tuple[int, bool]]) -> None:
    """Whichever part of it, and in whichever order the older sights come."""
    sights = UNSEEN
    for at, changed in sorted(looks):
        sights = sights.after(START + at, changed=changed, own=False)

    again = sights
    for at, changed in looks:
        again = again.after(START + at, changed=changed, own=False)

    assert again == sights


def _observed(at: int, featured: Offer | None, source: str = AFFILIATE) -> Entry:
    offers = {"featured": featured}
    return Entry(Observation("1", at, source, "Lamp", offers), Source("raw", 0, at - START))


def test_a_sight_tells_whether_anything_of_a_competitor_changed() -> None:
    """By the changes that were derived; the first look at an item is no change."""
    cheaper = FIRST._replace(price_cents=1899)
    found = []
    states = {}

    for number, featured in enumerate((FIRST, FIRST, cheaper)):
        outcome = apply(states, [_observed(START + number, featured)], RULES)
        states = outcome.states
        found += sights_of(outcome.states, outcome.events)

    assert found == [
        Sight("1", START, changed=True, own=False),
        Sight("1", START + 1, changed=False, own=False),
        Sight("1", START + 2, changed=True, own=False),
    ]
    assert UNSEEN.after(found[0].at, changed=found[0].changed, own=False).changed == 0


def test_whoever_does_not_see_the_featured_offer_has_not_seen_the_item() -> None:
    """A reading of the own price alone must not keep the competition's from being polled."""
    states = apply({}, [_observed(START, FIRST)], RULES).states
    own = Observation("1", START + 9, SELLER, None, {"own": FIRST})
    outcome = apply(states, [Entry(own, Source("raw", 0, 1))], RULES)

    (sight,) = sights_of(outcome.states, outcome.events)

    assert sight == Sight("1", START, changed=False, own=True)


def test_an_event_tells_of_its_item() -> None:
    """And of no other one in the batch."""
    event = Observation("1", START + 5, WEBHOOK, None, {"own": FIRST})
    look = Observation("2", START + 6, AFFILIATE, None, {"featured": FIRST})
    entries = [_observed(START, FIRST), *(Entry(one, Source("raw", 0, 1)) for one in (event, look))]
    outcome = apply({}, entries, RULES)

    sights = sights_of(outcome.states, outcome.events, entries)

    assert {sight.item_id: sight.event for sight in sights} == {"1": START + 5, "2": 0}


def test_a_change_that_no_event_told_of_ends_the_trust_in_events() -> None:
    """Those of this item do not come: it is polled by its rate again, until one comes."""
    told = Sights(START, told=START - 1000)

    assert told.after(START + 1000, changed=False, own=True).told == START - 1000
    assert told.after(START + 1000, changed=True, own=True).told == 0
    fresh = told._replace(told=START + 500)
    assert fresh.after(START + 1000, changed=True, own=True).told == START + 500
