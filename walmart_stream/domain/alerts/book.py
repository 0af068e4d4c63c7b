"""The rules and mutes of all workers, by the records of their topic."""

from __future__ import annotations

import orjson

from walmart_stream.domain.alerts.rule_fields import NAME
from walmart_stream.domain.alerts.rule_file import decode_rule
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.time import parse_iso, to_iso

# In front of the key of a mute; no rule's name has a colon.
MUTE = b"mute:"
ITEM, RULE = "item", "rule"


class RuleBook:
    """The content of the topic of rules.

    ``mutes``: ``item:ID`` or ``rule:NAME`` -> until (epoch ms). ``unread`` counts the
    rules that this version cannot read; they are as if they were not there.
    """

    def __init__(self) -> None:
        self.rules: dict[str, Rule] = {}
        self.mutes: dict[str, int] = {}
        self._unread: set[bytes] = set()

    @property
    def unread(self) -> int:
        """Rules that this version cannot read."""
        return len(self._unread)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record."""
        key = key or b""
        if key.startswith(MUTE):
            self._mute(key.removeprefix(MUTE).decode("utf-8", "replace"), value)
            return
        name = key.decode("utf-8", "replace")
        self.rules.pop(name, None)
        self._unread.discard(key)
        if value:
            try:
                self.rules[name] = decode_rule(name, value)
            except BadInput:
                self._unread.add(key)

    def muted_until(self, rule: str, item_id: str, now: int) -> int | None:
        """The end of the muting of *rule* on the item; ``None``: it is not muted."""
        until = max(self.mutes.get(f"{RULE}:{rule}", 0), self.mutes.get(f"{ITEM}:{item_id}", 0))
        return until if until > now else None

    def _mute(self, what: str, value: bytes | None) -> None:
        self.mutes.pop(what, None)
        if value:
            try:
                self.mutes[what] = parse_iso(orjson.loads(value)["until"])
            except (ValueError, TypeError, KeyError):
                return


def mute_key(kind: str, name: str) -> bytes:
    """The key of the mute of an item or a rule.

    Raises:
        ValueError: *name* is no item id, or no name of a rule; the message says what is.
    """
    if kind == ITEM and not ITEM_ID.fullmatch(name):
        raise ValueError("an item id is 1-20 digits without a leading zero")
    if kind == RULE and not NAME.fullmatch(name):
        raise ValueError("a rule's name is 1-64 of a-z, 0-9 and -")
    return MUTE + f"{kind}:{name}".encode()


def mute_value(until: int) -> bytes:
    """The value of a mute until *until* (epoch ms)."""
    return orjson.dumps({"schema": 1, "until": to_iso(until)})
