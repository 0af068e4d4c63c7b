"""The flow of events: silence is told by the rhythm in which they came."""

from __future__ import annotations

from random import Random

import pytest

from walmart_stream.domain.schedule.flow import LATEST_SILENCE, SOONEST_SILENCE, EventFlow

START = 1_795_348_800_000


def flow(*gaps: float) -> tuple[EventFlow, int]:
    """A flow with events at these distances (seconds), and the time of the last one."""
    found, at = EventFlow(), START
    found.heard(at, at)
    for gap in gaps:
        at += int(gap * 1000)
        found.heard(at, at)
    return found, at


def test_nothing_flows_and_nothing_is_silent_before_the_first_event() -> None:
    """Whoever has not subscribed is not warned."""
    assert not EventFlow().is_flowing(START)
    assert not EventFlow().is_silent(START)


def test_a_silence_of_several_distances_ends_the_flow_and_the_next_event_begins_it() -> None:
    """Events every half minute: after four minutes of none, polls are needed again."""
    found, last = flow(*[30.0] * 50)

    assert found.patience == pytest.approx(240)
    assert found.is_flowing(last + 239_000)
    assert found.is_silent(last + 241_000)
    found.heard(last + 500_000, last + 500_000)
    assert found.is_flowing(last + 501_000)


def test_patience_has_bounds() -> None:
    """A flood is not silent after a second, nor a trickle flowing for a day."""
    assert flow(*[0.1] * 100)[0].patience == SOONEST_SILENCE
    assert flow(*[40_000.0] * 100)[0].patience == LATEST_SILENCE
    assert flow()[0].patience == SOONEST_SILENCE


def test_events_that_come_late_or_twice_say_nothing() -> None:
    """Walmart repeats what was answered too slowly."""
    found, last = flow(*[30.0] * 50)
    patience = found.patience

    for at in (last, last - 100_000, START):
        found.heard(at, last)

    assert found.patience == patience


def test_events_at_random_are_hardly_ever_taken_for_silent() -> None:
    """Less than one distance in two hundred, whatever the last ones were."""
    random = Random(1)
    found, now, silent = EventFlow(), START, 0
    for _ in range(5000):
        now += int(random.expovariate(1 / 60) * 1000)
        silent += found.is_silent(now)
        found.heard(now, now)

    assert silent < 25


def test_an_event_of_the_future_says_nothing() -> None:
    """It would flow until its time comes, and polls would wait for years."""
    found, last = flow(*[30.0] * 50)

    found.heard(last + 10 * 365 * 86_400_000, last + 1_000)

    assert found.is_silent(last + 241_000)


@pytest.mark.parametrize("wrong", [-300_000, 300_000])
def test_a_clock_that_is_minutes_wrong_finds_silence_by_as_much_late_or_early(wrong: int) -> None:
    """And no event is lost to it."""
    found = EventFlow()
    for number in range(50):
        found.heard(START + number * 30_000, START + number * 30_000 + wrong)
    last = START + 49 * 30_000

    assert found.patience == pytest.approx(240)
    assert found.is_flowing(last + wrong) is (wrong < 0)
    assert found.is_silent(last + 541_000 + wrong)


def test_a_clock_that_is_set_back_ends_the_flow_until_the_next_event() -> None:
    """Polls go on meanwhile."""
    found = EventFlow()
    for at in range(START, START + 1_500_000, 30_000):
        found.heard(at + 86_400_000, at + 86_400_000)

    assert found.is_silent(START)
    found.heard(START + 1_000, START + 2_000)
    assert found.is_flowing(START + 3_000)
