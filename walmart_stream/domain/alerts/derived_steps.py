"""Steps of alerts, derived from where a rule stands on an item."""

from __future__ import annotations

from msgspec.structs import replace

from walmart_stream.domain.alerts.machine import Machine, State
from walmart_stream.domain.alerts.rules import Rule, RuleSet
from walmart_stream.domain.alerts.state import ItemAlerts
from walmart_stream.domain.alerts.steps import AGAIN, CLOSED, ENDED, RAISED, Step, alert_id
from walmart_stream.domain.events import Source
from walmart_stream.domain.time import to_iso


def raised(item_id: str, rule: Rule, machine: Machine, name: str | None) -> Step:
    """The step that raises the alert of *machine*."""
    return Step(
        1,
        RAISED,
        alert_id(rule.name, item_id, machine.offer, machine.start),
        rule.name,
        item_id,
        machine.offer,
        to_iso(machine.due),
        to_iso(machine.start),
        machine.source,
        rule.severity,
        machine.text,
        name,
        rule.channels,
        rule.given.get("quiet"),
    )


def closed(
    item_id: str, rule: str, machine: Machine, at: int, source: Source | None, why: str
) -> Step:
    """The step that ends the alert of *machine*, at *at* (epoch ms)."""
    return Step(
        1,
        CLOSED,
        alert_id(rule, item_id, machine.offer, machine.start),
        rule,
        item_id,
        machine.offer,
        to_iso(at),
        to_iso(machine.start),
        source,
        machine.severity,
        why=why,
    )


def last_alerts(rules: RuleSet, item_id: str, item: ItemAlerts, since: int) -> list[Step]:
    """The steps of each rule's last alert on *item*, if it was due after *since* (epoch ms).

    They are as they were first, but for :data:`AGAIN`, and for the end of an alert that lasted:
    *item* does not say when that was, so it is the latest look.
    """
    steps = []
    looked_at = max((quote.at for quote in item.quotes.values()), default=0)
    for rule in rules.of(item_id):
        machine = item.machines.get(rule.name)
        if machine is None or machine.fingerprint != rules.fingerprint(rule.name):
            continue
        # What has not been raised waits at least until the last alert has cooled.
        if machine.due <= since or machine.cooled != machine.due + rule.cooldown:
            continue
        steps.append(replace(raised(item_id, rule, machine, item.name), why=AGAIN))
        if rule.is_moment:
            steps.append(closed(item_id, rule.name, machine, machine.due, machine.source, ENDED))
        elif machine.state is not State.OPEN:
            at = max(looked_at, machine.start)
            steps.append(closed(item_id, rule.name, machine, at, None, ENDED))
    return steps
