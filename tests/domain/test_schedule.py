"""What is polled when: within the quota, in turn, and what is kept of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from walmart_stream.domain.schedule import (
    DAY_MS,
    INVALID,
    ITEMS_PER_CALL,
    REFUSED_SHARE,
    Poll,
    UniformSchedule,
    Usage,
    as_calls,
    decode_poll,
    decode_usage,
    encode_poll,
    encode_usage,
    share,
    spread,
)

# Walmart's usual daily quota, as calls a second.
DAILY_PACE = 5000 / 86_400
START = 1_795_348_800_000

polls = st.builds(
    Poll,
    at=st.integers(START - 4_000_000, START),
    outcome=st.sampled_from(["answered", "missing", INVALID, "failed"]),
)
schedules = st.builds(UniformSchedule, shortest=st.floats(0.5, 600), longest=st.floats(600, 86_400))
rates = st.floats(0.0001, 100)


@dataclass
class Run:
    """Polling as the poll timer does it, on a clock that ticks by hand; times in seconds.

    ``arrivals`` tells when each item is watched for the first time; ``refused`` ones Walmart
    knows nothing of.
    """

    schedule: UniformSchedule
    calls_per_second: float
    arrivals: dict[str, float]
    refused: frozenset[str] = frozenset()
    tick: float = 1.0
    polls: dict[str, Poll] = field(default_factory=dict)
    calls: list[tuple[float, list[str]]] = field(default_factory=list)

    def until(self, end: float) -> Run:
        now = 0.0
        while now < end:
            watched = [item_id for item_id, at in self.arrivals.items() if at <= now]
            at = START + int(now * 1000)
            due = self.schedule.due(watched, self.polls, at, self.calls_per_second)
            for call in as_calls(due, self.polls):
                self.calls.append((now, call))
                for item_id in call:
                    outcome = INVALID if item_id in self.refused else "answered"
                    self.polls[item_id] = Poll(at, outcome)
            now += self.tick
        return self

    def again(self) -> list[float]:
        """When a call was made that had no new item in it."""
        known: set[str] = set()
        times = []
        for at, call in self.calls:
            if known.issuperset(call):
                times.append(at)
            known.update(call)
        return times

    def gaps(self, since: float = 0) -> dict[str, list[float]]:
        """Seconds between two polls, per item."""
        asked = defaultdict(list)
        for at, call in self.calls:
            if at >= since:
                for item_id in call:
                    asked[item_id].append(at)
        return {
            item_id: [later - earlier for earlier, later in pairwise(times)]
            for item_id, times in asked.items()
        }


def most_beyond(times: list[float], rate: float) -> float:
    """Of all spans between two of *times*: by how many calls the worst exceeds its quota."""
    worst = lowest = 0.0
    for made, at in enumerate(times):
        # Calls so far against what the quota has given so far; the difference of two such
        # figures is a span's.
        ahead = made - rate * at
        lowest = ahead if made == 0 else min(lowest, ahead)
        worst = max(worst, ahead + 1 - lowest)
    return worst


@given(
    st.lists(st.floats(0, 2000), min_size=1, max_size=90),
    st.sampled_from([DAILY_PACE, DAILY_PACE / 12, 0.2, 5]),
    st.sampled_from([10, 60]),
)
@settings(max_examples=25)
def test_polling_keeps_to_the_quota_whenever_the_items_came(
    arrivals: list[float], rate: float, shortest: float
) -> None:
    """Over any time no more calls than the quota grants for it, apart from the first ones for new
    items and one round: else a budget that is meant for a day would be gone at noon."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = UniformSchedule(shortest, longest=3600)

    run = Run(schedule, rate, items).until(5000)

    assert most_beyond(run.again(), rate) <= ceil(len(items) / ITEMS_PER_CALL) + 2


@given(st.lists(st.floats(0, 2000), min_size=1, max_size=90), st.sampled_from([10, 60]))
@settings(max_examples=25)
def test_no_item_is_polled_more_often_than_the_minimum_nor_forgotten(
    arrivals: list[float], shortest: float
) -> None:
    """Between two polls lie at least ``shortest`` seconds, and once all items are there no more
    than the interval that the quota allows, with what a call may wait for others."""
    items = {str(number): at for number, at in enumerate(arrivals)}
    schedule = UniformSchedule(shortest, longest=3600)

    run = Run(schedule, DAILY_PACE, items).until(5000)

    interval = schedule.interval(len(items), DAILY_PACE)
    assert all(gap >= shortest for gaps in run.gaps().values() for gap in gaps)
    late = run.gaps(since=2000)
    assert late.keys() == items.keys()
    assert all(gap <= 2 * interval + 2 for gaps in late.values() for gap in gaps)


def test_items_that_were_added_one_by_one_soon_share_their_calls() -> None:
    """Twenty items cost one call a round, however they came; else they would cost twenty."""
    items = {str(number): 40.0 * number for number in range(ITEMS_PER_CALL)}
    schedule = UniformSchedule(shortest=60, longest=3600)

    run = Run(schedule, DAILY_PACE, items).until(4000)

    last_minutes = [call for at, call in run.calls if at >= 3000]
    assert last_minutes
    assert all(len(call) == ITEMS_PER_CALL for call in last_minutes)


def test_refused_items_leave_the_quota_to_the_good_ones() -> None:
    """Each refused item takes a call of its own: a hundred must not starve twenty good ones, and
    still each gets its turn, for it may be back."""
    good = {str(number): 0.0 for number in range(ITEMS_PER_CALL)}
    bad = {str(1000 + number): 0.0 for number in range(100)}
    schedule = UniformSchedule(shortest=60, longest=3600)

    run = Run(schedule, DAILY_PACE, good | bad, frozenset(bad), tick=5).until(60_000)

    gaps = run.gaps(since=1)
    asked = Counter(
        len(call) for at, call in run.calls if at > 0 and not bad.keys().isdisjoint(call)
    )
    assert all(gap <= 70 for item_id in good for gap in gaps[item_id])
    assert all(gap >= 3600 for item_id in bad for gap in gaps[item_id])
    assert all(gaps[item_id] for item_id in bad)
    assert asked.keys() == {1}
    assert most_beyond(run.again(), DAILY_PACE) <= 5


@given(st.dictionaries(st.text(min_size=1), polls), schedules, rates)
def test_the_oldest_come_first_and_refused_ones_last(
    asked: dict[str, Poll], schedule: UniformSchedule, rate: float
) -> None:
    """Calls may run out: who waits longest is asked for first, each item once."""
    due = schedule.due(asked, asked, START, rate)

    rank = [(asked[item_id].outcome == INVALID, asked[item_id].at) for item_id in due]
    assert rank == sorted(rank)
    assert len(set(due)) == len(due)
    assert set(due) <= asked.keys()


@given(st.dictionaries(st.text(min_size=1), polls), schedules, rates)
def test_what_is_due_stays_due(
    asked: dict[str, Poll], schedule: UniformSchedule, rate: float
) -> None:
    """Twice the interval later no item waits any more, and one of the refused is tried."""
    refused = {item_id for item_id, poll in asked.items() if poll.outcome == INVALID}
    interval = schedule.interval(len(asked), rate * (1 - REFUSED_SHARE))
    pause = max(schedule.longest, 1 / (rate * REFUSED_SHARE))
    later = START + ceil(1000 * (2 * interval + pause)) + 1

    due = schedule.due(asked, asked, later, rate)

    assert asked.keys() - refused <= set(due)
    assert len(refused.intersection(due)) == min(1, len(refused))


def test_an_item_that_was_never_asked_for_does_not_wait() -> None:
    """Who adds an item wants to see it now; its call takes those along that come next."""
    schedule = UniformSchedule(shortest=100, longest=1000)
    asked = {str(number): Poll(START - 150_000, "answered") for number in range(30)}

    alone = schedule.due(["new"], {}, START, DAILY_PACE)
    among_others = schedule.due(["new", *asked], asked, START, calls_per_second=0.001)

    assert alone == ["new"]
    assert among_others[0] == "new"
    assert len(among_others) == ITEMS_PER_CALL


def test_a_call_that_is_not_full_waits_for_the_others_that_come_soon() -> None:
    """One for a single item costs as much of the quota as one for twenty."""
    schedule = UniformSchedule(shortest=60, longest=1000)
    first = {"1": Poll(START - 60_000, "answered")}
    soon = first | {"2": Poll(START - 50_000, "answered")}
    far = first | {"2": Poll(START - 5_000, "answered")}

    assert schedule.due(first, first, START, DAILY_PACE) == ["1"]
    assert schedule.due(far, far, START, DAILY_PACE) == ["1"]
    assert schedule.due(soon, soon, START, DAILY_PACE) == []
    assert schedule.due(soon, soon, START + 10_000, DAILY_PACE) == ["1", "2"]


def test_one_call_more_than_the_quota_allows_makes_the_interval_longer() -> None:
    """Twenty-one items take two calls: half-full ones count as whole."""
    schedule = UniformSchedule(shortest=60, longest=3600)

    assert schedule.interval(20, 1 / 100) == 100
    assert schedule.interval(21, 1 / 100) == 200
    assert schedule.interval(20, 1) == 60
    assert schedule.interval(20, 0) == 3600


@given(st.lists(st.text(min_size=1), unique=True), st.data())
def test_calls_hold_everything_that_is_due_and_refused_items_alone(
    due: list[str], data: st.DataObject
) -> None:
    """A refused item would spoil the call of the others, also after a restart."""
    refused = data.draw(st.sets(st.sampled_from(due))) if due else set()
    asked = {item_id: Poll(1, INVALID if item_id in refused else "answered") for item_id in due}

    calls = as_calls(due, asked)

    assert sorted(item_id for call in calls for item_id in call) == sorted(due)
    assert all(1 <= len(call) <= ITEMS_PER_CALL for call in calls)
    assert all(len(call) == 1 for call in calls if refused.intersection(call))
    assert len(calls) == len(refused) + ceil((len(due) - len(refused)) / ITEMS_PER_CALL)


@given(
    st.integers(1, 60),
    st.integers(1, 24),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 30)), max_size=30),
    st.randoms(use_true_random=False),
)
def test_workers_that_hand_their_partitions_around_never_exceed_the_daily_quota(
    quota: int, partitions: int, workers: int, asked: list[tuple[int, int]], random: Random
) -> None:
    """What a partition was charged goes with it, so that nobody gets calls by taking it over; and
    whoever has all partitions may use the whole quota."""
    used = dict.fromkeys(range(partitions), Usage(0, 0))
    made = 0

    def left(owned: list[int]) -> dict[int, int]:
        return {
            each: max(0, share(quota, each, partitions) - used[each].today(START)) for each in owned
        }

    def take(owned: list[int], calls: int) -> int:
        granted = min(calls, sum(left(owned).values()))
        for partition, charged in spread(granted, left(owned)).items():
            used[partition] = used[partition].plus(charged, START)
        return granted

    for worker, calls in asked:
        owner = [random.randrange(workers) for _ in range(partitions)]
        made += take([p for p in range(partitions) if owner[p] == worker % workers], calls)
    assert made <= quota

    made += take(list(range(partitions)), quota)

    assert made == quota


def test_a_new_day_begins_with_nothing_used() -> None:
    """The quota is one of UTC days: charges of the day before do not count, and late ones of a
    clock behind midnight are the new day's."""
    before, after = 5 * DAY_MS - 1, 5 * DAY_MS

    used = Usage(0, 0).plus(3, before)

    assert used == Usage(4, 3)
    assert used.today(before) == 3
    assert used.today(after) == 0
    assert used.plus(2, before) == Usage(4, 5)
    assert used.plus(2, after) == Usage(5, 2)


@given(polls, st.integers(0, 100_000), st.integers(0, 5000))
def test_what_is_kept_is_read_back(poll: Poll, day: int, calls: int) -> None:
    """Polls and charges are kept as JSON, which people can read."""
    usage = Usage(day, calls)

    assert decode_poll(encode_poll(poll)) == poll
    assert decode_usage(encode_usage(usage)) == usage


def test_what_an_earlier_version_kept_is_still_read() -> None:
    """Tables outlive releases."""
    assert decode_poll(b'[1795348800000,"answered"]') == Poll(START, "answered")
    assert decode_usage(b"[20779,17]") == Usage(20779, 17)
