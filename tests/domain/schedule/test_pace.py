"""Calls are spent at a pace: never in a burst that eats the day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.schedule.pace import Allowance, burst_of

START = 1_795_348_800_000
EVEN = 5000 / 86_400


@given(
    st.lists(st.tuples(st.integers(-100_000, 100_000_000), st.integers(0, 60)), max_size=40),
    st.sampled_from([EVEN / 12, EVEN, 0.5, 5.0]),
    st.floats(1, 40),
)
def test_any_span_has_at_most_its_share_and_one_burst(
    moves: list[tuple[int, int]], pace: float, burst: float
) -> None:
    """However long it was quiet, and however the clock steps; only time that passes counts."""
    allowance = Allowance(burst, START)
    now = START
    forward = 0.0
    made = 0

    for step, tries in moves:
        now = max(0, now + step)
        forward += max(0, step) / 1000
        allowance.grow(now, pace, burst)
        for _ in range(tries):
            if allowance.calls:
                allowance.spend(1)
                made += 1
        assert made <= burst + pace * forward + 1e-6


def test_what_was_overspent_is_paid_back_first() -> None:
    """Attempts that were repeated count."""
    allowance = Allowance(1, START)
    allowance.spend(4)

    allowance.grow(START + 10_000, 0.1, burst=10)

    assert allowance.tokens == pytest.approx(-2)
    assert allowance.wait(0.1) == pytest.approx(30)
    assert allowance.wait(0) == float("inf")


def test_a_burst_is_ten_minutes_of_the_day() -> None:
    """The usual quota has 35 calls, 700 items; the smallest, enough to find one bad id."""
    assert burst_of(5000) == pytest.approx(34.7, abs=0.1)
    assert burst_of(1) == 4
