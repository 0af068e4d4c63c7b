"""The learning schedule: more polls where more changes, within the same budget and bounds."""

from __future__ import annotations

from collections import Counter
from math import sqrt
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.schedule.looks import seen
from tests.domain.schedule.run import BURST, DAILY_PACE, START, Run, most_beyond
from walmart_stream.domain.schedule.learning import (
    HIGHEST_LEVEL,
    MOST_STRETCH,
    LearningSchedule,
    level_of,
)
from walmart_stream.domain.schedule.poll import ANSWERED, Poll
from walmart_stream.domain.schedule.queue import Item, PollQueue
from walmart_stream.domain.schedule.rates import Prior
from walmart_stream.domain.schedule.sights import Sights
from walmart_stream.domain.schedule.uniform import ITEMS_PER_CALL

HOUR = 3600.0


def poll(*looks: tuple[float, bool], own: int = 0) -> Poll:
    """An answered poll of an item that was seen like this."""
    return Poll(START, ANSWERED, answered=START, sights=seen(*looks)._replace(own=own))


def learned(*polls: Poll, shortest: float = 60) -> tuple[LearningSchedule, list[float]]:
    """A schedule that knows items with *polls* among 10,000 average ones; their intervals."""
    schedule = LearningSchedule(shortest, 8 * HOUR)
    schedule.prior = Prior(1.0, 1 / 43_200)
    average = schedule.kind(Poll(START, ANSWERED, answered=START))
    kinds = [schedule.kind(one) for one in polls]
    for kind in kinds:
        schedule.joins(kind)
    for _ in range(10_000):
        schedule.joins(average)
    schedule.adapt(10_000, DAILY_PACE)
    return schedule, [schedule.interval(kind) for kind in kinds]


def test_polls_follow_the_root_of_the_rate() -> None:
    """An item that changes four times as often is asked for about twice as often."""
    _, (slow, fast) = learned(
        Poll(START, ANSWERED, answered=START, sights=Sights(START, 400.0, 3.0, 40_000_000.0)),
        Poll(START, ANSWERED, answered=START, sights=Sights(START, 1600.0, 3.0, 40_000_000.0)),
    )

    assert slow / fast == pytest.approx(2, rel=0.15)


def test_an_own_item_counts_more() -> None:
    """Two items change alike: the one that the seller offers is asked for more often."""
    looks = [(20_000.0, False), (9000.0, True)]
    _, (other, own) = learned(poll(*looks), poll(*looks, own=1))

    assert other / own == pytest.approx(sqrt(2), rel=0.01)


def test_an_item_near_the_value_of_an_alert_counts_more_and_tags_weigh() -> None:
    """Two items change alike; levels add up, within bounds."""
    looks = [(20_000.0, False), (9000.0, True)]
    schedule, (other, near) = learned(
        poll(*looks), poll(*looks)._replace(sights=seen(*looks)._replace(near=1))
    )
    of_level = {level: schedule.interval(schedule.kind(poll(*looks), level)) for level in (-2, 2)}

    assert other / near == pytest.approx(sqrt(2), rel=0.01)
    assert other / of_level[2] == pytest.approx(2, rel=0.01)
    assert of_level[-2] / other == pytest.approx(2, rel=0.01)
    assert schedule.kind(poll(*looks, own=1), 99) == schedule.kind(poll(*looks), HIGHEST_LEVEL)
    assert [level_of(weight) for weight in (1 / 8, 0.25, 1, 4, 16, 1000)] == [-3, -2, 0, 2, 4, 4]


@pytest.mark.parametrize("heavy", [10, 200, 400])
def test_weights_move_calls_and_add_none(heavy: int) -> None:
    """Whatever share of the items is heavy, the pace is kept; the heavy ones have more of it."""
    items = {str(number): 0.0 for number in range(400)}
    run = Run(LearningSchedule(60, 8 * HOUR), DAILY_PACE, items, tick=5)
    for number in range(heavy):
        run.queue.weigh(Item(0, str(number)), 4)
    run.until(4 * HOUR)

    assert most_beyond([at for at, _ in run.calls], DAILY_PACE) <= BURST + 1
    counts = Counter(item.item_id for _, call in run.calls for item in call.items)
    if heavy < 400:
        light = min(counts[str(number)] for number in range(heavy, 400))
        assert min(counts[str(number)] for number in range(heavy)) > light > 0


def test_no_item_waits_beyond_the_ceiling_or_comes_before_the_floor() -> None:
    """However still it is, and however busy."""
    schedule, (still, busy) = learned(
        Poll(START, ANSWERED, answered=START, sights=Sights(START, quiet=40_000_000.0)),
        poll(*[(60.0, True)] * 60),
        shortest=1200,
    )

    assert still == schedule.ceiling == pytest.approx(MOST_STRETCH * 8640)
    assert busy == 1200


def test_the_ceiling_is_the_setting_where_that_is_less() -> None:
    """But never less than what the calls allow to all items alike."""
    schedule = LearningSchedule(60, 2 * HOUR)

    schedule.adapt(2_000, DAILY_PACE)
    below = schedule.ceiling
    schedule.adapt(5_000, DAILY_PACE)
    at = schedule.ceiling
    schedule.adapt(50_000, DAILY_PACE)
    beyond = schedule.ceiling

    assert below == pytest.approx(MOST_STRETCH * 1728)
    assert at == 2 * HOUR
    assert beyond == pytest.approx(43_200)


def test_before_anything_is_known_all_items_are_alike() -> None:
    """The first day begins as even polling."""
    items = {str(number): 0.0 for number in range(400)}

    run = Run(LearningSchedule(60, 8 * HOUR), DAILY_PACE, items, tick=5).until(3 * HOUR)

    gaps = [gap for each in run.gaps(since=1000).values() for gap in each]
    assert median(gaps) == pytest.approx(20 / DAILY_PACE, rel=0.15)


@given(
    st.lists(st.floats(0, 2000), min_size=1, max_size=90),
    st.sampled_from([DAILY_PACE, DAILY_PACE / 12, 0.2, 5]),
    st.sampled_from([10, 60]),
    st.sets(st.integers(0, 89)),
    st.sampled_from([(0.0, 0.0), (1000.0, 1500.0)]),
)
@settings(max_examples=15)
def test_polling_keeps_to_the_pace_whatever_comes(
    arrivals: list[float], rate: float, shortest: float, bad: set[int], outage: tuple[float, float]
) -> None:
    """As with the even schedule: imports, refused ids and outages make no call more."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = LearningSchedule(shortest, HOUR)

    run = Run(schedule, rate, items, frozenset(map(str, bad)), outage=outage, burst=5).until(5000)

    assert most_beyond([at for at, _ in run.calls], rate) <= 5 + 1e-6


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=90), st.sampled_from([10, 60]))
@settings(max_examples=12)
def test_no_item_is_polled_more_often_than_the_minimum_nor_forgotten(
    arrivals: list[float], shortest: float
) -> None:
    """However they come; between two polls lies no more than the ceiling and a wait for others."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = LearningSchedule(shortest, longest=HOUR)

    run = Run(schedule, DAILY_PACE, items).until(6000)

    assert all(gap >= shortest for gaps in run.gaps().values() for gap in gaps)
    late = run.gaps(since=2500)
    assert late.keys() == items.keys()
    longest = 1.15 * schedule.ceiling + shortest + 20
    assert all(gap <= longest for gaps in late.values() for gap in gaps)


@given(st.integers(21, 120), st.lists(st.booleans(), min_size=120, max_size=120))
@settings(max_examples=12)
def test_every_call_is_full_and_no_item_is_forgotten(count: int, busy: list[bool]) -> None:
    """Some items are known to be busy, the others to be still: these come by their ceiling."""
    schedule = LearningSchedule(10, 8 * HOUR)
    run = Run(schedule, DAILY_PACE, {})
    for number in range(count):
        looks = [(0.01, busy[number])] * 8
        run.polls[Item(0, str(number))] = known = poll(*looks)
        run.queue.put(Item(0, str(number)), known, START)

    run.until(6000)

    late = [call for at, call in run.calls if at > 200]
    assert all(len(call.items) == ITEMS_PER_CALL for call in late)
    gaps = run.gaps(since=200)
    assert len(gaps) == count
    # A call comes every 17 s, and what is due waits for one.
    assert max(gap for each in gaps.values() for gap in each) <= 1.15 * schedule.ceiling + 20


def test_a_sight_from_elsewhere_moves_the_turn() -> None:
    """An item that an event has just shown need not be asked for."""
    queue = PollQueue(LearningSchedule(60, HOUR), START)
    queue.begin(0)
    first, second = Item(0, "1"), Item(0, "2")
    for item in (first, second):
        queue.put(item, Poll(START, ANSWERED, answered=START), START)

    later = START + 3_000_000
    queue.seen(first, Poll(START, ANSWERED, answered=START, sights=Sights(later)), later)
    call = queue.take(later + 1000, 0.01)

    assert call is not None
    assert list(call.items) == [second]


def test_an_item_that_is_seen_again_while_it_waits_is_asked_for_once() -> None:
    """Its former places in the order are nobody's."""
    queue = PollQueue(LearningSchedule(60, HOUR), START)
    queue.begin(0)
    item = Item(0, "1")
    queue.put(item, Poll(START, ANSWERED, answered=START), START)
    for minute in (1, 2, 3):
        at = START + minute * 60_000
        queue.seen(item, Poll(START, ANSWERED, answered=START, sights=Sights(at)), at)

    later = START + 100 * 3_600_000
    calls = [queue.take(later, 0.01) for _ in range(3)]

    assert [list(call.items) for call in calls if call is not None] == [[item]]


def test_a_start_puts_items_in_order_before_the_pace_is_known() -> None:
    """A worker takes its items over first; what the quota allows shows with the first look."""
    queue = PollQueue(LearningSchedule(60, 8 * HOUR), START)
    queue.begin(0)
    for number in range(400):
        at = START - number * 30_000
        queue.put(Item(0, str(number)), Poll(at, ANSWERED, answered=at), START)

    call = queue.take(START, DAILY_PACE)

    assert call is not None
    assert {int(item.item_id) for item in call.items} == set(range(380, 400))


def test_items_that_leave_take_their_rates_with_them() -> None:
    """A partition that goes, and an item that is not watched any more, leave no share behind."""
    schedule = LearningSchedule(60, HOUR)
    queue = PollQueue(schedule, START)
    for partition in (0, 1):
        queue.begin(partition)
        queue.put(Item(partition, "7"), poll((60.0, True)), START)

    queue.drop(0)
    queue.remove(Item(1, "7"))

    assert not schedule.counts


def test_an_item_is_late_only_beyond_the_usual_wait() -> None:
    """Intervals are shorter than the quota allows, so that something is always due."""
    queue = PollQueue(LearningSchedule(60, 8 * HOUR), START)
    queue.begin(0)
    for number in range(400):
        queue.put(Item(0, str(number)), Poll(START, ANSWERED, answered=START), START)
    even = 20 / DAILY_PACE

    assert queue.overdue(START + int(1000 * even), DAILY_PACE) == 0
    assert 0 < queue.overdue(START + int(1500 * even), DAILY_PACE) < 0.5 * even


def test_the_outlook_is_what_polls_at_these_intervals_see() -> None:
    """By the formulas for one item: half an interval unseen, and of a Poisson process between two
    polls the share that is last before a poll."""
    schedule = LearningSchedule(600, 600)
    schedule.prior = Prior(1.0, 1 / 600)
    assert schedule.outlook() is None
    schedule.joins(schedule.kind(Poll(START, ANSWERED, answered=START)))

    outlook = schedule.outlook()

    assert outlook is not None
    assert outlook.changes_a_day == pytest.approx(144, rel=0.15)
    assert outlook.unseen_s == pytest.approx(300)
    assert outlook.seen_share == pytest.approx(1 - 1 / 2.718, rel=0.1)


def test_items_that_events_tell_of_are_left_to_them_while_these_flow() -> None:
    """They fall to the ceiling, the calls go to the others; in silence they are back at once."""
    schedule = LearningSchedule(10, 8 * HOUR)
    run = Run(schedule, DAILY_PACE, {})
    known = Poll(START, ANSWERED, answered=START, sights=seen((0.1, True), (0.1, True)))
    own = [Item(0, str(number)) for number in range(20)]
    others = [Item(0, str(100 + number)) for number in range(40)]
    told = known._replace(sights=known.sights._replace(told=START))
    for item in own + others:
        run.queue.put(item, told if item in own else known, START)
    run.queue.heed_events(flowing=True)
    for item in own:
        run.queue.seen(item, told, START)

    run.queue.take(START, DAILY_PACE)
    flowing = schedule.interval(schedule.kind(told))
    other = schedule.interval(schedule.kind(known))
    run.queue.heed_events(flowing=False)
    for item in own:
        run.queue.seen(item, told, START)
    run.queue.take(START, DAILY_PACE / 2)
    silent = schedule.interval(schedule.kind(told))

    assert flowing == pytest.approx(MOST_STRETCH * 3 / DAILY_PACE)
    assert other < 0.9 * 3 / DAILY_PACE
    assert silent == schedule.interval(schedule.kind(known))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "seen", "take", "pause", "remove", "drop"]),
        st.integers(1, 6),
        st.integers(0, 5),
    ),
    min_size=30,
    max_size=120,
)


@given(STEPS)
@settings(max_examples=100)
def test_each_item_is_asked_for_once_at_a_time_whatever_moves_its_turn(steps) -> None:
    """Seen by others, asked for in vain, taken off the list and put back, its partition as well:
    nobody is asked for twice at once, and at the end everybody has a turn."""
    queue = PollQueue(LearningSchedule(60, 8 * HOUR), START)
    queue.begin(0)
    asked: set[Item] = set()
    now = START

    for step, number, changes in steps:
        now += 600_000
        item = Item(0, str(number))
        # The more changes, the sooner its next turn.
        sights = Sights(now - 1000, changes, 6.0, 1e5)
        poll = Poll(now - 1000, ANSWERED, answered=now, sights=sights)
        if step == "put":
            queue.put(item, poll, now)
            asked.discard(item)
        elif step == "seen":
            queue.seen(item, poll, now)
        elif step == "pause":
            queue.pause(item, poll, now + 1000)
            asked.discard(item)
        elif step == "remove":
            queue.remove(item)
            asked.discard(item)
        elif step == "drop":
            queue.drop(0)
            queue.begin(0)
            asked.clear()
        while step == "take" and (call := queue.take(now, 1.0)) is not None:
            assert not asked.intersection(call.items)
            assert len(set(call.items)) == len(call.items)
            asked.update(call.items)

    left = {Item(0, str(number)) for number in range(1, 7)} - asked
    found: list[Item] = []
    while (call := queue.take(now + 10**10, 1.0)) is not None:
        found += call.items
    assert sorted(found) == sorted(item for item in left if item in queue)
