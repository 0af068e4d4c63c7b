"""Prices near the value of a rule: their items are polled more, as an alert may follow."""

from __future__ import annotations

from typing import Any

import pytest

from walmart_stream.domain.alerts.facts import Facts
from walmart_stream.domain.alerts.nearness import is_near
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.standing import Seen


def near(price: int | None, shipping: int | None = 0, **rule: Any) -> bool:
    """Whether the featured offer at this price, in cents, is near the rule's value."""
    offer = UNAVAILABLE if price is None else Offer(price, shipping, None, True, "Acme")
    fields = {"name": "r", "all": True, "offer": "featured", **rule}
    facts = Facts("1", "Kettle", 1, {"featured": Seen(offer, 1)})
    return is_near([read_rule(fields)], facts)


@pytest.mark.parametrize(
    ("price", "expected"), [(1999, False), (2000, True), (2100, True), (2101, False), (None, False)]
)
def test_a_price_above_its_floor_is_near_within_five_per_cent(
    price: int | None, expected: bool
) -> None:
    """Below it the alert is raised already, and there is nothing to catch."""
    assert near(price, when="price_below", value=20) is expected


@pytest.mark.parametrize(("price", "expected"), [(2001, False), (2000, True), (1900, True)])
def test_from_below_it_is_the_other_way_round(price: int, expected: bool) -> None:
    """With the landed price where the rule is about it."""
    assert near(price, when="price_above", value=20) is expected
    assert near(price - 500, 500, when="landed_above", value=20) is expected
    assert not near(price, None, when="landed_above", value=20)


def test_hysteresis_widens_it_and_other_conditions_have_no_value() -> None:
    """Where a rule has to be left by two dollars, two dollars are near."""
    assert near(2200, when="price_below", value=20, hysteresis=2)
    assert not near(2000, when="moved", by=1)
    assert not is_near([], Facts("1", None, 1, {}))
