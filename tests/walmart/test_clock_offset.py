"""The time is Walmart's by its answers, whatever happens to the machine's clock."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.walmart.clock_offset import (
    LARGEST_UNCONFIRMED,
    SMALLEST_OFFSET,
    SURE,
    UNSURE,
    WalmartClock,
)

NOON = 1_795_348_800.0


@dataclass
class Machine:
    """A machine's two clocks, and the true time; *error* is how far the first is ahead."""

    now: float = NOON
    error: float = 0.0
    started: float = NOON - 1000

    def wall(self) -> float:
        return self.now + self.error

    def monotonic(self) -> float:
        return self.now - self.started

    def clock(self) -> WalmartClock:
        return WalmartClock(self.wall, self.monotonic)


def answer(clock: WalmartClock, at: float, took: float = 0.1, **headers: str) -> None:
    """An answer that Walmart wrote at *at* (true time) has just arrived after *took* seconds."""
    received = clock()
    clock.learn({"Date": formatdate(at, usegmt=True), **headers}, received - took, received)


@pytest.mark.parametrize("error", [-7200.0, -300.0, -3.0, 3.0, 300.0, 80_000.0])
def test_one_answer_sets_the_clock(error: float) -> None:
    """To the precision of its Date header; and it says by how much the machine is off."""
    machine = Machine(error=error)
    clock = machine.clock()

    answer(clock, NOON)

    assert clock() == pytest.approx(NOON, abs=1)
    assert clock.offset == pytest.approx(-error, abs=1)
    assert clock.now_ms() == int(clock() * 1000)


@pytest.mark.parametrize(
    ("date", "took"),
    [
        (formatdate(NOON + 1, usegmt=True), 0.0),
        (formatdate(NOON - 2, usegmt=True), 0.0),
        (formatdate(NOON - 30, usegmt=True), 60.0),
        (formatdate(NOON - 60, usegmt=True), 60.0),
        ("yesterday", 0.0),
        ("", 0.0),
    ],
)
def test_what_a_date_header_cannot_tell_changes_nothing(date: str, took: float) -> None:
    """Whole seconds, written at some moment of the request, are no measure of less than that."""
    clock = Machine().clock()

    clock.learn({"Date": date}, NOON - took, NOON)

    assert (clock(), clock.offset) == (NOON, 0)


def test_a_copy_from_a_cache_does_not_set_the_clock() -> None:
    """Its Date is when it was made."""
    clock = Machine().clock()

    answer(clock, NOON - 900, Age="900")

    assert clock() == NOON


def test_a_date_that_is_days_away_is_believed_when_it_is_repeated() -> None:
    """A proxy that makes one up must not stamp observations with another year."""
    clock = Machine().clock()
    answer(clock, NOON + 365 * LARGEST_UNCONFIRMED)
    doubted = clock()

    answer(clock, NOON + 2 * LARGEST_UNCONFIRMED)
    answer(clock, NOON + 2 * LARGEST_UNCONFIRMED + 1)

    assert doubted == NOON
    assert clock() == pytest.approx(NOON + 2 * LARGEST_UNCONFIRMED, abs=2)


def test_setting_the_machines_clock_does_not_set_this_one() -> None:
    """Between the step and the next answer the time stays right, and is known to be in doubt."""
    machine = Machine()
    clock = machine.clock()
    answer(clock, NOON)
    sure = clock.uncertainty
    machine.now += 10
    machine.error = 300

    during = clock(), clock.uncertainty, clock.offset
    answer(clock, machine.now)

    assert sure == SURE
    assert during[0] == pytest.approx(NOON + 10, abs=SMALLEST_OFFSET)
    assert during[1] == UNSURE
    assert during[2] == pytest.approx(-300, abs=SMALLEST_OFFSET)
    assert (clock.uncertainty, clock.offset) == (SURE, pytest.approx(-300, abs=1))


def test_before_an_answer_the_machines_clock_is_all_there_is() -> None:
    """And nobody knows how wrong it is."""
    clock = Machine(error=300).clock()

    assert clock() == NOON + 300
    assert clock.uncertainty == UNSURE
    assert clock.offset == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wait"), st.floats(0, 5000)),
            st.tuples(st.just("step"), st.floats(-20_000, 20_000)),
            st.tuples(st.just("answer"), st.floats(0, 3)),
        ),
        max_size=30,
    ),
    st.floats(-20_000, 20_000),
)
def test_the_clock_is_right_whatever_the_machines_does(
    moves: list[tuple[str, float]], error: float
) -> None:
    """From the first answer on: to the precision of Date and the answers' way."""
    machine = Machine(error=error)
    clock = machine.clock()
    answered = False

    for move, amount in moves:
        if move == "wait":
            machine.now += amount
        elif move == "step":
            machine.error += amount
        else:
            answer(clock, machine.now - amount, took=amount)
            answered = True
        if answered:
            assert abs(clock() - machine.now) <= SURE
