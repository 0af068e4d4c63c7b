"""The time up to which a partition was processed, by which windows close and alerts wait."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from walmart_stream import topics
from walmart_stream.agents.process import Processor

NOW = 1_800_000_000_000
YEAR = 365 * 86_400_000
TP_0 = TP(topics.RAW.name, 0)


def processor(caught_up_at: int | None, processed: int | None) -> Any:
    """A worker's processing of partition 0 with nothing but what is known of its reading."""
    made: Any = Processor.__new__(Processor)
    made._app = SimpleNamespace(
        consumer=SimpleNamespace(caught_up_at=lambda tp: caught_up_at if tp == TP_0 else None)
    )
    made._clock = lambda: NOW
    made._processed_until = {} if processed is None else {0: processed}
    return made


@pytest.mark.parametrize(
    ("caught_up_at", "processed", "until"),
    [
        # Just taken over: a backlog may wait that no answer of a broker has told of yet.
        (None, None, 0),
        (None, NOW - 90_000, NOW - 90_000),
        (NOW - 500, NOW - 90_000, NOW - 500),
        # Producers set the times of records.
        (None, NOW + 90_000_000, NOW),
        # A broker that does not answer may hold new records.
        (NOW - 70_000, NOW - 90_000, NOW - 70_000),
        (NOW + 5, None, NOW),
    ],
)
def test_a_partition_is_settled_up_to_what_was_read_of_it(
    caught_up_at: int | None, processed: int | None, until: int
) -> None:
    """A window that closed by the clock before its observations were read would lack them."""
    assert processor(caught_up_at, processed).settled_until(0) == until


@pytest.mark.parametrize(
    ("ahead", "caught_up_at", "processed", "newest", "until"),
    [
        # This machine is a year ahead, and so is when it heard the broker.
        (YEAR, NOW + YEAR, None, NOW - 5, NOW - 5),
        # Somebody's observation, or a record's time, is of the future.
        (0, NOW - 500, None, NOW + YEAR, NOW - 500),
        (0, None, NOW + YEAR, NOW - 5, NOW - 5),
        (0, None, NOW - 90_000, NOW - 5, NOW - 90_000),
        # Nothing was read yet, or nothing was ever observed.
        (0, None, None, NOW, 0),
        (0, NOW, None, None, 0),
    ],
)
def test_items_are_forgotten_by_the_earliest_of_three_clocks(
    ahead: int, caught_up_at: int | None, processed: int | None, newest: int | None, until: int
) -> None:
    """A clock that is ahead would delete what is known of every item."""
    made = processor(caught_up_at, processed)
    made._clock, made.newest = lambda: NOW + ahead, newest

    assert made.observed_until(0) == until
