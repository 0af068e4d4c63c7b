"""The engine: ``(items, looks) -> (items, steps)``, a pure function of the log.

However a partition is cut into batches, and whichever of its prefixes is fed again, the same
alerts come out, once each. An episode that lasts is confirmed by the item's next look, or by the
partition's watermark: the newest time seen in it, less :data:`LATENESS_MS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from walmart_stream.domain.alerts.conditions import judge
from walmart_stream.domain.alerts.derived_steps import closed, last_alerts, raised
from walmart_stream.domain.alerts.facts import Facts, learn
from walmart_stream.domain.alerts.history import HIGH, LOW, extend
from walmart_stream.domain.alerts.machine import Action, Input, Machine, State
from walmart_stream.domain.alerts.rules import Rule, RuleSet
from walmart_stream.domain.alerts.state import ItemAlerts
from walmart_stream.domain.alerts.steps import ENDED, REARMED, Step
from walmart_stream.domain.events import Source

# How much later than another item of its partition an observation may stand in the log: answers of
# the same moment take seconds. More would delay alerts of items that nothing is seen of.
LATENESS_MS = 60_000


class Look(NamedTuple):
    """An observation of a partition. ``facts`` are ``None`` where no rule covers its item."""

    at: int
    facts: Facts | None = None
    source: Source | None = None


@dataclass(slots=True)
class Waiting:
    """A partition's items with an episode that has yet to last, and its watermark (epoch ms).

    ``sent`` is the offset of the last step that was sent of it; -1 if none was.
    """

    watermark: int = 0
    sent: int = -1
    _due: dict[str, int] = field(default_factory=dict)
    _heap: list[tuple[int, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._due)

    def note(self, item_id: str, item: ItemAlerts) -> None:
        """*item* has changed."""
        due = item.next_due
        if due is None:
            self._due.pop(item_id, None)
        elif self._due.get(item_id) != due:
            self._due[item_id] = due
            heappush(self._heap, (due, item_id))

    def pop(self, now: int) -> str | None:
        """An item with an episode that is due by *now*, the longest due first."""
        while self._heap and self._heap[0][0] <= now:
            due, item_id = heappop(self._heap)
            if self._due.get(item_id) == due:
                del self._due[item_id]
                return item_id
        return None


@dataclass(slots=True)
class AlertOutcome:
    """The items that have changed, and the steps, in order."""

    items: dict[str, ItemAlerts] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


Read = Callable[[str], ItemAlerts | None]


class Engine:
    """The rules at work on one partition. *read* gives an item's stored state.

    *known_ms*: how long a price counts as known; *now*: epoch ms, past which no observation moves
    the watermark, whatever time it names.
    """

    def __init__(
        self, rules: RuleSet, read: Read, waiting: Waiting, known_ms: int, now: int
    ) -> None:
        self._rules = rules
        self._read = read
        self._waiting = waiting
        self._known_ms = known_ms
        self._now = now
        self.outcome = AlertOutcome()

    @property
    def watermark(self) -> int:
        """The partition's watermark (epoch ms)."""
        return self._waiting.watermark

    def look(self, look: Look) -> None:
        """Take the partition's next observation."""
        if look.facts is not None and look.source is not None:
            self._see(look.facts, look.source)
        passed = min(look.at, self._now) - LATENESS_MS
        self._waiting.watermark = max(self._waiting.watermark, passed)
        self.pass_time(min(self._waiting.watermark, self._now))

    def pass_time(self, now: int) -> None:
        """Everything of the partition that was observed up to *now* has been looked at."""
        while (item_id := self._waiting.pop(now)) is not None:
            item = self._item(item_id)
            covering = {rule.name: rule for rule in self._rules.of(item_id)}
            for name, machine in item.machines.items():
                if machine.state is not State.WAITING or machine.due > now:
                    continue
                rule = covering.get(name)
                if rule is None or machine.fingerprint != self._rules.fingerprint(name):
                    machine.take(Input.REARM)
                else:
                    self._confirm(item_id, rule, machine, item.name)
            self._keep(item_id, item)

    def rearm(self, item_id: str, now: int) -> None:
        """Close open alerts of rules that were changed or removed, or no longer cover the item."""
        item = self._item(item_id)
        covering = {rule.name for rule in self._rules.of(item_id)}
        stale = [
            name
            for name, machine in item.machines.items()
            if name not in covering or machine.fingerprint != self._rules.fingerprint(name)
        ]
        for name in stale:
            self._rearm(item_id, name, item.machines.pop(name), now, None)
        if stale:
            self._keep(item_id, item)

    def last_alerts(self, item_id: str, since: int) -> list[Step]:
        """See :func:`walmart_stream.domain.alerts.derived_steps.last_alerts`."""
        return last_alerts(self._rules, item_id, self._item(item_id), since)

    def leave(self, item_id: str, at: int, source: Source) -> None:
        """No rule covers the item, which was seen at *at*: open alerts of it end."""
        item = self._item(item_id)
        if not item.machines:
            return
        for name, machine in item.machines.items():
            self._rearm(item_id, name, machine, max(at, machine.start), source)
        item.machines.clear()
        self._keep(item_id, item)

    def _see(self, facts: Facts, source: Source) -> None:
        item = self._item(facts.item_id)
        counted = learn(item, facts)
        if counted is None:
            return
        covering = self._rules.of(facts.item_id)
        for rule in covering:
            machine = item.machines.get(rule.name)
            wanted = self._rules.fingerprint(rule.name)
            assert wanted is not None
            if machine is not None and machine.fingerprint != wanted:
                self._rearm(facts.item_id, rule.name, machine, facts.at, source)
                machine = None
            if machine is None:
                machine = item.machines[rule.name] = Machine(wanted, rule.offer, rule.severity)
            self._judge(rule, machine, counted, source)
        if len(item.machines) > len(covering):
            # Its tags have changed; each covering rule has its machine by now.
            for name in item.machines.keys() - {rule.name for rule in covering}:
                self._rearm(facts.item_id, name, item.machines.pop(name), facts.at, source)
        item.name = counted.name
        self._keep(facts.item_id, item)

    def _judge(self, rule: Rule, machine: Machine, facts: Facts, source: Source) -> None:
        item_id, at = facts.item_id, facts.at
        if machine.state is State.WAITING and machine.due <= at:
            # It lasted, whatever is seen now.
            self._confirm(item_id, rule, machine, facts.name)
        verdict = judge(rule, facts, machine)
        said = verdict.said
        if rule.when == "not_seen":
            if said is Input.UNKNOWN:
                return
            # Seen: the wait begins again.
            at = facts.seen_at(rule.offer)
            self._turn(item_id, rule, machine, Input.FALSE, at, source)
        elif said is Input.TRUE and rule.kind.edge and not machine.met:
            said = Input.ALREADY
        machine.met = machine.met or said is not Input.UNKNOWN
        if said is Input.TRUE and machine.state in (State.IDLE, State.WAITING):
            machine.text, machine.next_base = verdict.text, verdict.base
        self._turn(item_id, rule, machine, said, at, source)
        if machine.state is State.WAITING and machine.due <= at:
            self._confirm(item_id, rule, machine, facts.name)

    def _confirm(self, item_id: str, rule: Rule, machine: Machine, name: str | None) -> None:
        """The episode has lasted: it is an alert."""
        if machine.take(Input.DUE) is not Action.RAISE:
            return
        self.outcome.steps.append(raised(item_id, rule, machine, name))
        machine.cooled = machine.due + rule.cooldown
        self._adopt(rule, machine)
        if rule.is_moment:
            self._turn(item_id, rule, machine, Input.FALSE, machine.due, machine.source)

    def _turn(
        self,
        item_id: str,
        rule: Rule,
        machine: Machine,
        said: Input,
        at: int,
        source: Source | None,
    ) -> None:
        action = machine.take(said)
        if action is Action.BEGIN:
            machine.start, machine.source = at, source
            machine.due = max(at + rule.hold + rule.longer_than, machine.cooled)
        elif action is Action.CLOSE:
            self.outcome.steps.append(closed(item_id, rule.name, machine, at, source, ENDED))

    def _adopt(self, rule: Rule, machine: Machine) -> None:
        """Compare with what the alert said from now on."""
        if machine.next_base is None:
            return
        if rule.over:
            [cents] = machine.next_base
            assert isinstance(cents, int)
            keep = LOW if rule.when == "new_low" else HIGH
            machine.past = extend(
                machine.past, cents, machine.start, self._known_ms, rule.over, keep
            )
        else:
            machine.base = machine.next_base
        machine.next_base = None

    def _rearm(
        self, item_id: str, rule: str, machine: Machine, at: int, source: Source | None
    ) -> None:
        if machine.take(Input.REARM) is Action.CLOSE:
            self.outcome.steps.append(closed(item_id, rule, machine, at, source, REARMED))

    def _item(self, item_id: str) -> ItemAlerts:
        changed = self.outcome.items.get(item_id)
        return changed or self._read(item_id) or ItemAlerts()

    def _keep(self, item_id: str, item: ItemAlerts) -> None:
        if item_id not in self.outcome.items:
            item.turns += 1
            self.outcome.items[item_id] = item
        self._waiting.note(item_id, item)


def run(looks: Iterable[Look], engine: Engine) -> AlertOutcome:
    """Have *engine* take *looks*, of one partition in log order."""
    for look in looks:
        engine.look(look)
    return engine.outcome
