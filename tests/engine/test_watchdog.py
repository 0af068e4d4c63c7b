"""A worker in which nothing gets done, though there is something to do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from walmart_stream.engine import watchdog


class Ended(Exception):
    """In place of the process."""


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As far as the watchdog looks: a worker that has all it needs, and nothing to do."""

    def end(reason: str) -> None:
        raise Ended(reason)

    monkeypatch.setattr(watchdog, "end_process", end)
    recovery = SimpleNamespace(in_recovery=False)
    return SimpleNamespace(
        tables=SimpleNamespace(recovery=recovery, actives_ready=True),
        rebalancing=False,
        rebalancing_count=1,
        consumer=SimpleNamespace(last_fetched=dict),
        unfinished=dict,
    )


def _check_for_long(app: Any, *excused: str) -> None:
    watch = watchdog.Watchdog(app, excused=lambda: excused, longest=10)
    for now in (0.0, 11.0):
        watch.check(now)


def test_nothing_to_do_is_no_stall(app: Any) -> None:
    """At night nothing comes for hours."""
    _check_for_long(app)


def test_a_group_that_is_never_joined_is_a_stall(app: Any) -> None:
    """Partitions that it was to have would wait for ever."""
    app.rebalancing = True

    with pytest.raises(Ended, match="the joining of the group"):
        _check_for_long(app)


def test_a_partition_that_is_not_fetched_any_more_is_a_stall(app: Any) -> None:
    """How much waits in it, only a fetch would tell."""
    app.consumer.last_fetched = lambda: {("a", 0): 1_000}

    with pytest.raises(Ended, match=r"the fetching of .'a', 0"):
        _check_for_long(app)


def test_only_the_topic_whose_database_is_away_may_wait(app: Any) -> None:
    """Everything was excused: a stuck poller or processor went unnoticed during an outage."""
    app.consumer.last_fetched = lambda: {("results", 0): 1_000}
    app.unfinished = lambda: {("results", 0): 7}
    _check_for_long(app, "results")
    app.unfinished = lambda: {("results", 0): 7, ("raw", 1): 9}

    with pytest.raises(Ended, match=r"nothing gets done: .'raw', 1.$"):
        _check_for_long(app, "results")
