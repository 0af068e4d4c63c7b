"""The order of polls: paced, in turn, and no item starved by an import."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.schedule.run import BURST, DAILY_PACE, START, Run, most_beyond
from walmart_stream.domain.schedule.agenda import CHUNK
from walmart_stream.domain.schedule.poll import ANSWERED, INVALID, NEVER, Poll
from walmart_stream.domain.schedule.queue import NEW_SHARE, Item, Lane, PollQueue
from walmart_stream.domain.schedule.uniform import (
    ITEMS_PER_CALL,
    UniformSchedule,
    even_interval,
)


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
    """Over any time no more calls than the quota grants for it and one burst: imports, refused
    ids and outages among them. Else a day's quota would be gone at noon."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = UniformSchedule(shortest, longest=3600)

    run = Run(schedule, rate, items, frozenset(map(str, bad)), outage=outage, burst=5).until(5000)

    assert most_beyond([at for at, _ in run.calls], rate) <= 5 + 1e-6


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=90), st.sampled_from([10, 60]))
@settings(max_examples=12)
def test_no_item_is_polled_more_often_than_the_minimum_nor_forgotten(
    arrivals: list[float], shortest: float
) -> None:
    """Between two polls lie at least ``shortest`` seconds, and once all items are there no more
    than the interval that the quota allows, with what a call may wait for others."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = UniformSchedule(shortest, longest=3600)

    run = Run(schedule, DAILY_PACE, items).until(6000)

    interval = even_interval(len(items), DAILY_PACE, shortest, 3600)
    assert all(gap >= shortest for gaps in run.gaps().values() for gap in gaps)
    late = run.gaps(since=2500)
    assert late.keys() == items.keys()
    assert all(gap <= 2 * interval + 20 for gaps in late.values() for gap in gaps)


def test_items_that_were_added_one_by_one_soon_share_their_calls() -> None:
    """Twenty items cost one call a round, however they came; else they would cost twenty."""
    items = {str(number): 40.0 * number for number in range(ITEMS_PER_CALL)}

    run = Run(UniformSchedule(shortest=60, longest=3600), DAILY_PACE, items).until(4000)

    last_minutes = [call for at, call in run.calls if at >= 3000]
    assert last_minutes
    assert all(len(call.items) == ITEMS_PER_CALL for call in last_minutes)


def test_an_import_at_noon_is_spread_and_leaves_calls_for_the_rest_of_the_day() -> None:
    """A thousand calls' worth of new items: a burst of minutes, then the even pace; each hour has
    its calls."""
    items = {str(number): 0.0 for number in range(20_000)}

    run = Run(UniformSchedule(60, 3600), DAILY_PACE, items, tick=5).until(12 * 3600)

    hours = Counter(int(at // 3600) for at, _ in run.calls)
    assert hours[0] <= BURST + DAILY_PACE * 3600 + 1
    assert all(hours[hour] >= 0.95 * DAILY_PACE * 3600 for hour in range(12))


def test_a_backlog_does_not_burn_the_day_in_minutes() -> None:
    """After a day of standing still everything is overdue; it is caught up with at the pace."""
    schedule = UniformSchedule(60, 3600)
    run = Run(schedule, DAILY_PACE, {})
    for number in range(10_000):
        old = Poll(START - 86_400_000, ANSWERED, answered=START - 86_400_000)
        run.queue.put(Item(0, str(number)), old, START)

    run.until(1200)

    assert len(run.calls) <= BURST + DAILY_PACE * 1200 + 1
    assert len(run.calls) >= BURST


def test_unknown_ids_leave_three_quarters_of_the_quota_to_what_is_seen() -> None:
    """Twenty thousand ids that Walmart does not know, imported beside two hundred good items:
    these are polled nearly as often as before, and each bad id takes about one call."""
    good = {str(number): 0.0 for number in range(200)}
    bad = {str(10_000_000 + number): 3000.0 for number in range(20_000)}
    schedule = UniformSchedule(60, 3600)
    run = Run(schedule, 1.0, good | bad, frozenset(bad), tick=1)

    run.until(3000 + 2 * 3600)

    late = run.gaps(since=4000)
    assert max(gap for item_id in good for gap in late[item_id]) <= 80
    for_bad = [call for at, call in run.calls if at >= 3000 and call.lane is not Lane.KNOWN]
    tried = {item.item_id for call in for_bad for item in call.items if len(call.items) == 1}
    assert len(for_bad) <= 1.2 * len(tried)
    assert even_interval(200, 1.0, 60, 3600) == 60


def test_new_items_are_seen_soon_beside_an_import_of_any_size() -> None:
    """The latest comers take turns with the earliest: nobody waits behind twenty thousand."""
    good = {str(number): 0.0 for number in range(200)}
    bad = {str(10_000_000 + number): 100.0 for number in range(20_000)}
    late = {"777": 3600.0}
    run = Run(UniformSchedule(60, 3600), DAILY_PACE, good | bad | late, frozenset(bad))

    run.until(3600 + 600)

    first = run.asked()["777"][0]
    assert first - 3600 <= 5 / (DAILY_PACE * NEW_SHARE)


def test_new_items_have_all_of_the_quota_where_nothing_else_is_due() -> None:
    """A first import is not slowed down by a share."""
    items = {str(number): 0.0 for number in range(4000)}

    run = Run(UniformSchedule(3600, 36_000), 0.1, items, burst=1).until(2000)

    assert len(run.asked()) == 4000


def test_refused_items_leave_the_quota_to_the_good_ones() -> None:
    """Each refused item takes a call of its own: a hundred must not starve twenty good ones, and
    still each gets its turn, for it may be back."""
    good = {str(number): 0.0 for number in range(ITEMS_PER_CALL)}
    bad = {str(1000 + number): 0.0 for number in range(100)}

    run = Run(UniformSchedule(60, 3600), DAILY_PACE, good | bad, frozenset(bad), tick=5)
    run.until(60_000)

    # Finding them out takes a while.
    gaps = run.gaps(since=10_000)
    assert all(gap <= 75 for item_id in good for gap in gaps[item_id])
    assert all(gap >= 3600 for item_id in bad for gap in gaps[item_id])
    assert all(gaps[item_id] for item_id in bad)
    alone = {len(call.items) for at, call in run.calls if at > 10_000 and call.lane is Lane.REFUSED}
    assert alone == {1}


def test_ids_that_are_left_out_of_answers_are_asked_for_as_rarely_as_refused_ones() -> None:
    """Whatever is left of the quota, they do not take it."""
    missing = {str(1000 + number): 0.0 for number in range(40)}

    run = Run(UniformSchedule(60, 3600), 1.0, missing, missing=frozenset(missing)).until(8000)

    assert all(gap >= 3600 for gaps in run.gaps().values() for gap in gaps)
    assert all(len(times) == 3 for times in run.asked().values())


def test_one_bad_id_among_twenty_takes_no_other_with_it() -> None:
    """The nineteen are answered within ten calls or so, and go on together."""
    items = {str(number): 0.0 for number in range(ITEMS_PER_CALL)}

    run = Run(UniformSchedule(60, 3600), 1.0, items, frozenset({"7"})).until(30)

    assert len(run.calls) <= 12
    assert {item.item_id for item in run.polls} == items.keys()
    assert run.polls[Item(0, "7")].outcome == INVALID


def test_a_failed_poll_comes_back_soon_and_is_no_poll() -> None:
    """After an outage of ten minutes everything is answered within a round or so, not an interval
    after its failure."""
    items = {str(number): 0.0 for number in range(40)}
    schedule = UniformSchedule(3600, 36_000)

    run = Run(schedule, DAILY_PACE, items, outage=(0, 600)).until(700)

    assert len(run.polls) == 40
    assert all(poll.at <= START + 660_000 for poll in run.polls.values())


def test_a_removed_item_is_not_asked_for_and_comes_back_as_it_was() -> None:
    """In whichever lane it stands; one that is added twice is asked for once."""
    queue = PollQueue(UniformSchedule(60, 3600), START)
    queue.begin(0)
    kinds = {"1": NEVER, "2": Poll(1, ANSWERED, answered=1), "3": Poll(1, INVALID)}
    for item_id, poll in kinds.items():
        queue.put(Item(0, item_id), poll, START)
        queue.remove(Item(0, item_id))

    nothing = queue.take(START, 1.0)
    for item_id, poll in kinds.items():
        queue.put(Item(0, item_id), poll, START)
        queue.put(Item(0, item_id), poll, START)
    taken = []
    while (call := queue.take(START, 1.0)) is not None:
        taken += [item.item_id for item in call.items]

    assert nothing is None
    assert sorted(taken) == ["1", "2", "3"]
    assert len(queue) == 3


def test_a_dropped_partition_takes_its_items_with_it() -> None:
    """Also those that are asked for just now: their answers do not bring them back."""
    queue = PollQueue(UniformSchedule(60, 3600), START)
    queue.begin(0)
    queue.put(Item(0, "1"), NEVER, START)
    queue.put(Item(1, "2"), NEVER, START)
    call = queue.take(START, 1.0)
    assert call is not None

    queue.drop(0)
    queue.put(Item(0, "1"), Poll(START, ANSWERED, answered=START), START)
    queue.pause(Item(0, "1"), NEVER, START)
    queue.halve(call)

    assert list(call.items) == [Item(0, "1")]
    assert len(queue) == 0
    assert queue.take(START + 10**9, 1.0) is None


@pytest.mark.parametrize(("watched", "most", "count"), [(0, 5, 0), (4, 5, 4), (90, 10, 10)])
def test_some_items_are_spread_over_all_of_them(watched, most, count) -> None:
    """Each once, from every partition; all of them, where they are few."""
    queue = PollQueue(UniformSchedule(60, 3600), START)
    for partition in range(2):
        queue.begin(partition)
    for number in range(watched):
        queue.put(Item(number % 2, str(number)), NEVER, START)

    found = queue.some(most)

    assert len(found) == len(set(found)) == count
    assert watched == 0 or {int(name) % 2 for name in found} == {0, 1}


def test_the_oldest_due_poll_has_an_age() -> None:
    """A standstill is seen, whatever the reason."""
    queue = PollQueue(UniformSchedule(60, 3600), START)
    queue.begin(0)
    quiet = queue.overdue(START, 1.0)
    queue.put(Item(0, "1"), Poll(START, ANSWERED, answered=START), START)

    not_due = queue.overdue(START + 59_000, 1.0)
    known = queue.overdue(START + 100_000, 1.0)
    queue.put(Item(0, "2"), NEVER, START + 10_000)
    new = queue.overdue(START + 110_000, 1.0)

    assert (quiet, not_due, known, new) == (0, 0, 40, 100)


def test_a_poll_of_the_future_is_due() -> None:
    """A worker 120 s ahead has handed its items over."""
    queue = PollQueue(UniformSchedule(60, 3600), START)
    queue.begin(0)
    queue.put(Item(0, "1"), Poll(START + 120_000, ANSWERED, answered=START), START)

    call = queue.take(START, 1.0)

    assert call is not None
    assert call.items == [Item(0, "1")]


class Counting(UniformSchedule):
    """Counts how often it is asked where an item stands."""

    asked = 0

    def place(self, seen: int, kind: int) -> float:
        self.asked += 1
        return super().place(seen, kind)


@pytest.mark.parametrize("watched", [1_000, 30_000])
def test_a_poll_looks_at_no_more_items_among_more(watched: int) -> None:
    """Once the nearest are in order, a look that finds nothing due is at the first one; a call is
    at those that it takes, and at the one after them."""
    schedule = Counting(60, 3600)
    queue = PollQueue(schedule, START)
    queue.begin(0)
    for number in range(watched):
        queue.put(Item(0, str(number)), Poll(START + number % 50, ANSWERED, answered=1), START)
    schedule.asked = 0

    assert queue.take(START + 1000, 1.0) is None
    assert schedule.asked <= CHUNK + 1
    schedule.asked = 0
    assert queue.take(START + 1000, 1.0) is None
    assert schedule.asked == 1

    call = queue.take(START + 10**9, 1.0)
    assert call is not None
    assert len(call.items) == ITEMS_PER_CALL
    assert schedule.asked <= 1 + 1 + ITEMS_PER_CALL + 1


# -- the schedule itself


def test_an_interval_is_as_short_as_the_quota_allows() -> None:
    """Twenty-one items take two calls: half-full ones count as whole."""
    assert even_interval(20, 1 / 100, 60, 3600) == 100
    assert even_interval(21, 1 / 100, 60, 3600) == 200
    assert even_interval(20, 1, 60, 3600) == 60
    assert even_interval(20, 0, 60, 3600) == 3600


def test_a_call_that_is_not_full_waits_for_the_others_that_come_soon() -> None:
    """One for a single item costs as much of the quota as one for twenty."""
    schedule = UniformSchedule(shortest=60, longest=1000)
    first, soon, far = START - 60_000, START - 50_000, START - 5_000

    def chosen(now: int, *seen: int) -> int:
        schedule.adapt(len(seen), DAILY_PACE)
        return len(schedule.choose(seen[0], seen, now))

    assert chosen(START, first) == 1
    assert chosen(START, first, far) == 1
    assert chosen(START, first, soon) == 0
    assert chosen(START + 10_000, first, soon) == 2
