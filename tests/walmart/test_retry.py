"""Trying again: when, how often, and after how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.walmart.errors import InvalidItem, RateLimited, ServerUnavailable
from walmart_stream.walmart.retry import RetryPolicy


def policy(clock, random=lambda: 1.0, **settings):
    return RetryPolicy(clock=clock, sleep=clock.sleep, random=random, **settings)


class Failing:
    """Fails as often as there are errors, then gives the number of calls."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.calls


async def test_a_retriable_failure_is_tried_again_with_doubling_waits(clock):
    """Each wait is drawn from zero to twice the one before."""
    call = Failing(*[ServerUnavailable("down")] * 3)

    made = await policy(clock, attempts=4, first_delay=1).run(call)

    assert made == 4
    assert clock.slept == [1, 2, 4]


async def test_what_only_a_person_can_mend_is_not_tried_again(clock):
    """A refused item id is refused again."""
    call = Failing(InvalidItem("no"))

    with pytest.raises(InvalidItem):
        await policy(clock).run(call)

    assert call.calls == 1
    assert clock.slept == []


async def test_the_last_failure_is_the_one_that_is_raised(clock):
    """After as many attempts as are allowed."""
    last = ServerUnavailable("still down")
    call = Failing(ServerUnavailable("down"), last, ServerUnavailable("never reached"))

    with pytest.raises(ServerUnavailable) as caught:
        await policy(clock, attempts=2).run(call)

    assert caught.value is last


async def test_retry_after_is_obeyed_and_never_undercut(clock):
    """A little more is waited, so that those told the same do not come at once."""
    call = Failing(RateLimited("slow", retry_after=7))

    await policy(clock, random=lambda: 0.5, first_delay=1).run(call)

    assert clock.slept == [7.5]


async def test_no_wait_that_ends_after_the_total_time(clock):
    """Whoever asks must not be kept for an hour because the server said so."""
    call = Failing(RateLimited("slow", retry_after=3600))

    with pytest.raises(RateLimited):
        await policy(clock, longest_total=60).run(call)

    assert clock.slept == []


@given(
    attempt=st.integers(1, 10_000),
    random=st.floats(0, 1),
    retry_after=st.none() | st.floats(0, 9e3),
)
def test_every_delay_is_within_its_bounds(attempt, random, retry_after):
    """Not below what the server asked, nor above the longest delay without that."""
    rules = RetryPolicy(clock=lambda: 0.0, sleep=lambda s: None, random=lambda: random)

    delay = rules.delay(attempt, retry_after)

    if retry_after is None:
        assert 0 <= delay <= rules.longest_delay
    else:
        assert retry_after <= delay <= retry_after + rules.first_delay
