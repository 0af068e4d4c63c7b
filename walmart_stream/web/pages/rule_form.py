"""A rule as the fields of a form, and back: text in, the fields of a rule out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from walmart_stream.domain.alerts.rule_fields import (
    DIRECTIONS,
    SEVERITIES,
    FieldFault,
    RuleFaults,
    read_rule,
)
from walmart_stream.domain.alerts.rules import BEST_RIVAL, KINDS, Rule
from walmart_stream.domain.item_id import item_id_in
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN
from walmart_stream.web.pages.inputs import RuleForm

AMOUNTS = ("value", "by", "by_pct", "within_pct", "hysteresis")
# The separators of what people type or paste in one line.
_BETWEEN = re.compile(r"[\s,;]+")


class Part(NamedTuple):
    """A field of the form. ``choices``: one of them is chosen; ``lines``: it has that many."""

    name: str
    label: str
    hint: str = ""
    choices: tuple[str, ...] = ()
    lines: int = 1

    @property
    def used_by(self) -> str:
        """The conditions that the field is for; empty if it is for all of them."""
        found = [when for when, kind in KINDS.items() if self.name in kind.fields]
        return "" if len(found) == len(KINDS) else ", ".join(found)


class Group(NamedTuple):
    """Fields that belong together."""

    title: str
    parts: tuple[Part, ...]


GROUPS = (
    Group(
        "What it watches",
        (
            Part("name", "Name", "a–z, 0–9 and -, such as cheaper-than-20"),
            Part("items", "Item ids", "or addresses on walmart.com", lines=2),
            Part("tags", "or tags", "with commas between them"),
            Part("all", "or all items", choices=("no", "yes")),
            Part("when", "Condition", choices=tuple(KINDS)),
            Part(
                "offer",
                "Offer",
                f"{FEATURED}, {MARKETPLACE}, {OWN}, {BEST_RIVAL} or rival:SELLER; "
                "the condition has a default",
            ),
        ),
    ),
    Group(
        "When it is so",
        (
            Part("value", "Value", "dollars"),
            Part("by", "By", "dollars"),
            Part("by_pct", "or by percent", "such as 10"),
            Part("within_pct", "Within percent", "of Walmart's reference price, such as 5"),
            Part("direction", "Direction", choices=("", *DIRECTIONS)),
            Part("against", "Against", "last_alert, or a time such as 24h"),
            Part("over", "Over", "such as 30d"),
            Part("longer_than", "Longer than", "such as 6h"),
            Part("sellers", "These sellers only", "one a line", lines=2),
            Part("not_sellers", "Not these sellers", "one a line", lines=2),
            Part("hold", "Hold", "for how long it must be so, such as 15m"),
            Part("hysteresis", "Hysteresis", "dollars back before it can be raised again"),
            Part("cooldown", "Cool-down", "between two alerts on an item, such as 6h"),
        ),
    ),
    Group(
        "Who is told",
        (
            Part("severity", "Severity", "warning by default", choices=("", *SEVERITIES)),
            Part("channels", "Channels", "names, with commas between them; none: it is listed"),
            Part("quiet", "Quiet hours", "such as 22:00-07:00 America/Chicago"),
            Part("enabled", "Enabled", choices=("yes", "no")),
        ),
    ),
)

_NEW = {"when": "landed_below", "all": "no", "enabled": "yes"}


def empty() -> dict[str, str]:
    """The form of a new rule."""
    return dict(_NEW)


def form_of(rule: Rule) -> dict[str, str]:
    """The form of *rule*, from which :func:`rule_of` makes the same rule."""
    return _NEW | {name: _shown(name, value) for name, value in rule.given.items()}


def row_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A rule as a line of the list, by its fields as they were given."""
    value = given.get("value")
    scope = given.get("items") or given.get("tags") or ["all items"]
    return {
        "name": given["name"],
        "severity": given.get("severity", "warning"),
        "enabled": given.get("enabled", True),
        "condition": given["when"] + ("" if value is None else f" ${value:,.2f}"),
        "hold": given.get("hold"),
        "of": ", ".join(scope),
        "channels": ", ".join(given.get("channels") or ["none"]),
    }


def typed(form: RuleForm) -> dict[str, str]:
    """The texts that a person has typed, to be shown again."""
    given = form.model_dump(exclude_none=True)
    return {part.name: given.get(part.name, "") for group in GROUPS for part in group.parts}


def rule_of(form: RuleForm) -> Rule:
    """The rule that a person has typed.

    Raises:
        RuleFaults: it is none; each fault has the name of a field of the form.
    """
    fields: dict[str, Any] = {}
    faults: list[FieldFault] = []
    for name, text in typed(form).items():
        if not text.strip():
            continue
        try:
            value = _value(name, text.strip())
        except ValueError as exc:
            faults.append(FieldFault(name, str(exc)))
        else:
            if value is not None:
                fields[name] = value
    try:
        rule = read_rule(fields)
    except RuleFaults as exc:
        known = {one.field for one in faults}
        faults += [one for one in exc.faults if one.field not in known]
        raise RuleFaults(faults) from None
    if faults:
        raise RuleFaults(faults)
    return rule


def by_field(faults: RuleFaults) -> Mapping[str, str]:
    """The first fault of each field."""
    return {one.field: one.reason for one in reversed(faults.faults)}


def _value(name: str, text: str) -> Any:
    if name in AMOUNTS:
        return _amount(text.removeprefix("$"))
    if name == "items":
        return [item_id_in(one) or one for one in _BETWEEN.split(text) if one]
    if name == "channels":
        return [one for one in _BETWEEN.split(text) if one]
    if name == "tags":
        return [one.strip() for one in text.split(",") if one.strip()]
    if name in ("sellers", "not_sellers"):
        return [one.strip() for one in text.splitlines() if one.strip()]
    if name == "all":
        return text == "yes" or None
    if name == "enabled":
        return False if text == "no" else None
    return text


def _amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a number such as 20.00") from None


def _shown(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ("\n" if name in ("sellers", "not_sellers") else ", ").join(value)
    if name in AMOUNTS and not name.endswith("_pct"):
        return f"{Decimal(str(value)):.2f}"
    return str(value)
