"""Times at the border of the domain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.errors import BadTime
from walmart_stream.domain.time import (
    LATEST,
    check_not_ahead,
    parse_iso,
    to_datetime,
    to_iso,
    to_ms,
)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-22T18:00:00.123Z", 1795370400123),
        ("2026-11-22T18:00:00Z", 1795370400000),
        ("2026-11-22T18:00:00.1239Z", 1795370400123),
        ("2026-11-22T18:00:00.123456789Z", 1795370400123),
        ("2026-11-22T13:00:00.123-05:00", 1795370400123),
        ("2026-11-22T18:00:00.123+00:00", 1795370400123),
    ],
)
def test_iso_times_are_read_in_milliseconds_rounded_down(text: str, ms: int) -> None:
    """Any offset, any number of decimals."""
    assert parse_iso(text) == ms


@pytest.mark.parametrize(
    "text", ["", "now", "2026-11-22", "2026-11-22T18:00:00", "1969-12-31T23:59:59.999Z"]
)
def test_what_is_no_time_with_a_zone_since_1970_is_refused(text: str) -> None:
    """A local time could be any of 26 hours."""
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"]
)
def test_times_at_the_ends_of_the_calendar_are_refused(text: str) -> None:
    """The end of their window, or they themselves in UTC, could not be written down."""
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)


def test_the_widest_window_of_the_latest_time_has_an_end() -> None:
    """A week after the last time that is accepted can be written."""
    latest = to_ms(LATEST - timedelta(milliseconds=1))

    assert to_iso(latest + 604_800_000).startswith("9999-01-07")


@given(st.integers(0, to_ms(LATEST - timedelta(milliseconds=1))))
def test_milliseconds_survive_the_way_through_text(ms: int) -> None:
    """Writing and reading a time are inverse to each other."""
    assert parse_iso(to_iso(ms)) == ms
    assert to_ms(to_datetime(ms)) == ms


def test_other_zones_are_the_same_moment() -> None:
    """A zone is how a moment is written, not when it is."""
    moment = datetime(2026, 11, 22, 18, tzinfo=UTC)

    assert to_ms(moment) == to_ms(moment.astimezone(timezone(timedelta(hours=-8))))


def test_a_time_far_after_its_record_was_written_is_refused() -> None:
    """It would make everything newer about the item late until that time comes; what has no Kafka
    timestamp cannot be judged."""
    written = 1_795_370_400_000

    check_not_ahead(written + 600_000, written, 600_000)
    check_not_ahead(written - 10**10, written, 600_000)
    check_not_ahead(written + 10**12, -1, 600_000)

    with pytest.raises(BadTime, match=r"601 s after the record was written; 600 s at most"):
        check_not_ahead(written + 601_000, written, 600_000)
