"""Has the real engine work off a log, in batches, with crashes in between."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from copy import deepcopy

from tests.domain.alerts.plain_alerts import Episode, PlainRule, Said
from walmart_stream.domain.alerts import state
from walmart_stream.domain.alerts.engine import Engine, Look, Waiting
from walmart_stream.domain.alerts.facts import facts_of
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.alerts.rules import Rule, RuleSet
from walmart_stream.domain.alerts.steps import RAISED, Step
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import FEATURED, Offer
from walmart_stream.domain.reading.observation import AFFILIATE, Observation
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import parse_iso
from walmart_stream.domain.windows import Rules

RULES = Rules(3_600_000, 10_800_000)
# Long after what logs hold.
NOW = 4_000_000_000_000


class Worker:
    """One partition's tables, and the engine on them."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = RuleSet(rules)
        self.states: dict[str, ItemState] = {}
        self.table: dict[str, bytes] = {}
        self.watermark = 0
        self.steps: list[Step] = []

    def restart(self) -> Waiting:
        """The waiting items, as a worker finds them that has just got the partition."""
        waiting = Waiting(self.watermark)
        for item_id, value in self.table.items():
            waiting.note(item_id, state.decode(value))
        return waiting

    def engine(self, waiting: Waiting) -> Engine:
        def read(item_id: str) -> state.ItemAlerts | None:
            value = self.table.get(item_id)
            return None if value is None else state.decode(value)

        return Engine(self.rules, read, waiting, RULES.known_ms, NOW)

    def work(self, entries: Sequence[Entry], waiting: Waiting) -> dict[str, ItemState]:
        """One batch up to where the alerts are durable; the items' states as they will be."""
        engine = self.engine(waiting)

        def follow(entry: Entry, item: ItemState) -> None:
            observation, source = entry
            at = observation.observed_at
            facts = facts_of(observation, item, RULES.known_ms)
            engine.look(Look(at, facts, source))

        states = apply(deepcopy(self.states), entries, RULES, follow).states
        self.keep(engine, waiting)
        return states

    def keep(self, engine: Engine, waiting: Waiting) -> None:
        self.steps += engine.outcome.steps
        self.table |= {key: state.encode(item) for key, item in engine.outcome.items.items()}
        self.watermark = waiting.watermark

    def episodes(self) -> list[Episode]:
        """The alerts by their steps, each once."""
        closed = {step.id: parse_iso(step.at) for step in self.steps if step.step != RAISED}
        raised = {step.id: step for step in self.steps if step.step == RAISED}
        return [
            (
                step.rule,
                step.item_id,
                parse_iso(step.started_at),
                parse_iso(step.at),
                closed.get(step.id),
            )
            for step in raised.values()
        ]


def entry(said: Said, offset: int) -> Entry:
    offer = None
    if said.price is not None:
        offer = Offer(said.price, said.shipping, None, True, "Somebody")
    seen = Observation(said.item, said.at, AFFILIATE, "Kettle", {FEATURED: offer})
    return Entry(seen, Source("raw", 0, offset))


def rule_of(plain: PlainRule) -> Rule:
    fields = {"name": plain.name, "all": True, "when": plain.when}
    if plain.when != "out_of_stock":
        fields["by" if plain.when == "moved" else "value"] = plain.value / 100
    if plain.hysteresis:
        fields["hysteresis"] = plain.hysteresis / 100
    fields |= {"hold": f"{plain.hold // 1000}s", "cooldown": f"{plain.cooldown // 1000}s"}
    return read_rule(fields)


def worked(
    rules: Iterable[PlainRule],
    log: Sequence[Said],
    cuts: Iterable[int],
    crashes: Iterable[int],
    behind: Iterable[int] = (),
) -> list[Episode]:
    """The alerts of *log*, cut into batches before *cuts*.

    Batches that begin at *crashes* are repeated: their alerts were durable, their states not. Those
    that begin at *behind* are repeated by a worker that took over between the two writes of one
    that still lived: it has the items' states, and not yet where the rules stand.
    """
    worker = Worker(map(rule_of, rules))
    entries = [entry(said, offset) for offset, said in enumerate(log)]
    bounds = sorted({0, len(log), *(cut for cut in cuts if 0 < cut < len(log))})
    waiting = worker.restart()
    for begin, end in itertools.pairwise(bounds):
        if begin in set(crashes):
            worker.work(entries[begin : (begin + end + 1) // 2], waiting)
            waiting = worker.restart()
        if begin in set(behind):
            table, watermark = dict(worker.table), worker.watermark
            worker.states |= worker.work(entries[begin:end], waiting)
            worker.table, worker.watermark = table, watermark
            waiting = worker.restart()
        states = worker.work(entries[begin:end], waiting)
        worker.states |= states
    return worker.episodes()
