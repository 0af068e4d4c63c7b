"""Each condition, from the facts of an item to the steps of alerts."""

from __future__ import annotations

from typing import Any

import pytest

from walmart_stream.domain.alerts import state
from walmart_stream.domain.alerts.engine import LATENESS_MS, Engine, Look, Waiting
from walmart_stream.domain.alerts.facts import Box, Facts
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.alerts.rules import Rule, RuleSet
from walmart_stream.domain.alerts.steps import Step, decode_step, encode_step
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.standing import Seen

HOUR = 3_600_000
BEGIN = 1_700_000_000_000
KNOWN = 3 * HOUR
NOW = BEGIN + 10_000 * HOUR


class Item:
    """Item 1 under some rules; times are hours."""

    def __init__(self, *rules: dict[str, Any]) -> None:
        self.use(*rules)
        self.table: dict[str, bytes] = {}
        self.waiting = Waiting()
        self.seen: dict[str, Seen] = {}
        self.offset = 0

    def use(self, *rules: dict[str, Any]) -> None:
        self.rules = RuleSet([rule_of(one) for one in rules])

    def look(self, hour: float, offers: dict[str, Offer] | None = None, **rest: Any) -> list[str]:
        """An observation; the steps that follow from it, as ``step text``."""
        at = BEGIN + int(hour * HOUR)
        self.seen |= {name: Seen(offer, at) for name, offer in (offers or {}).items()}
        self.offset += 1
        facts = Facts("1", "Kettle", at, dict(self.seen), known_ms=KNOWN, **rest)
        engine = self.engine()
        engine.look(Look(at, facts, Source("raw", 0, self.offset)))
        return self.keep(engine)

    def pass_time(self, hour: float) -> list[str]:
        engine = self.engine()
        engine.pass_time(BEGIN + int(hour * HOUR))
        return self.keep(engine)

    def rearm(self, hour: float) -> list[str]:
        engine = self.engine()
        engine.rearm("1", BEGIN + int(hour * HOUR))
        return self.keep(engine)

    def engine(self, now: int = NOW) -> Engine:
        value = self.table.get("1")
        read = None if value is None else state.decode(value)
        return Engine(self.rules, lambda item_id: read, self.waiting, KNOWN, now)

    def keep(self, engine: Engine) -> list[str]:
        self.table |= {name: state.encode(item) for name, item in engine.outcome.items.items()}
        self.steps: list[Step] = engine.outcome.steps
        assert [decode_step(encode_step(step)) for step in self.steps] == self.steps
        return [f"{step.step} {step.text or step.why}" for step in self.steps]


def rule_of(fields: dict[str, Any]) -> Rule:
    return read_rule({"name": "r", "all": True, **fields})


def priced(price: int, shipping: int | None = 0, seller: str | None = "Somebody") -> Offer:
    return Offer(price, shipping, None, True, seller)


def featured(price: int, shipping: int | None = 0) -> dict[str, Offer]:
    return {"featured": priced(price, shipping)}


def box(holder: str, hour: float, seller: str | None = None, suppressed: bool = False) -> Box:
    return Box(holder, seller, suppressed, BEGIN + int(hour * HOUR))


def test_a_threshold_says_the_price_and_the_record() -> None:
    """An alert names what was seen, and the record that says so."""
    item = Item({"when": "landed_above", "value": 20})

    assert item.look(0, featured(1900, 100)) == []
    assert item.look(1, featured(1900, 101)) == [
        "raised landed price of featured offer is $20.01, above $20.00"
    ]
    [step] = item.steps
    assert step.id == f"r:1:featured:{BEGIN + HOUR}"
    assert (step.source, step.name) == (Source("raw", 0, 2), "Kettle")
    assert item.look(2, featured(1900, 100)) == ["closed ended"]
    assert item.steps[0].source == Source("raw", 0, 3)


def test_unknown_shipping_is_not_free() -> None:
    """Without a landed price, a rule about it is neither raised nor ended."""
    item = Item({"when": "landed_below", "value": 20})

    assert item.look(0, featured(1500, None)) == []
    assert len(item.look(1, featured(1500, 0))) == 1
    assert item.look(2, featured(2500, None)) == []


def test_best_rival_is_whoever_is_cheapest_now() -> None:
    """A rule on the best rival follows it from seller to seller, without the own offer."""
    item = Item({"when": "landed_below", "value": 20, "offer": "best_rival"})
    offers = {"own": priced(1000, seller="Me"), "rival:A": priced(2500, seller="A")}

    assert item.look(0, offers, own_seller="Me") == []
    assert item.look(1, {"rival:B": priced(1900, seller="B")}, own_seller="Me") == [
        "raised landed price of best rival is $19.00, below $20.00"
    ]


def test_moved_compares_with_the_last_alert() -> None:
    """Small steps add up, and each alert sets what the next is compared with."""
    item = Item({"when": "moved", "by": 1})

    said = [item.look(hour, featured(price)) for hour, price in enumerate([2000, 1950, 1901, 1900])]
    assert said[:3] == [[], [], []]
    assert said[3] == [
        "raised featured offer moved from $20.00 to $19.00 (-5.0 %)",
        "closed ended",
    ]
    assert item.look(5, featured(1999)) == []
    assert item.look(6, featured(2000))[0].startswith("raised")


@pytest.mark.parametrize(("direction", "raised"), [("up", 1), ("down", 1), ("both", 3)])
def test_moved_can_look_one_way(direction: str, raised: int) -> None:
    """The other direction is not an alert."""
    item = Item({"when": "moved", "by_pct": 10, "direction": direction})
    prices = [2000, 2300, 1500, 1800]

    steps = [step for hour, one in enumerate(prices) for step in item.look(hour, featured(one))]

    assert sum(step.startswith("raised") for step in steps) == raised


def test_moved_against_a_time_ago_needs_that_time() -> None:
    """The price of 24 hours ago must be known, and the alert lasts until it no longer differs."""
    item = Item({"when": "moved", "by": 1, "against": "24h"})
    for hour in range(0, 30, 2):
        assert item.look(hour, featured(2000)) == []

    assert len(item.look(30, featured(1800))) == 1
    assert [step for hour in range(32, 54, 2) for step in item.look(hour, featured(1800))] == []
    assert item.look(55, featured(1800)) == ["closed ended"]


def test_new_low_needs_a_covered_period() -> None:
    """Before the period is covered no price is its lowest; then each lower one is."""
    item = Item({"when": "new_low", "over": "1d"})
    assert item.look(0, featured(2000)) == []
    assert item.look(2, featured(1800)) == []
    for hour in range(4, 30, 2):
        assert item.look(hour, featured(1900)) == []

    # The 18.00 of hours 2 to 4 are older than a day.
    assert item.look(30, featured(1850)) == [
        "raised featured offer at $18.50: a new low, before $19.00",
        "closed ended",
    ]
    assert item.look(31, featured(1850)) == []
    assert item.look(32, featured(1849)) != []


def test_a_gap_is_not_coverage() -> None:
    """A day of which half is unknown has no lowest price."""
    item = Item({"when": "new_low", "over": "1d"})
    for hour in (*range(0, 12, 2), *range(24, 36, 2)):
        assert item.look(hour, featured(2000)) == []

    assert item.look(36, featured(1000)) == []


def test_new_high_that_is_held_is_remembered_once() -> None:
    """A price that is waited for becomes part of the past when it is an alert."""
    item = Item({"when": "new_high", "over": "1d", "hold": "3h"})
    for hour in range(0, 26, 2):
        item.look(hour, featured(2000))

    assert item.look(26, featured(2100)) == []
    assert item.look(27, featured(2000)) == []
    assert item.look(28, featured(2100)) == []
    assert item.look(31, featured(2100)) == [
        "raised featured offer at $21.00: a new high, before $20.00",
        "closed ended",
    ]
    assert item.look(33, featured(2100)) == []


def test_undercut_is_by_whom_the_rule_means() -> None:
    """Any rival, the named ones, or all but those."""
    offers = {
        "own": priced(2000, seller="Me"),
        "rival:A": priced(1900, seller="A"),
        "rival:B": priced(1500, seller="B"),
    }

    def raised(**fields: Any) -> list[str]:
        return Item({"when": "undercut", **fields}).look(0, offers, own_seller="Me")

    assert raised() == ["raised B sells at $15.00, $5.00 below own $20.00"]
    assert raised(sellers=["a"]) == ["raised A sells at $19.00, $1.00 below own $20.00"]
    assert raised(not_sellers=["B"], by=1.01) == []
    assert raised(by_pct=25) != []
    assert raised(by_pct=25.1) == []


def test_the_box_is_lost_only_by_whom_it_was_held() -> None:
    """A state that the rule finds when it meets the item is not an event."""
    item = Item({"when": "buy_box_lost"})

    assert item.look(0, box=box("rival", 0, "A")) == []
    assert item.look(1, box=box("own", 1)) == []
    assert item.look(2, box=box("rival", 2, "A")) == ["raised buy box lost: A holds it"]
    assert item.look(3, box=box("none", 3)) == []
    assert item.look(4, box=box("own", 4)) == ["closed ended"]


def test_box_won_and_suppressed_and_unpublished() -> None:
    """The other conditions of the seller's own offer."""
    item = Item(
        {"name": "a", "when": "buy_box_won"},
        {"name": "b", "when": "buy_box_suppressed"},
        {"name": "c", "when": "unpublished"},
    )
    assert item.look(0, box=box("rival", 0), published=True) == []
    assert item.look(1, box=box("own", 1), published=True) == ["raised buy box won"]
    assert item.look(2, box=box("none", 2, suppressed=True), published=False) == [
        "closed ended",
        "raised buy box suppressed",
        "raised own offer is unpublished",
    ]


def test_near_the_price_above_which_walmart_unpublishes() -> None:
    """The landed price counts, the ceiling itself too, and without a ceiling nothing is said."""
    item = Item({"when": "near_ceiling", "within_pct": 5, "hysteresis": 1})

    assert item.look(0, {"own": priced(99_00, 5_00)}) == []
    assert item.look(1, {"own": priced(94_99, 0)}, reference=100_00) == []
    assert item.look(2, {"own": priced(90_00, 5_00)}, reference=100_00) == [
        "raised own offer lands at $95.00, -5.0 % from Walmart's reference price $100.00"
    ]
    assert item.look(3, {"own": priced(90_00, None)}, reference=100_00) == []
    assert item.look(4, {"own": priced(94_00, 0)}, reference=100_00) == []
    assert item.look(5, {"own": priced(93_99, 0)}, reference=100_00) == ["closed ended"]
    assert item.look(6, {"own": priced(120_00, 0)}, reference=100_00) == [
        "raised own offer lands at $120.00, +20.0 % from Walmart's reference price $100.00"
    ]


@pytest.mark.parametrize("within", [0.1, 0.7, 12.5, 33.3])
def test_the_ceiling_is_exact_to_the_cent(within: float) -> None:
    """A share with decimals moves the threshold by no cent."""
    near = {0.1: 99_90, 0.7: 99_30, 12.5: 87_50, 33.3: 66_70}[within]
    item = Item({"when": "near_ceiling", "within_pct": within})

    assert item.look(0, {"own": priced(near - 1)}, reference=100_00) == []
    assert len(item.look(1, {"own": priced(near)}, reference=100_00)) == 1


def test_a_new_rival_is_told_once() -> None:
    """Those known at first are not new, and one that goes and comes back is not either."""
    item = Item({"when": "new_rival"})
    assert item.look(0, {"rival:A": priced(1)}) == []
    assert item.look(1, {"rival:B": priced(1)}) == ["raised new rival: B", "closed ended"]
    assert item.look(2, {"rival:B": UNAVAILABLE}) == []
    assert item.look(3, {"rival:B": priced(1)}) == []


def test_stock_and_shipping() -> None:
    """Out of stock, back, and a rate that changes or becomes unknown."""
    item = Item(
        {"name": "a", "when": "out_of_stock"},
        {"name": "b", "when": "back_in_stock"},
        {"name": "c", "when": "shipping_changed"},
    )
    assert item.look(0, featured(2000, 500)) == []
    assert item.look(1, {"featured": UNAVAILABLE}) == ["raised featured offer is out of stock"]
    assert item.look(2, featured(2000, 500)) == [
        "closed ended",
        "raised featured offer is back in stock",
    ]
    assert item.look(3, featured(2000, None)) == [
        "raised shipping of featured offer changed from $5.00 to unknown",
        "closed ended",
    ]


def test_not_seen_is_raised_by_time_and_ended_by_a_look() -> None:
    """Time alone raises it, and each look at that offer begins anew."""
    item = Item({"when": "not_seen", "longer_than": "6h"})

    assert item.look(0, featured(2000)) == []
    assert item.pass_time(5.9) == []
    assert item.look(5.9, featured(2000)) == []
    assert item.look(6, {"marketplace": priced(1000)}) == []
    assert item.pass_time(11.8) == []
    assert item.pass_time(11.9) == ["raised featured offer has not been seen for 6h"]
    assert item.look(13, featured(2000)) == ["closed ended"]
    assert item.look(20, featured(2000)) == [
        "raised featured offer has not been seen for 6h",
        "closed ended",
    ]


def test_another_item_confirms_what_lasts() -> None:
    """The partition's time confirms an episode, less what answers may be out of order."""
    item = Item({"when": "price_below", "value": 20, "hold": "1h"})
    item.look(0, featured(1000))
    engine = item.engine()

    engine.look(Look(BEGIN + HOUR + LATENESS_MS - 1))
    assert item.keep(engine) == []
    engine = item.engine()
    engine.look(Look(BEGIN + HOUR + LATENESS_MS))

    assert item.keep(engine) == ["raised price of featured offer is $10.00, below $20.00"]


def test_an_observation_of_the_future_moves_no_time() -> None:
    """Whoever may produce one would have every item of its partition count as not seen, for as long
    as its time is to come; and so does a producer whose clock is wrong."""
    item = Item({"when": "not_seen", "longer_than": "6h"})
    item.look(0, featured(2000))
    now = BEGIN + HOUR

    for hour in (8, 90_000):
        engine = item.engine(now)
        engine.look(Look(BEGIN + hour * HOUR))
        assert item.keep(engine) == []
    assert item.waiting.watermark == now - LATENESS_MS
    # Nor one that an earlier release has taken over.
    item.waiting.watermark = BEGIN + 90_000 * HOUR
    engine = item.engine(now)
    engine.look(Look(now))
    assert item.keep(engine) == []
    engine = item.engine(BEGIN + 6 * HOUR)
    engine.look(Look(now))

    assert item.keep(engine) == ["raised featured offer has not been seen for 6h"]


def test_a_changed_rule_begins_anew_and_others_go_on() -> None:
    """Only the changed rule's alert ends, and it is raised again if its condition holds."""
    stays = {"name": "stays", "when": "price_below", "value": 20}
    item = Item(stays, {"name": "changes", "when": "price_below", "value": 20})
    assert len(item.look(0, featured(1000))) == 2

    item.use(stays, {"name": "changes", "when": "price_below", "value": 30})
    assert item.rearm(1) == ["closed rule changed"]
    assert [step.rule for step in item.steps] == ["changes"]
    assert item.look(2, featured(1000)) == [
        "raised price of featured offer is $10.00, below $30.00"
    ]

    item.use(stays)
    assert item.rearm(3) == ["closed rule changed"]
    assert item.rearm(4) == []


def test_a_removed_rule_does_not_raise_what_it_waited_for() -> None:
    """Time that passes after the removal confirms nothing."""
    item = Item({"when": "price_below", "value": 20, "hold": "1h"})
    item.look(0, featured(1000))

    item.use()

    assert item.pass_time(9) == []


def test_an_item_that_loses_its_tag_leaves_the_rule() -> None:
    """Its open alert ends with the next look, and an episode that began is not confirmed."""
    tags = ["toys"]
    item = Item()
    rules = [
        read_rule({"name": name, "tags": ["toys"], "when": "price_below", "value": 20, **more})
        for name, more in (("open", {}), ("held", {"hold": "2h"}))
    ]
    item.rules = RuleSet(rules, lambda item_id: tags)
    assert len(item.look(0, featured(1000))) == 1

    tags.clear()
    assert item.pass_time(3) == []
    assert item.look(4, featured(1000)) == ["closed rule changed"]
    assert [step.rule for step in item.steps] == ["open"]

    tags.append("toys")
    assert len(item.look(5, featured(1000))) == 1
    engine = item.engine()
    engine.leave("1", BEGIN, Source("raw", 0, 9))
    assert item.keep(engine) == ["closed rule changed"]


def test_a_value_of_another_version_is_not_guessed() -> None:
    """A stored value that this program cannot read stops the reading."""
    with pytest.raises(ValueError, match="version 9"):
        state.decode(b"\x09")


def test_the_newer_of_two_stored_values_is_known() -> None:
    """Every change of an item's alerts makes its value newer."""
    item = Item({"when": "price_below", "value": 20})
    ages = []
    for hour in range(4):
        item.look(hour, featured(1000 + hour))
        ages.append(state.age(item.table["1"]))

    assert ages == sorted(set(ages))
