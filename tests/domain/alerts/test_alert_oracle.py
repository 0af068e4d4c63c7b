"""The engine against a plain slow oracle, over logs of every kind."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.alerts.plain_alerts import MINUTE, PlainRule, Said, episodes
from tests.domain.alerts.worked import Worker, entry, rule_of, worked
from walmart_stream.domain.alerts import conditions, derived_steps, engine, facts
from walmart_stream.domain.alerts.machine import Machine
from walmart_stream.domain.alerts.steps import CLOSED, RAISED
from walmart_stream.domain.standing import Seen

RULES = (
    PlainRule("below", "landed_below", 2000),
    PlainRule("held", "landed_below", 2000, hold=5 * MINUTE),
    PlainRule("steady", "landed_below", 2000, hold=2 * MINUTE, hysteresis=150),
    PlainRule("rare", "landed_below", 2000, hysteresis=50, cooldown=20 * MINUTE),
    PlainRule("gone", "out_of_stock"),
    PlainRule("gone-long", "out_of_stock", hold=3 * MINUTE, cooldown=10 * MINUTE),
    PlainRule("moved", "moved", 200),
    PlainRule("moved-held", "moved", 200, hold=4 * MINUTE, cooldown=9 * MINUTE),
)

# Around the thresholds, off by a factor of ten and more, 0; free shipping, and unknown one.
PRICES = (1990, 1999, 2000, 2049, 2149, 2150, 2400, 200, 1, 0, 25000, None)
SHIPPING = (0, 0, 0, 1, 160, None)


@dataclass(frozen=True)
class Case:
    """A log, where it is cut, and which batches are repeated, and why (see :func:`worked`)."""

    log: list[Said]
    cuts: list[int]
    crashes: list[int]
    behind: list[int]


def said(item: str, at: int, price: int | None, shipping: int | None) -> Said:
    return Said(item, 1_000_000_000_000 + at, price, shipping)


cases = st.builds(
    Case,
    st.lists(
        st.builds(
            said,
            st.sampled_from("123"),
            # Minutes apart and close together, in any order: late and repeated ones are among them.
            st.integers(0, 60).map(lambda half: half * MINUTE // 2),
            st.sampled_from(PRICES),
            st.sampled_from(SHIPPING),
        ),
        max_size=40,
    ).flatmap(lambda log: st.sampled_from([log, sorted(log, key=lambda one: one.at)])),
    st.lists(st.integers(1, 39), max_size=6),
    st.lists(st.integers(0, 39), max_size=3),
    st.lists(st.integers(0, 39), max_size=3),
)


def differences(case: Case) -> list[str]:
    """Alerts of *case* that the engine raises and the oracle does not, or vice versa."""
    items = sorted({one.item for one in case.log})
    want = {found for rule in RULES for item in items for found in episodes(rule, case.log, item)}
    got = worked(RULES, case.log, case.cuts, case.crashes, case.behind)
    twice = [f"twice {one}" for one in got if got.count(one) > 1]
    return [*twice, *(f"differs {one}" for one in sorted(want ^ set(got), key=str))]


@given(cases)
@settings(max_examples=300)
def test_any_cut_repetition_and_order_gives_the_same_alerts_once_each(case: Case) -> None:
    """However a log is cut, repeated after crashes and ordered, its alerts are the oracle's."""
    assert differences(case) == []


@given(cases.filter(lambda case: bool(case.log)))
@settings(max_examples=100)
def test_last_alerts_are_as_they_were_sent_and_leave_no_open_one_out(case: Case) -> None:
    """They replace what the topic of alerts lost: none is invented, moved or left open."""
    worker = Worker(map(rule_of, RULES))
    waiting = worker.restart()
    worker.work([entry(one, offset) for offset, one in enumerate(case.log)], waiting)

    again = [step for item in "123" for step in worker.engine(waiting).last_alerts(item, 0)]

    sent = {(step.step, step.id): step for step in worker.steps}
    for step in again:
        first = sent[step.step, step.id]
        if step.step == RAISED or step.rule.startswith("moved"):
            assert replace(step, why=first.why) == first
        else:
            assert step.at >= first.at
    ended = {step.id for step in worker.steps if step.step == CLOSED}
    open_ones = {step.id for step in worker.steps} - ended
    assert open_ones == {step.id for step in again} - {s.id for s in again if s.step == CLOSED}


def no_hysteresis(monkeypatch: pytest.MonkeyPatch) -> None:
    right = conditions._level

    def level(inside: int, hysteresis: int, text: Callable[[], str]) -> conditions.Verdict:
        return right(inside, 0, text)

    monkeypatch.setattr(conditions, "_level", level)


def no_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    right = engine.Engine._turn

    def turn(self: engine.Engine, item_id: str, rule: object, machine: Machine, *rest: object):  # type: ignore[no-untyped-def]
        right(self, item_id, rule, machine, *rest)  # type: ignore[arg-type]
        machine.due = max(machine.start, machine.cooled)

    monkeypatch.setattr(engine.Engine, "_turn", turn)


def id_from_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(1_700_000_000_000)
    monkeypatch.setattr(
        derived_steps, "alert_id", lambda rule, item, offer, start: f"{rule}:{item}:{next(clock)}"
    )


def no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("walmart_stream.domain.alerts.facts._is_odd", lambda now, before: False)


def zero_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    right = facts._is_odd
    monkeypatch.setattr(
        facts, "_is_odd", lambda now, before: right(now, before) and 0 not in (now, before)
    )


def no_cooldown(monkeypatch: pytest.MonkeyPatch) -> None:
    right = engine.Engine._confirm

    def confirm(self: engine.Engine, item_id: str, rule: object, machine: Machine, *rest: object):  # type: ignore[no-untyped-def]
        right(self, item_id, rule, machine, *rest)  # type: ignore[arg-type]
        machine.cooled = 0

    monkeypatch.setattr(engine.Engine, "_confirm", confirm)


def looks_at_the_state_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        facts, "_seen", lambda name, known, observation: Seen(known.offer, known.observed_at)
    )


def forgets_the_watermark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.Engine, "pass_time", lambda self, now: None)


@pytest.mark.parametrize(
    "mutant",
    [
        no_hysteresis,
        no_hold,
        no_cooldown,
        id_from_the_clock,
        no_doubt,
        zero_counts_at_once,
        looks_at_the_state_alone,
        forgets_the_watermark,
    ],
)
def test_a_broken_engine_is_caught(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A judge that has never found anything proves nothing."""
    mutant(monkeypatch)

    assert any(differences(case) for case in (random_case(seed) for seed in range(40)))


def random_case(seed: int) -> Case:
    random_ = random.Random(seed)
    times = sorted(random_.randrange(60) * MINUTE // 2 for _ in range(40))
    log = [
        said(random_.choice("123"), at, random_.choice(PRICES), random_.choice(SHIPPING))
        for at in times
    ]
    cuts = [random_.randrange(1, 40) for _ in range(5)]
    places = [random_.choice([0, *cuts]) for _ in range(3)]
    return Case(log, cuts, places[:2], places[2:])
