"""The rules that an item's next change may well make an alert of: such items are polled more."""

from __future__ import annotations

from collections.abc import Iterable

from walmart_stream.domain.alerts.facts import Facts
from walmart_stream.domain.alerts.rules import Rule

# A price is near a rule's value when it is within this share of it, or within its hysteresis: a
# usual change of price, of a few per cent, gets there.
NEAR_SHARE = 0.05

_THRESHOLDS = ("price_below", "price_above", "landed_below", "landed_above")


def is_near(rules: Iterable[Rule], facts: Facts) -> bool:
    """Whether a price that is not beyond the value of one of *rules* is near it."""
    return any(_is_near(rule, facts) for rule in rules if rule.when in _THRESHOLDS)


def _is_near(rule: Rule, facts: Facts) -> bool:
    offer = facts.offer(rule.offer)
    if offer is None or rule.value is None:
        return False
    cents = offer.landed_cents if rule.when.startswith("landed") else offer.price_cents
    if cents is None:
        return False
    outside = rule.value - cents if rule.when.endswith("above") else cents - rule.value
    return 0 <= outside <= max(rule.hysteresis, NEAR_SHARE * rule.value)
