"""Faults of rules and quiet hours, put in on purpose: the tests of those must find them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta, timezone
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from tests.domain.alerts.test_conditions import (
    test_a_changed_rule_begins_anew_and_others_go_on as others_go_on,
)
from tests.domain.alerts.test_conditions import (
    test_an_item_that_loses_its_tag_leaves_the_rule as leaves_the_rule,
)
from tests.domain.alerts.test_conditions import (
    test_unknown_shipping_is_not_free as unknown_is_not_free,
)
from tests.domain.alerts.test_rule_file import (
    test_quiet_hours_end_by_the_clock_on_the_wall as by_the_wall_clock,
)
from tests.domain.alerts.test_rule_file import (
    test_whom_a_rule_tells_does_not_change_what_it_waits_for as same_rule,
)
from walmart_stream.domain.alerts import quiet
from walmart_stream.domain.alerts.rules import Rule, RuleSet
from walmart_stream.domain.offers import Offer

# The night of the change to summer time.
to_summer_time = partial(by_the_wall_clock, "2026-03-07T22:00", "2026-03-08T12:00")
Patch = pytest.MonkeyPatch


def every_rule_is_rearmed(patch: Patch) -> None:
    """A change of one rule changes the fingerprint of all."""
    patch.setattr(RuleSet, "fingerprint", lambda self, name: str(id(self)))


def delivery_rearms(patch: Patch) -> None:
    """The channels of a rule are part of its fingerprint."""
    patch.setattr(Rule, "fingerprint", property(lambda self: str(self.given)))


def tags_are_looked_at_once(patch: Patch) -> None:
    """A rule goes on with an item that has lost its tag."""
    patch.setattr(RuleSet, "of", lambda self, item_id: list(self.rules.values()))


def quiet_by_utc(patch: Patch) -> None:
    """The zone of quiet hours is left out."""
    patch.setattr(quiet, "ZoneInfo", lambda name: ZoneInfo("UTC"))


def quiet_without_summer_time(patch: Patch) -> None:
    """Quiet hours end by winter's clock all year."""
    patch.setattr(quiet, "ZoneInfo", lambda name: timezone(timedelta(hours=-6)))


def quiet_that_lasts_as_long_each_night(patch: Patch) -> None:
    """Nine hours after ten, though that night has eight."""
    right = quiet.Quiet.ends
    patch.setattr(
        quiet.Quiet,
        "ends",
        lambda self, now: right(self, now) and now + timedelta(hours=9),
    )


def unknown_shipping_is_free(patch: Patch) -> None:
    """A landed price without its shipping."""
    patch.setattr(Offer, "landed_cents", property(lambda self: self.price_cents))


@pytest.mark.parametrize(
    ("mutant", "test"),
    [
        (every_rule_is_rearmed, others_go_on),
        (delivery_rearms, same_rule),
        (tags_are_looked_at_once, leaves_the_rule),
        (quiet_by_utc, to_summer_time),
        (quiet_without_summer_time, to_summer_time),
        (quiet_that_lasts_as_long_each_night, to_summer_time),
        (unknown_shipping_is_free, unknown_is_not_free),
    ],
)
def test_a_fault_is_found(
    mutant: Callable[[Patch], None], test: Callable[[], None], monkeypatch: Patch
) -> None:
    """A test that has never failed proves nothing."""
    test()
    mutant(monkeypatch)

    with pytest.raises(AssertionError):
        test()
