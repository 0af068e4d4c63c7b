"""A topic of alerts that lost its end is noticed by where its steps stand, and by nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.domain.alerts.plain_alerts import PlainRule, Said
from tests.domain.alerts.worked import Worker, entry, rule_of
from walmart_stream import topics
from walmart_stream.agents.alerts import SENT_AGAIN_MS, Alerts
from walmart_stream.domain.alerts import state
from walmart_stream.domain.alerts.state import WATERMARK
from walmart_stream.domain.alerts.steps import AGAIN, RAISED, decode_step
from walmart_stream.metrics import Metrics

NOW = 1_800_000_000_000
RULE = PlainRule("below", "landed_below", 2000)


class _Log:
    """The partition's topic of alerts, and an app with nothing else: its next step is at *end*."""

    def __init__(self, end: int) -> None:
        self.end = self.log_end = end
        self.steps: list[Any] = []
        self.faults: list[Any] = []
        self.consumer = SimpleNamespace(log_end=lambda tp: self.log_end)

    def outbox(self) -> _Log:
        return self

    def log_fault(self, *fault: Any) -> None:
        self.faults.append(fault)

    def add(self, topic: str, key: bytes, value: bytes, *, partition: int) -> None:
        self.steps.append(decode_step(value))

    async def flush(self) -> dict[tuple[str, int], list[int]]:
        first, self.end = self.end, len(self.steps) + self.end
        return {(topics.ALERTS.name, 0): list(range(first, self.end))}


class _Table:
    """The partition's values in memory."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values

    def read(self, partition: int, key: bytes) -> bytes | None:
        return self.values.get(key)

    def of_partitions(self, partitions: set[int]) -> Iterator[tuple[int, bytes, bytes]]:
        yield from [(0, key, value) for key, value in self.values.items()]

    async def write(self, partition: int, values: dict[bytes, bytes], outbox: Any) -> None:
        self.values |= values


def looks(*cents: int) -> Sequence[Any]:
    return [entry(Said("7", NOW - 60_000 + at, one), at) for at, one in enumerate(cents)]


def taken_over(log: _Log, *, sent: int, now: int = NOW) -> tuple[Alerts, _Table, Worker]:
    """A partition with an open alert, of which the last step was at offset *sent*."""
    before = Worker([rule_of(RULE)])
    before.work(looks(1900), before.restart())
    values = {key.encode(): value for key, value in before.table.items()}
    table = _Table(values | {WATERMARK: state.encode_progress(0, sent)})
    app: Any = log
    return Alerts(app, table, SimpleNamespace(), Metrics(), 1, clock=lambda: now), table, before  # type: ignore[arg-type]


async def look(alerts: Alerts, worker: Worker) -> None:
    await alerts._engine(0, worker.rules)
    await alerts._check_log(0, worker.rules)


async def test_a_log_that_is_too_short_at_two_looks_gets_the_alert_once_more() -> None:
    """At one look, a new leader may not know yet how far its log goes."""
    log = _Log(end=5)
    alerts, table, worker = taken_over(log, sent=8)

    await look(alerts, worker)
    assert log.faults == []
    await look(alerts, worker)
    await look(alerts, worker)

    assert log.faults == [(topics.ALERTS.name, "cut", 1)]
    [raised] = log.steps
    assert (raised.step, raised.id, raised.why) == (RAISED, worker.steps[0].id, AGAIN)
    assert state.decode_progress(table.values[WATERMARK]).sent == 5


@pytest.mark.parametrize(("end", "sent"), [(9, 8), (5, -1)])
async def test_a_log_that_is_long_enough_or_of_an_earlier_release_is_left_alone(
    end: int, sent: int
) -> None:
    """Nothing is sent, now or when it is looked at again."""
    log = _Log(end)
    alerts, _, worker = taken_over(log, sent=sent)

    for _ in range(3):
        await look(alerts, worker)

    assert (log.faults, log.steps) == ([], [])


async def test_alerts_that_the_log_of_deliveries_may_have_forgotten_are_not_sent() -> None:
    """The cut is reported anyway."""
    log = _Log(end=5)
    alerts, _, worker = taken_over(log, sent=8, now=NOW + SENT_AGAIN_MS)

    await look(alerts, worker)
    await look(alerts, worker)

    assert (len(log.faults), log.steps) == (1, [])


@pytest.mark.parametrize(("offset", "faults"), [(4, 1), (8, 1), (9, 0), (-1, 0)])
async def test_a_step_that_gets_an_offset_which_another_one_had_shows_the_cut(
    offset: int, faults: int
) -> None:
    """A broker that has a step already, and does not know where, says -1."""
    log = _Log(offset)
    log.log_end = None  # type: ignore[assignment]
    alerts, table, worker = taken_over(log, sent=8)
    engine = await alerts._engine(0, worker.rules)
    worker.engine = lambda waiting: engine  # type: ignore[method-assign]

    worker.work(looks(1900, 2500), alerts._waiting[0])
    await alerts._store(0, engine, None)

    assert len(log.faults) == faults
    assert [one.step for one in log.steps] == ["closed", *["raised", "closed"] * faults]
    assert state.decode_progress(table.values[WATERMARK]).sent == max(log.end - 1, 8 * (not faults))
