"""The rules and mutes by the records of their topic."""

from __future__ import annotations

import pytest

from walmart_stream.domain.alerts.book import ITEM, RULE, RuleBook, mute_key, mute_value
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.alerts.rule_file import encode_rule

RULES = [read_rule({"name": name, "all": True, "when": "unpublished"}) for name in ("a", "b")]


def taken(*records: tuple[bytes | None, bytes | None]) -> RuleBook:
    book = RuleBook()
    for key, value in records:
        book.take(key, value)
    return book


def test_the_last_record_of_a_name_counts() -> None:
    """An empty value removes the rule, and one that cannot be read is as if it were not there."""
    a, b = ((rule.name.encode(), encode_rule(rule)) for rule in RULES)

    assert taken(a, b).rules.keys() == {"a", "b"}
    assert taken(a, b, (b"a", None)).rules.keys() == {"b"}
    assert taken(a, (b"a", b'{"schema":2}')).rules == {}
    assert taken(a, (b"a", b'{"schema":2}')).unread == 1
    assert taken((b"a", b"x"), a).unread == 0


def test_a_record_of_anybody_changes_nothing_else() -> None:
    """Whatever stands in the topic, the other rules stay."""
    a = (b"a", encode_rule(RULES[0]))
    strange = [(None, b"x"), (b"", b""), (b"\xff", b"\xff"), (b"b", a[1]), (b"mute:", b"{}"),
               (b"mute:item:1", b"[]"), (b"mute:item:1", b'{"until":3}')]  # fmt: skip

    book = taken(a, *strange)

    assert book.rules.keys() == {"a"}
    assert book.mutes == {}


@pytest.mark.parametrize(
    ("rule", "item", "now", "until"),
    [
        ("a", "2", 4, 5),
        ("a", "2", 5, None),
        ("b", "1", 6, 7),
        ("a", "1", 4, 7),
        ("b", "2", 0, None),
    ],
)
def test_a_mute_ends_by_itself(rule: str, item: str, now: int, until: int | None) -> None:
    """Items and rules are muted alike; the longer mute counts."""
    book = taken(
        (mute_key(RULE, "a"), mute_value(5)),
        (mute_key(ITEM, "1"), mute_value(7)),
        (mute_key(ITEM, "3"), mute_value(9)),
        (mute_key(ITEM, "3"), None),
    )

    assert book.muted_until(rule, item, now) == until
    assert book.muted_until("b", "3", 0) is None


@pytest.mark.parametrize(("kind", "name"), [(ITEM, "a"), (ITEM, "01"), (RULE, "A"), (RULE, "a:b")])
def test_only_items_and_rules_are_muted(kind: str, name: str) -> None:
    """Keys of the topic are for nothing else."""
    with pytest.raises(ValueError, match="is 1-"):
        mute_key(kind, name)
