"""Reads one rule from its fields, as TOML or JSON give them, and names each fault."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from walmart_stream.domain.alerts.quiet import parse_quiet
from walmart_stream.domain.alerts.rules import BEST_RIVAL, KINDS, LAST_ALERT, OWN_ONLY, Rule
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN, RIVAL
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.tags import RIGHT, tag_of

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNIT = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

# A year: history that a condition asks for is kept in the item's state.
LONGEST_MS = 366 * 86_400_000
# Dollars; no item of a marketplace costs more.
MOST = 10_000_000
# A list of a rule: the rule is one record, and is looked through for each item.
MOST_NAMES = 1_000
SEVERITIES = ("info", "warning", "critical")
DIRECTIONS = ("both", "up", "down")

# In this order a rule is written.
FIELDS = (
    "name",
    "items",
    "tags",
    "all",
    "when",
    "offer",
    "value",
    "by",
    "by_pct",
    "within_pct",
    "direction",
    "against",
    "over",
    "sellers",
    "not_sellers",
    "longer_than",
    "hold",
    "hysteresis",
    "cooldown",
    "severity",
    "channels",
    "quiet",
    "enabled",
)


class FieldFault(NamedTuple):
    """A field that is wrong, and what would be right."""

    field: str
    reason: str


class RuleFaults(ValueError):
    """A rule cannot be read; ``faults`` are all that is wrong with it."""

    def __init__(self, faults: Iterable[FieldFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{one.field}: {one.reason}" for one in self.faults))


def read_rule(fields: Mapping[str, Any]) -> Rule:
    """The rule of *fields*, named as in the file.

    Raises:
        RuleFaults: it is none.
    """
    faults: list[FieldFault] = []
    values: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in _READERS:
            faults.append(FieldFault(str(name)[:40], _unknown(str(name)[:40])))
            continue
        try:
            values[name] = _READERS[name](value)
        except ValueError as exc:
            faults.append(FieldFault(name, str(exc)))
    wrong = {one.field for one in faults}
    faults += [FieldFault(name, "is missing") for name in ("name", "when") if name not in fields]
    faults += _scope_faults(values, wrong)
    if values.get("when") in KINDS:
        faults += _kind_faults(fields, values, wrong)
    if faults:
        raise RuleFaults(faults)
    given = {name: _plain(fields[name]) for name in FIELDS if name in fields}
    values.setdefault("offer", KINDS[values["when"]].offer)
    return Rule(**values, given=given)


def duration(value: Any) -> int:
    """Milliseconds of a text such as ``15m``."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('must be a text such as "30s", "15m", "6h" or "30d"')
    length = int(found[1]) * _UNIT[found[2]]
    if length > LONGEST_MS:
        raise ValueError('must be "366d" at most')
    return length


def dollars(value: Any) -> int:
    """Cents of an amount of dollars."""
    amount = _number(value, "an amount of dollars such as 20.00")
    cents = amount * 100
    if cents != cents.to_integral_value():
        raise ValueError("must be dollars with at most two decimal places, such as 20.00")
    if not 0 <= amount <= MOST:
        raise ValueError(f"must be from 0 to {MOST:,} dollars")
    return int(cents)


def _number(value: Any, right: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"must be {right}, without quotes")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"must be {right}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"must be {right}") from None
    if not number.is_finite() or abs(number) > MOST * 1000:
        raise ValueError(f"must be {right}")
    return number


def _positive(value: Any) -> int:
    cents = dollars(value)
    if not cents:
        raise ValueError("must be more than 0")
    return cents


def _percent(value: Any) -> float:
    percent = float(_number(value, "a number of percent such as 10"))
    if not 0 < percent <= 100_000:
        raise ValueError("must be more than 0 percent, and 100,000 at most")
    return percent


def _share(value: Any) -> float:
    percent = float(_number(value, "a number of percent such as 5"))
    if not 0 < percent < 100:
        raise ValueError("must be more than 0 percent, and less than 100")
    return percent


def _length(value: Any) -> int:
    length = duration(value)
    if not length:
        raise ValueError('must be longer than "0s"')
    return length


def _against(value: Any) -> int | None:
    if value == LAST_ALERT:
        return None
    try:
        return _length(value)
    except ValueError:
        raise ValueError('must be "last_alert" or a time such as "24h"') from None


def _name(value: Any) -> str:
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise ValueError("must be 1-64 of a-z, 0-9 and -, such as cheaper-than-20")
    return value


def _when(value: Any) -> str:
    if not isinstance(value, str) or value not in KINDS:
        raise ValueError(f"must be one of {', '.join(KINDS)}{_hint(value, KINDS)}")
    return value


def _offer(value: Any) -> str:
    fixed = (FEATURED, MARKETPLACE, OWN, BEST_RIVAL)
    right = f"must be one of {', '.join(fixed)} or rival:SELLER"
    if isinstance(value, str) and (value in fixed or _is_plain(value, RIVAL)):
        return value
    raise ValueError(f"{right}{_hint(value, fixed)}")


def _is_plain(value: str, prefix: str = "") -> bool:
    rest = value.removeprefix(prefix)
    unseen = any(unicodedata.category(one) in ("Cc", "Cs", "Cf") for one in rest)
    return value.startswith(prefix) and 0 < len(rest) <= 200 and bool(rest.strip()) and not unseen


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}{_hint(value, allowed)}")
        return value

    return read


def _names(is_right: Callable[[str], Any], right: str) -> Callable[[Any], tuple[str, ...]]:
    def read(value: Any) -> tuple[str, ...]:
        if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
            raise ValueError(f"must be a list of texts: {right}")
        if len(value) > MOST_NAMES:
            raise ValueError(f"must be {MOST_NAMES} at most")
        for one in value:
            if not is_right(one):
                raise ValueError(f"{one[:60]!r} is wrong: {right}")
        return tuple(value)

    return read


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _quiet(value: Any) -> Any:
    return parse_quiet(value if isinstance(value, str) else "")


def _tags(value: Any) -> frozenset[str]:
    return frozenset(map(tag_of, _names(lambda text: True, f"tags are {RIGHT}")(value)))


def _set(read: Callable[[Any], tuple[str, ...]]) -> Callable[[Any], frozenset[str]]:
    return lambda value: frozenset(read(value))


_sellers = _names(_is_plain, "names of sellers, as Walmart writes them")
_READERS: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "items": _set(_names(ITEM_ID.fullmatch, "item ids are 1-20 digits without a leading zero")),
    "tags": _tags,
    "all": _flag,
    "when": _when,
    "offer": _offer,
    "value": _positive,
    "by": _positive,
    "by_pct": _percent,
    "within_pct": _share,
    "direction": _one_of(*DIRECTIONS),
    "against": _against,
    "over": _length,
    "sellers": _sellers,
    "not_sellers": _sellers,
    "longer_than": _length,
    "hold": duration,
    "hysteresis": dollars,
    "cooldown": duration,
    "severity": _one_of(*SEVERITIES),
    "channels": _names(CHANNEL.fullmatch, "channels are names from ALERT_CHANNELS"),
    "quiet": _quiet,
    "enabled": _flag,
}


def _scope_faults(values: Mapping[str, Any], wrong: set[str]) -> list[FieldFault]:
    scopes = [name for name in ("items", "tags", "all") if values.get(name)]
    if len(scopes) == 1 or wrong.intersection(("items", "tags", "all")):
        return []
    right = 'exactly one of items = ["10450114"], tags = ["toys"] and all = true is due'
    if scopes:
        return [FieldFault(scopes[1], f"{right}; this rule has {' and '.join(scopes)}")]
    return [FieldFault("items", f"is missing: {right}")]


def _kind_faults(
    fields: Mapping[str, Any], values: Mapping[str, Any], wrong: set[str]
) -> list[FieldFault]:
    when = values["when"]
    kind = KINDS[when]
    faults = [
        FieldFault(name, f'has no meaning with when = "{when}"; leave it out')
        for name in fields
        if name in _READERS and name not in kind.fields
    ]
    faults += [
        FieldFault(name, f'is missing: when = "{when}" needs it')
        for name in kind.needs
        if name not in fields
    ]
    there = [name for name in ("by", "by_pct") if name in fields]
    if kind.one_of and not there:
        faults.append(FieldFault("by", f'is missing: when = "{when}" needs by or by_pct'))
    if len(there) > 1 and "by" in kind.fields:
        faults.append(FieldFault("by_pct", "cannot stand beside by; leave one of them out"))
    if values.get("sellers") and values.get("not_sellers"):
        faults.append(FieldFault("not_sellers", "cannot stand beside sellers"))
    if when in OWN_ONLY and values.get("offer", OWN) != OWN:
        faults.append(FieldFault("offer", f'must be own with when = "{when}", or be left out'))
    if when == "not_seen" and values.get("offer") == BEST_RIVAL:
        faults.append(FieldFault("offer", "must be one offer: the best rival changes"))
    return [one for one in faults if one.field not in wrong]


def _plain(value: Any) -> Any:
    """*value* as JSON can hold it; amounts keep what they come to."""
    if isinstance(value, Decimal | float):
        return int(value) if value == int(value) else float(value)
    return list(value) if isinstance(value, tuple) else value


def _unknown(name: str) -> str:
    return f"is not a field of a rule{_hint(name, FIELDS)}"


def _hint(value: Any, among: Iterable[str]) -> str:
    near = difflib.get_close_matches(value, list(among), 1) if isinstance(value, str) else []
    return f'; did you mean "{near[0]}"?' if near else ""
