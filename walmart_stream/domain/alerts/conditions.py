"""Conditions: what a look at an item says of a rule, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from walmart_stream.domain.alerts.facts import Facts
from walmart_stream.domain.alerts.history import coverage, extend, extreme, price_at
from walmart_stream.domain.alerts.machine import Input, Machine
from walmart_stream.domain.alerts.rules import BEST_RIVAL, Rule
from walmart_stream.domain.offers import OWN, RIVAL
from walmart_stream.domain.reading.seller_observation import SOMEBODY
from walmart_stream.domain.sellers import same_seller
from walmart_stream.domain.standing import Rival

# The share of a period for which a price must be known for its lowest one to mean something.
ENOUGH_KNOWN = 0.9

Base = list[int | str | None]


class Verdict(NamedTuple):
    """A look's word on a rule. ``base``: what the rule compares with once this is an alert."""

    said: Input
    text: str = ""
    base: Base | None = None


UNKNOWN = Verdict(Input.UNKNOWN)
FALSE = Verdict(Input.FALSE)

Condition = Callable[[Rule, Facts, Machine], Verdict]


def judge(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    """Judge *rule* by *facts*; *machine*, its memory of the item, is kept up."""
    return _CONDITIONS[rule.when](rule, facts, machine)


def dollars(cents: int) -> str:
    """For example ``$1,234.50``."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _level(inside: int, hysteresis: int, text: Callable[[], str]) -> Verdict:
    """True from 1 cent *inside* on, and false by as many as are lacking."""
    if inside >= 1:
        return Verdict(Input.TRUE, text())
    return Verdict(Input.NEAR if 1 - inside <= hysteresis else Input.FALSE)


def _threshold(landed: bool, above: bool) -> Condition:
    what = "landed price" if landed else "price"
    how = "above" if above else "below"

    def judge_threshold(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
        offer = facts.offer(rule.offer)
        cents = None if offer is None else offer.landed_cents if landed else offer.price_cents
        if cents is None:
            return UNKNOWN
        assert rule.value is not None
        inside = cents - rule.value if above else rule.value - cents
        value = rule.value

        def text() -> str:
            return f"{what} of {_shown(rule.offer)} is {dollars(cents)}, {how} {dollars(value)}"

        return _level(inside, rule.hysteresis, text)

    return judge_threshold


def _moved(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    offer = facts.offer(rule.offer)
    if offer is None or offer.price_cents is None:
        return UNKNOWN
    if rule.against is None:
        base: Base = [offer.price_cents, offer.landed_cents]
        if machine.base is None:
            machine.base = base
            return FALSE
        price, landed = machine.base
        both = landed is not None and offer.landed_cents is not None
        now = offer.landed_cents if both else offer.price_cents
        return _move(rule, now, landed if both else price, base)
    landed_now = offer.landed_cents
    at = facts.seen_at(rule.offer)
    past = machine.past = extend(machine.past, landed_now, at, facts.known_ms, rule.against)
    then = price_at(past, at - rule.against)
    if landed_now is None or then is None:
        return UNKNOWN
    return _move(rule, landed_now, then, None)


def _move(rule: Rule, now: int | str | None, then: int | str | None, base: Base | None) -> Verdict:
    assert isinstance(now, int)
    assert isinstance(then, int)
    change = now - then
    if (rule.direction == "up" and change < 0) or (rule.direction == "down" and change > 0):
        return FALSE
    if rule.by is not None:
        enough = abs(change) >= rule.by
    else:
        assert rule.by_pct is not None
        enough = abs(change) * 100 >= rule.by_pct * then
    if not (enough and change):
        return FALSE
    percent = f" ({change * 100 / then:+.1f} %)" if then else ""
    text = f"{_shown(rule.offer)} moved from {dollars(then)} to {dollars(now)}{percent}"
    return Verdict(Input.TRUE, text, base)


def _extreme(low: bool) -> Condition:
    word = "low" if low else "high"

    def judge_extreme(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
        offer = facts.offer(rule.offer)
        cents = None if offer is None else offer.landed_cents
        at = facts.seen_at(rule.offer)
        past = machine.past
        verdict = FALSE
        if cents is None:
            verdict = UNKNOWN
        elif past is not None:
            found = extreme(past, at - rule.over, low=low)
            further = found is not None and (cents < found if low else cents > found)
            known = coverage(past, at - rule.over, at, facts.known_ms)
            if found is not None and further and known >= ENOUGH_KNOWN:
                text = (
                    f"{_shown(rule.offer)} at {dollars(cents)}: a new {word}, "
                    f"before {dollars(found)}"
                )
                verdict = Verdict(Input.TRUE, text, [cents])
        if verdict.said is not Input.TRUE:
            # A price that is only waited for is remembered once it is an alert.
            machine.past = extend(past, cents, at, facts.known_ms, rule.over, keep=word)
        return verdict

    return judge_extreme


def _undercut(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    own = facts.offer(OWN)
    if own is None or own.landed_cents is None:
        return UNKNOWN
    rival = min(
        (one for one in facts.rivals() if _is_meant(rule, one)),
        key=lambda one: one.landed_cents,
        default=None,
    )
    if rival is None:
        return FALSE
    gap = own.landed_cents - rival.landed_cents
    by = rule.by or 1
    if rule.by_pct is not None:
        # The fewest cents that are that share of the own price.
        by = max(1, -int(-rule.by_pct * own.landed_cents // 100))
    own_landed = own.landed_cents

    def text() -> str:
        return (
            f"{rival.seller or _shown(rival.offer)} sells at {dollars(rival.landed_cents)}, "
            f"{dollars(gap)} below own {dollars(own_landed)}"
        )

    return _level(gap - by + 1, rule.hysteresis, text)


def _is_meant(rule: Rule, rival: Rival) -> bool:
    if rule.sellers:
        return any(same_seller(rival.seller, one) for one in rule.sellers)
    return not any(same_seller(rival.seller, one) for one in rule.not_sellers)


def _box(*, lost: bool) -> Condition:
    def judge_box(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
        box = facts.box
        if box is None:
            return UNKNOWN
        if (box.holder != OWN) is not lost:
            return FALSE
        if not lost:
            return Verdict(Input.TRUE, "buy box won")
        holder = (box.seller or "a rival") if box.holder == SOMEBODY else "nobody"
        return Verdict(Input.TRUE, f"buy box lost: {holder} holds it")

    return judge_box


def _suppressed(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    if facts.box is None:
        return UNKNOWN
    return Verdict(Input.TRUE, "buy box suppressed") if facts.box.suppressed else FALSE


def _new_rival(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    rivals = [
        name
        for name, seen in sorted(facts.seen.items())
        if name.startswith(RIVAL) and seen.offer.available
    ]
    if machine.base is None:
        machine.base = [*rivals]
        return FALSE
    new = [name for name in rivals if name not in machine.base]
    if not new:
        return FALSE
    names = ", ".join(name.removeprefix(RIVAL) for name in new[:3])
    more = f" and {len(new) - 3} more" if len(new) > 3 else ""
    return Verdict(Input.TRUE, f"new rival: {names}{more}", [*machine.base, *new])


def _stock(*, out: bool) -> Condition:
    def judge_stock(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
        offer = facts.offer(rule.offer)
        if offer is None:
            return UNKNOWN
        if offer.available is out:
            return FALSE
        word = "out of stock" if out else "back in stock"
        return Verdict(Input.TRUE, f"{_shown(rule.offer)} is {word}")

    return judge_stock


def _shipping(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    offer = facts.offer(rule.offer)
    if offer is None or not offer.available:
        return UNKNOWN
    now = offer.shipping_cents
    if machine.base is None:
        machine.base = [now]
    before = machine.base[0]
    if now == before:
        return FALSE
    text = f"shipping of {_shown(rule.offer)} changed from {_rate(before)} to {_rate(now)}"
    return Verdict(Input.TRUE, text, [now])


def _rate(cents: int | str | None) -> str:
    return dollars(cents) if isinstance(cents, int) else "unknown"


def _unpublished(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    if facts.published is None:
        return UNKNOWN
    return FALSE if facts.published else Verdict(Input.TRUE, "own offer is unpublished")


def _near_ceiling(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    own = facts.offer(OWN)
    reference = facts.reference
    if own is None or own.landed_cents is None or reference is None:
        return UNKNOWN
    landed = own.landed_cents
    # The fewest cents that are at most that share below the reference price, in exact numbers.
    near = -(-round((100 - rule.within_pct) * 1_000) * reference // 100_000)

    def text() -> str:
        share = (landed - reference) * 100 / reference
        return (
            f"{_shown(OWN)} lands at {dollars(landed)}, {share:+.1f} % from Walmart's "
            f"reference price {dollars(reference)}"
        )

    return _level(landed - near + 1, rule.hysteresis, text)


def _not_seen(rule: Rule, facts: Facts, machine: Machine) -> Verdict:
    seen = facts.seen.get(rule.offer)
    if seen is None or (machine.base is not None and machine.base[0] == seen.at):
        return UNKNOWN
    machine.base = [seen.at]
    return Verdict(Input.TRUE, f"{_shown(rule.offer)} has not been seen for {_time(rule)}")


def _time(rule: Rule) -> str:
    return str(rule.given.get("longer_than", f"{rule.longer_than // 1000} s"))


def _shown(offer: str) -> str:
    if offer.startswith(RIVAL):
        return f"{offer.removeprefix(RIVAL)}'s offer"
    return "best rival" if offer == BEST_RIVAL else f"{offer} offer"


_CONDITIONS: dict[str, Condition] = {
    "price_below": _threshold(landed=False, above=False),
    "price_above": _threshold(landed=False, above=True),
    "landed_below": _threshold(landed=True, above=False),
    "landed_above": _threshold(landed=True, above=True),
    "moved": _moved,
    "new_low": _extreme(low=True),
    "new_high": _extreme(low=False),
    "undercut": _undercut,
    "buy_box_lost": _box(lost=True),
    "buy_box_won": _box(lost=False),
    "buy_box_suppressed": _suppressed,
    "new_rival": _new_rival,
    "out_of_stock": _stock(out=True),
    "back_in_stock": _stock(out=False),
    "shipping_changed": _shipping,
    "unpublished": _unpublished,
    "near_ceiling": _near_ceiling,
    "not_seen": _not_seen,
}
