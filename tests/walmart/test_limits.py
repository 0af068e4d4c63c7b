"""Rate limit and daily budget: never more calls than allowed, whatever the clock does."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.walmart.affiliate.budget import SECONDS_PER_DAY, DailyBudget
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.errors import RateLimited

MIDNIGHT = 1_795_305_600.0


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now

    async def sleep(self, seconds):
        self.now += seconds
        await asyncio.sleep(0)


async def taken(bucket, clock, calls):
    """The times at which each of *calls* calls was allowed."""
    moments = []
    for _ in range(calls):
        await bucket.acquire(1e9)
        moments.append(clock.now)
    return moments


async def test_calls_are_spread_at_the_rate():
    """The first waits too, since restarts may repeat."""
    clock = Clock()
    bucket = TokenBucket(5, clock=clock, sleep=clock.sleep)

    moments = await taken(bucket, clock, 5)

    assert moments == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


async def test_an_idle_bucket_keeps_a_fifth_of_a_second_of_its_rate():
    """More would let the bursts of several workers add up beyond Walmart's own bucket."""
    clock = Clock()
    bucket = TokenBucket(100, clock=clock, sleep=clock.sleep)
    clock.now = 3600

    moments = await taken(bucket, clock, 22)

    assert moments[19] == 3600
    assert moments[20:] == pytest.approx([3600.01, 3600.02])


async def test_the_rate_follows_the_share():
    """A worker that owns half of the partitions makes half of the calls."""
    clock = Clock()
    bucket = TokenBucket(5, clock=clock, sleep=clock.sleep)
    await bucket.acquire(60)

    bucket.set_share(0.5)
    moments = await taken(bucket, clock, 2)

    assert moments == pytest.approx([0.6, 1.0])


async def test_what_was_saved_at_a_high_rate_is_not_kept_at_a_low_one():
    """A burst is as large as the present rate allows."""
    clock = Clock()
    bucket = TokenBucket(1000, clock=clock, sleep=clock.sleep)
    clock.now = 10

    bucket.set_rate(5)

    assert await taken(bucket, clock, 3) == pytest.approx([10, 10.2, 10.4])


async def test_a_waiting_call_sees_that_the_rate_has_changed():
    """It does not sleep out a wait computed from the old one."""
    clock = Clock()
    bucket = TokenBucket(0.001, clock=clock, sleep=clock.sleep)
    waiting = asyncio.create_task(bucket.acquire(1e6))
    await asyncio.sleep(0)

    bucket.set_rate(10)
    await waiting

    assert clock.now < 5


async def test_no_call_during_a_pause():
    """A pause counts for all; a shorter one later does not shorten it."""
    clock = Clock()
    bucket = TokenBucket(5, clock=clock, sleep=clock.sleep)
    bucket.pause(30)
    bucket.pause(2)

    assert await taken(bucket, clock, 2) == pytest.approx([30, 30.2])


@pytest.mark.parametrize(("rate", "pause", "advice"), [(5, 90, 90), (0.01, 0, 100), (0, 0, None)])
async def test_a_wait_that_would_be_too_long_fails_at_once(rate, pause, advice):
    """The error tells how long it would have been, if that is known."""
    clock = Clock()
    bucket = TokenBucket(rate, clock=clock, sleep=clock.sleep)
    bucket.pause(pause)

    with pytest.raises(RateLimited) as caught:
        await bucket.acquire(60)

    assert clock.now == 0
    assert caught.value.retry_after == (None if advice is None else pytest.approx(advice))


async def test_a_caller_that_gives_up_holds_up_nobody():
    """Cancelled while it waits, it leaves its place to the next."""
    clock = Clock()
    bucket = TokenBucket(1, clock=clock, sleep=lambda seconds: asyncio.Event().wait())
    first = asyncio.create_task(bucket.acquire(60))
    second = asyncio.create_task(bucket.acquire(60))
    await asyncio.sleep(0)
    clock.now = 10

    first.cancel()
    await second

    assert first.cancelled()


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("advance"), st.floats(0, 50)),
        st.tuples(st.just("take"), st.integers(1, 8)),
        st.tuples(st.just("rate"), st.floats(0.05, 50)),
        st.tuples(st.just("pause"), st.floats(0, 20)),
    ),
    max_size=30,
)


@given(moves=MOVES, rate=st.floats(0.05, 50))
def test_never_more_calls_than_the_bucket_allows(moves, rate):
    """However time passes and rates and pauses change, the highest rate bounds all calls."""
    clock = Clock()
    bucket = TokenBucket(rate, clock=clock, sleep=clock.sleep)
    fastest, calls, paused_until = rate, 0, 0.0

    async def run():
        nonlocal fastest, calls, paused_until
        for move, amount in moves:
            if move == "advance":
                clock.now += amount
            elif move == "rate":
                bucket.set_rate(amount)
                fastest = max(fastest, amount)
            elif move == "pause":
                bucket.pause(amount)
                paused_until = max(paused_until, clock.now + amount)
            else:
                for _ in range(amount):
                    await bucket.acquire(1e9)
                    calls += 1
                    assert clock.now >= paused_until

    asyncio.run(run())

    assert calls <= clock.now * fastest + 1e-6


@given(
    rate=st.floats(0.1, 20),
    gaps=st.lists(st.floats(0, 10), min_size=1, max_size=40),
)
def test_no_stretch_of_time_has_more_calls_than_burst_and_rate(rate, gaps):
    """Between any two calls lies the time that those after the burst need."""
    clock = Clock()
    bucket = TokenBucket(rate, clock=clock, sleep=clock.sleep)
    moments = []

    async def run():
        for gap in gaps:
            clock.now += gap
            await bucket.acquire(1e9)
            moments.append(clock.now)

    asyncio.run(run())

    burst = max(1.0, rate * 0.2)
    for first in range(len(moments)):
        for last in range(first, len(moments)):
            calls = last - first + 1
            assert calls <= burst + (moments[last] - moments[first]) * rate + 1e-6


def test_a_budget_is_spread_over_the_day():
    """At noon half of it may be used, and an hour's worth more."""
    budget = DailyBudget(2400, now=MIDNIGHT)
    noon = MIDNIGHT + SECONDS_PER_DAY / 2

    made = 0
    while budget.take(noon):
        made += 1

    assert made == 1200 + 100


def test_the_wait_is_until_the_even_spread_allows_the_next_call():
    """Exactly then it is allowed."""
    budget = DailyBudget(2400, now=MIDNIGHT, ahead=1)
    budget.take(MIDNIGHT)

    wait = budget.wait(MIDNIGHT)

    assert wait == pytest.approx(SECONDS_PER_DAY / 2400)
    assert not budget.take(MIDNIGHT + wait - 1)
    assert budget.take(MIDNIGHT + wait)


def test_what_is_left_is_spread_over_what_is_left_of_the_day():
    """A worker restored in the evening does not make a day's calls in it."""
    evening = MIDNIGHT + SECONDS_PER_DAY * 3 / 4

    budget = DailyBudget(1000, now=evening, used=600, ahead=1)

    assert budget.left(evening) == 400
    assert budget.take(evening)
    assert budget.wait(evening) == pytest.approx(SECONDS_PER_DAY / 4 / 400)


def test_a_used_up_budget_waits_for_midnight_utc():
    """And the new day begins with the whole quota."""
    late = MIDNIGHT + SECONDS_PER_DAY - 60
    budget = DailyBudget(10, now=late, used=10)

    assert budget.wait(late) == 60
    assert not budget.take(late)
    assert budget.take(late + 60)
    assert budget.usage() == ((MIDNIGHT + SECONDS_PER_DAY) // SECONDS_PER_DAY, 1)


def test_a_clock_set_back_over_midnight_grants_nothing_again():
    """Neither when it goes back nor when it comes forward over the same midnight."""
    budget = DailyBudget(3, now=MIDNIGHT, ahead=3)
    assert [budget.take(MIDNIGHT) for _ in range(3)] == [True] * 3

    assert not budget.take(MIDNIGHT - 60)
    assert not budget.take(MIDNIGHT + 60)


def test_a_share_set_by_the_caller_is_a_hard_bound_and_not_spread():
    """The one who shares a quota spreads it; the budget only keeps the count."""
    budget = DailyBudget(5000, now=MIDNIGHT)
    budget.take(MIDNIGHT)

    budget.set_left(3, MIDNIGHT)

    assert [budget.take(MIDNIGHT) for _ in range(4)] == [True, True, True, False]
    assert budget.wait(MIDNIGHT) == SECONDS_PER_DAY


@given(
    quota=st.integers(0, 60),
    used=st.integers(0, 80),
    ahead=st.none() | st.floats(0, 100),
    start=st.floats(0, SECONDS_PER_DAY - 1),
    moves=st.lists(
        st.tuples(st.floats(-90_000, 90_000) | st.floats(0, 3000), st.integers(0, 40)), max_size=40
    ),
)
def test_never_more_calls_a_day_than_the_quota(quota, used, ahead, start, moves):
    """For any way of the clock, also back over midnight, and through a restart after each step."""
    now = MIDNIGHT + start
    budget = DailyBudget(quota, now=now, used=used, ahead=ahead)
    calls = {int(now // SECONDS_PER_DAY): used}
    latest = now

    for advance, tries in moves:
        now = max(MIDNIGHT, now + advance)
        latest = max(latest, now)
        day = int(latest // SECONDS_PER_DAY)
        for _ in range(tries):
            assert budget.wait(now) >= 0
            if budget.take(now):
                calls[day] = calls.get(day, 0) + 1
        if int(now // SECONDS_PER_DAY) == budget.usage()[0]:
            budget = DailyBudget(quota, now=now, used=budget.usage()[1], ahead=ahead)

    first = int((MIDNIGHT + start) // SECONDS_PER_DAY)
    assert all(made <= quota for day, made in calls.items() if day != first)
    assert calls[first] <= max(quota, used)
