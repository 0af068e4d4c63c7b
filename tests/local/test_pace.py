"""The default pace of `make run`: slow enough for a day, and no hindrance to a measured run."""

from __future__ import annotations

import pytest

from walmart_stream.local.options import MEASURED, Options

# Bytes of the embedded broker for an observation with its state, changes and windows, as measured
# over an hour; and what it may grow by in a day, so that all processes stay below a gigabyte.
BYTES_OF_AN_OBSERVATION = 6_200
GROWTH_OF_A_DAY = 300_000_000


def options(items: int, seconds: float | None = None, speed: float | None = None) -> Options:
    return Options(2, items, seconds, 1, speed, None)


@pytest.mark.parametrize("items", [200, 1_000, 3_000])
def test_a_stack_that_stands_for_a_day_fills_less_than_memory_has(items: int) -> None:
    """However many items there are: more of them are polled less often."""
    seconds = float(options(items).intervals["POLL_INTERVAL_MIN"])

    a_day = 86_400 * items / seconds
    assert a_day * BYTES_OF_AN_OBSERVATION <= GROWTH_OF_A_DAY


def test_a_run_with_an_end_or_a_speed_is_as_fast_as_it_was() -> None:
    """Its figures are compared with those of other releases."""
    assert options(200, seconds=60.0).intervals is MEASURED
    assert options(200, speed=5.0).intervals is MEASURED
