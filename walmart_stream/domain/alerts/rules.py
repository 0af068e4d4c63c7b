"""Alert rules: what each condition needs, and the rules that an item comes under."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from msgspec import Struct, structs

from walmart_stream.domain.alerts.quiet import Quiet
from walmart_stream.domain.offers import FEATURED, OWN

BEST_RIVAL = "best_rival"
LAST_ALERT = "last_alert"

# Fields of every rule, whatever it waits for.
GENERAL = ("name", "items", "tags", "all", "when", "offer", "hold", "cooldown", "enabled")
DELIVERY = ("severity", "channels", "quiet")


class Kind(NamedTuple):
    """A condition: the offer that it looks at unless the rule names one, and its fields.

    ``one_of``: exactly one of these is due. ``edge``: what is so already when the rule first sees
    an item is not an alert; only becoming so is. ``moment``: an alert ends as it is raised.
    """

    offer: str
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    edge: bool = False
    moment: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields that a rule of this kind may have."""
        return (*GENERAL, *self.needs, *self.may, *self.one_of, *DELIVERY)


_LEVEL = Kind(FEATURED, needs=("value",), may=("hysteresis",))
KINDS: dict[str, Kind] = {
    "price_below": _LEVEL,
    "price_above": _LEVEL,
    "landed_below": _LEVEL,
    "landed_above": _LEVEL,
    "moved": Kind(FEATURED, may=("direction", "against"), one_of=("by", "by_pct"), moment=True),
    "new_low": Kind(FEATURED, needs=("over",), moment=True),
    "new_high": Kind(FEATURED, needs=("over",), moment=True),
    "undercut": Kind(OWN, may=("by", "by_pct", "sellers", "not_sellers", "hysteresis")),
    "buy_box_lost": Kind(OWN, edge=True),
    "buy_box_won": Kind(OWN, edge=True),
    "buy_box_suppressed": Kind(OWN),
    "new_rival": Kind(OWN, moment=True),
    "out_of_stock": Kind(FEATURED, edge=True),
    "back_in_stock": Kind(FEATURED, edge=True),
    "shipping_changed": Kind(FEATURED, moment=True),
    "unpublished": Kind(OWN),
    "near_ceiling": Kind(OWN, needs=("within_pct",), may=("hysteresis",)),
    "not_seen": Kind(FEATURED, needs=("longer_than",)),
}
# These are about the seller's own offer and no other one.
OWN_ONLY = frozenset(name for name, kind in KINDS.items() if kind.offer == OWN)


class Rule(Struct, frozen=True, kw_only=True):
    """One rule. ``given`` are its fields as they were written, for whoever asks for them back."""

    name: str
    when: str
    offer: str
    items: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    all: bool = False
    value: int | None = None
    by: int | None = None
    by_pct: float | None = None
    within_pct: float = 0
    direction: str = "both"
    against: int | None = None
    over: int = 0
    sellers: tuple[str, ...] = ()
    not_sellers: tuple[str, ...] = ()
    longer_than: int = 0
    hold: int = 0
    hysteresis: int = 0
    cooldown: int = 0
    severity: str = "warning"
    channels: tuple[str, ...] = ()
    quiet: Quiet | None = None
    enabled: bool = True
    given: dict[str, Any] = {}

    @property
    def kind(self) -> Kind:
        """The kind of its condition."""
        return KINDS[self.when]

    @property
    def is_moment(self) -> bool:
        """Whether an alert ends as it is raised; one against a time ago lasts until that moves."""
        return self.kind.moment and self.against is None

    @property
    def fingerprint(self) -> str:
        """Differs when the condition does; receivers and severity are left out."""
        fields = {
            name: value
            for name, value in self.given.items()
            if name not in (*DELIVERY, "items", "tags", "all", "enabled")
        }
        text = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:12]

    def switched(self, enabled: bool) -> Rule:
        """The same rule, enabled or not."""
        given = {name: value for name, value in self.given.items() if name != "enabled"}
        if not enabled:
            given["enabled"] = False
        return structs.replace(self, enabled=enabled, given=given)

    def covers(self, item_id: str, tags: Iterable[str]) -> bool:
        """Whether an item with these *tags* comes under it."""
        return self.all or item_id in self.items or not self.tags.isdisjoint(tags)


class RuleSet:
    """All rules; those that are not enabled cover nothing. *tags_of*: the tags of an item."""

    def __init__(
        self,
        rules: Iterable[Rule] = (),
        tags_of: Callable[[str], Iterable[str]] = lambda item_id: (),
    ) -> None:
        self.rules: Mapping[str, Rule] = {
            rule.name: rule for rule in sorted(rules, key=lambda rule: rule.name)
        }
        self._tags_of = tags_of
        enabled = [rule for rule in self.rules.values() if rule.enabled]
        self._prints = {rule.name: rule.fingerprint for rule in enabled}
        self._tagged = [rule for rule in enabled if rule.tags]
        self._of_all = [rule for rule in enabled if rule.all]
        self._by_item: dict[str, list[Rule]] = {}
        for rule in enabled:
            for item_id in rule.items:
                named = self._by_item.setdefault(item_id, list(self._of_all))
                named.append(rule)
        for named in self._by_item.values():
            named.sort(key=lambda rule: rule.name)

    def __bool__(self) -> bool:
        return bool(self.rules)

    @property
    def has_tags(self) -> bool:
        """Whether some rule covers the items of a tag, which may change at any time."""
        return bool(self._tagged)

    def of(self, item_id: str) -> list[Rule]:
        """The rules that an item comes under, by name."""
        found = self._by_item.get(item_id, self._of_all)
        if not self._tagged:
            return found
        tags = tuple(self._tags_of(item_id))
        tagged = [rule for rule in self._tagged if rule.covers(item_id, tags)]
        return sorted([*found, *tagged], key=lambda rule: rule.name) if tagged else found

    def fingerprint(self, name: str) -> str | None:
        """The :attr:`Rule.fingerprint` of an enabled rule; ``None`` if there is no such rule."""
        return self._prints.get(name)
