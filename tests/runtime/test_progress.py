"""Stalls: something to do, and nothing gets done."""

from __future__ import annotations

from walmart_stream.runtime.progress import Progress


def test_a_position_that_stands_still_for_too_long_is_a_stall() -> None:
    """And only the one that does."""
    progress = Progress(longest=10)
    progress.stalled({"a": 5, "b": 5}, now=0)

    assert progress.stalled({"a": 5, "b": 6}, now=10) == []
    assert progress.stalled({"a": 5, "b": 7}, now=11) == ["a"]


def test_what_has_nothing_to_do_in_between_begins_anew() -> None:
    """A quiet partition may be at the same offset for days."""
    progress = Progress(longest=10)
    progress.stalled({"a": 5}, now=0)
    progress.stalled({}, now=9)

    assert progress.stalled({"a": 5}, now=15) == []
    assert progress.stalled({"a": 5}, now=26) == ["a"]


def test_slow_progress_is_progress() -> None:
    """Each step starts the time again."""
    progress = Progress(longest=10)

    assert all(progress.stalled({"a": step}, now=9.0 * step) == [] for step in range(20))
