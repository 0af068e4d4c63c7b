"""The flow of events: silence is told by the rhythm in which they came."""

from __future__ import annotations

from random import Random

import pytest

from walmart_stream.domain.schedule.flow import LATEST_SILENCE, SOONEST_SILENCE, EventFlow

START = 1_795_348_800_000


def flow(*gaps: float) -> tuple[EventFlow, int]:
    """A flow with events at these distances (seconds), and the time of the last one."""
    found, at = EventFlow(), START
    found.heard(at)
    for gap in gaps:
        at += int(gap * 1000)
        found.heard(at)
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
    found.heard(last + 500_000)
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
        found.heard(at)

    assert found.patience == patience


def test_events_at_random_are_hardly_ever_taken_for_silent() -> None:
    """Less than one distance in two hundred, whatever the last ones were."""
    random = Random(1)
    found, now, silent = EventFlow(), START, 0
    for _ in range(5000):
        now += int(random.expovariate(1 / 60) * 1000)
        silent += found.is_silent(now)
        found.heard(now)

    assert silent < 25
