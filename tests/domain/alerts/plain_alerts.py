"""An oracle of alerts, written from the contract: slow, and it shares no code with the engine.

It looks at the whole log at once: stretches of it for which a condition was true, and whether
anything in the log proves that they lasted.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

MINUTE = 60_000


@dataclass(frozen=True)
class Said:
    """One answer about the featured offer of an item; cents, ``None`` for unknown."""

    item: str
    at: int
    price: int | None
    shipping: int | None = 0


@dataclass(frozen=True)
class PlainRule:
    """A rule in cents and milliseconds."""

    name: str
    when: str
    value: int = 0
    hold: int = 0
    hysteresis: int = 0
    cooldown: int = 0


# Position in the log, time, price and landed price of an answer that is newer.
Counted = tuple[int, int, int | None, int | None]
# Rule, item, start of the episode, and when it was raised and closed.
Episode = tuple[str, str, int, int, int | None]


def odd(now: int | None, before: int | None) -> bool:
    if now is None or before is None or now == before:
        return False
    return now * 10 <= before or before * 10 <= now


def counted(log: list[Said], item: str) -> list[Counted]:
    """The answers that are newer, with what counts of them."""
    found: list[Counted] = []
    newest = -1
    price = landed = None
    shown: tuple[int | None, int | None] = (None, None)
    doubted: tuple[int | None, int | None] | None = None
    for position, said in enumerate(log):
        if said.item != item or said.at <= newest:
            continue
        newest = said.at
        sum_of = None if said.price is None or said.shipping is None else said.price + said.shipping
        shipping = None if said.price is None else said.shipping
        strange = odd(said.price, price) or odd(sum_of, landed)
        if strange and doubted != (said.price, shipping):
            doubted = (said.price, shipping)
        else:
            doubted = None
            shown = (said.price, sum_of)
            price = price if said.price is None else said.price
            landed = landed if sum_of is None else sum_of
        found.append((position, said.at, *shown))
    return found


def verdicts(rule: PlainRule, looks: list[Counted]) -> list[str]:
    said = []
    ever_in_stock = False
    for _, _, price, landed in looks:
        if rule.when == "landed_below":
            if landed is None:
                said.append("unknown")
            elif landed < rule.value:
                said.append("true")
            else:
                said.append("near" if landed < rule.value + rule.hysteresis else "false")
        else:
            assert rule.when == "out_of_stock"
            ever_in_stock = ever_in_stock or price is not None
            said.append("false" if price is not None or not ever_in_stock else "true")
    return said


def newest_by(log: list[Said]) -> list[int]:
    """The newest time of the log up to each position."""
    return list(accumulate((said.at for said in log), max))


def episodes(rule: PlainRule, log: list[Said], item: str) -> list[Episode]:
    """The alerts that *log* implies, in order."""
    return implied(rule, counted(log, item), item, newest_by(log))


def implied(rule: PlainRule, looks: list[Counted], item: str, newest: list[int]) -> list[Episode]:
    """The alerts of an item by its *looks* in a log with these :func:`newest_by`."""
    if rule.when == "moved":
        return moves(rule, looks, item, newest)
    said = verdicts(rule, looks)
    found: list[Episode] = []
    cooled = 0
    first = 0
    while first < len(looks):
        if said[first] != "true":
            first += 1
            continue
        start = looks[first][1]
        due = max(start + rule.hold, cooled)
        after = first
        while after < len(looks) and said[after] == "true":
            after += 1
        if not lasted(newest, looks, first, after, due):
            first = after
            continue
        cooled = due + rule.cooldown
        ends = [k for k in range(after, len(looks)) if said[k] == "false"]
        closed = looks[ends[0]][1] if ends else None
        found.append((rule.name, item, start, due, closed))
        first = ends[0] if ends else len(looks)
    return found


def lasted(
    newest: list[int],
    looks: list[Counted],
    first: int,
    after: int,
    due: int,
) -> bool:
    """Whether the stretch of looks from *first* to before *after* is proven to reach *due*."""
    if any(look[1] >= due for look in looks[first : after + 1]):
        return True
    end = looks[after][0] if after < len(looks) else len(newest)
    return newest[end - 1] - MINUTE >= due


def moves(rule: PlainRule, looks: list[Counted], item: str, newest: list[int]) -> list[Episode]:
    """Alerts of ``moved`` against the last alert: each compares with the one before."""
    first = next((k for k, look in enumerate(looks) if look[2] is not None), len(looks))
    if first == len(looks):
        return []
    base = looks[first]
    found: list[Episode] = []
    cooled = 0
    while first < len(looks):
        if not has_moved(rule, looks[first], base):
            first += 1
            continue
        start = looks[first][1]
        due = max(start + rule.hold, cooled)
        last = first
        while True:
            if looks[last][1] >= due and last > first:
                # It was proven before this look, which is the next one to compare.
                base, following = looks[last - 1], last
                break
            if looks[last][1] >= due or time_passes(newest, looks, last, due):
                base, following = looks[last], last + 1
                break
            last += 1
            goes_on = last < len(looks) and (
                looks[last][1] >= due or has_moved(rule, looks[last], base)
            )
            if not goes_on:
                following = -1
                break
        if following < 0:
            first = last
            continue
        cooled = due + rule.cooldown
        found.append((rule.name, item, start, due, due))
        first = following
    return found


def time_passes(newest: list[int], looks: list[Counted], k: int, due: int) -> bool:
    """Whether between look *k* and the next one the partition's time passes *due*."""
    end = looks[k + 1][0] if k + 1 < len(looks) else len(newest)
    return newest[end - 1] - MINUTE >= due


def has_moved(rule: PlainRule, look: Counted, base: Counted) -> bool:
    if look[2] is None or base[2] is None:
        return False
    if look[3] is not None and base[3] is not None:
        return abs(look[3] - base[3]) >= rule.value
    return abs(look[2] - base[2]) >= rule.value
