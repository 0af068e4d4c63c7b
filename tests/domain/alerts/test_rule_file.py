"""Rules in files, in JSON and in their topic."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.alerts.quiet import parse_quiet
from walmart_stream.domain.alerts.rule_fields import RuleFaults, read_rule
from walmart_stream.domain.alerts.rule_file import (
    decode_rule,
    encode_rule,
    read_json,
    read_toml,
    write_toml,
)
from walmart_stream.domain.alerts.rules import KINDS, RuleSet
from walmart_stream.domain.errors import BadInput

FILE = """[[rule]]
name = "cheaper-than-20"
items = ["10450114"]
when = "landed_below"
offer = "marketplace"
value = 20.00
hold = "15m"
hysteresis = 0.50
cooldown = "6h"
severity = "warning"
channels = ["ops"]
quiet = "22:00-07:00 America/Chicago"

[[rule]]
name = "moves"
tags = ["toys", "new"]
when = "moved"
by_pct = 12.5
direction = "down"
against = "24h"
"""
LEAST = {"name": "a", "all": True}


def rule(**fields: Any) -> Any:
    return read_rule({**LEAST, **fields})


def test_a_file_is_written_as_it_was_read() -> None:
    """Export gives back what import was given."""
    rules, faults = read_toml(FILE)

    assert faults == []
    assert write_toml(rules) == FILE


def test_fields_mean_cents_and_milliseconds() -> None:
    """Dollars and durations are read exactly."""
    [one, two] = read_toml(FILE)[0]

    assert (one.value, one.hysteresis, one.hold, one.cooldown) == (2000, 50, 900_000, 21_600_000)
    assert (two.by_pct, two.direction, two.against, two.offer) == (
        12.5,
        "down",
        86_400_000,
        "featured",
    )


def test_the_topic_and_json_hold_the_same_rule() -> None:
    """However a rule comes in, it is the same one, with the same fingerprint."""
    rules, _ = read_toml(FILE)

    again = [decode_rule(one.name, encode_rule(one)) for one in rules]
    by_json, faults = read_json({"rule": [one.given for one in rules]})

    assert again == rules == by_json
    assert faults == []
    assert [one.fingerprint for one in again] == [one.fingerprint for one in rules]


ALL = 'name = "a"; all = true; when = '


@pytest.mark.parametrize(
    ("rule_lines", "fault"),
    [
        (ALL + '"landed_blow"', "line 4: rule 'a': when: must be one of "),
        (ALL + '"landed_below"', "line 1: rule 'a': value: is missing: when = "),
        (ALL + '"moved"', "needs by or by_pct"),
        (ALL + '"moved"; by = 1; by_pct = 1', "line 6: rule 'a': by_pct: cannot stand beside by"),
        ('name = "a"; when = "unpublished"', "line 1: rule 'a': items: is missing"),
        (ALL + '"unpublished"; items = ["1"]', "exactly one of"),
        ('name = "a"; items = ["01"]', "line 3: rule 'a': items: '01' is wrong"),
        (ALL + '"unpublished"; value = 3', "line 5: rule 'a': value: has no meaning with when"),
        (ALL + '"unpublished"; chanels = []', 'did you mean "channels"?'),
        (ALL + '"near_ceiling"', "line 1: rule 'a': within_pct: is missing: when = "),
        (ALL + '"near_ceiling"; within_pct = 100', "line 5: rule 'a': within_pct: must be more"),
        (ALL + '"near_ceiling"; within_pct = 3; value = 9', "value: has no meaning with when"),
        (ALL + '"undercut"; within_pct = 3', "line 5: rule 'a': within_pct: has no meaning"),
        (ALL + '"price_below"; value = 19.999', "line 5: rule 'a': value: must be dollars with"),
        (ALL + '"price_below"; value = "20"', "without quotes"),
        (ALL + '"price_below"; value = inf', "an amount of dollars"),
        (ALL + '"not_seen"; longer_than = 6', 'must be a text such as "30s"'),
        (ALL + '"unpublished"; quiet = "22-7"', "line 5: rule 'a': quiet: must be like"),
        (ALL + '"unpublished"; [[rule]]; name = "a"', "line 5: rule 'a': when: is missing"),
        (ALL + '"undercut"; offer = "featured"', "offer: must be own"),
        (ALL + "= 3", "line 4: not TOML: "),
    ],
)
def test_a_fault_has_its_line_and_what_would_be_right(rule_lines: str, fault: str) -> None:
    """Whoever wrote a rule can put it right without guessing."""
    _, faults = read_toml("\n".join(["[[rule]]", *rule_lines.split("; ")]))

    assert any(fault in str(one) for one in faults), [str(one) for one in faults]


def test_a_file_without_rules_or_with_one_twice_is_a_fault() -> None:
    """Neither an empty file nor a name that two rules have is taken in silence."""
    twice = '[[rule]]\nname = "a"\nall = true\nwhen = "unpublished"\n' * 2

    assert str(read_toml("x = 3")[1][0]) == "there must be rules, each under a line [[rule]]"
    assert str(read_toml(twice)[1][0]) == "line 6: rule 'a': name: another rule has it already"


def test_all_faults_are_named_at_once() -> None:
    """Nobody has to run it five times."""
    with pytest.raises(RuleFaults) as caught:
        read_rule({"name": "A", "when": "landed_below", "items": 3, "hold": "1y", "x": 1})

    assert [one.field for one in caught.value.faults] == ["name", "items", "hold", "x", "value"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["rule", "x"]), st.lists(st.dictionaries(
    st.sampled_from(["name", "when", "all", "items", "value", "by", "hold", "offer", "quiet"]),
    anything | st.sampled_from([*KINDS]),
)) | anything))  # fmt: skip
def test_hostile_rules_are_faults(content: Any) -> None:
    """Whatever JSON says, the answer is rules or sentences."""
    rules, faults = read_json(content)

    assert all(str(fault) for fault in faults)
    assert all(decode_rule(one.name, encode_rule(one)) == one for one in rules)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"schema":2}', b'{"schema":1}'])
def test_a_record_that_is_no_rule_is_bad_input(value: bytes | None) -> None:
    """A record of somebody else's stops nobody."""
    with pytest.raises(BadInput):
        decode_rule("a", value)


def test_rules_cover_items_by_id_and_tag_and_all() -> None:
    """An item comes under the rules that name it, one of its tags, or all items."""
    rules = RuleSet(
        [
            rule(name="z", when="unpublished"),
            read_rule({"name": "i", "items": ["7"], "when": "unpublished"}),
            # As somebody writes it; items have tags in one form.
            read_rule({"name": "t", "tags": [" Toys"], "when": "unpublished"}),
        ],
        {"7": ["toys"], "8": ["toys"]}.get,  # type: ignore[arg-type]
    )

    assert [one.name for one in rules.of("7")] == ["i", "t", "z"]
    assert [one.name for one in rules.of("8")] == ["t", "z"]


def test_whom_a_rule_tells_does_not_change_what_it_waits_for() -> None:
    """Another channel does not re-arm a rule; another value does."""
    first = rule(when="price_below", value=20)

    assert first.fingerprint == rule(when="price_below", value=20.0, channels=["ops"]).fingerprint
    assert first.fingerprint != rule(when="price_below", value=20.01).fingerprint


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-03-07T21:59", None),
        ("2026-03-07T22:00", "2026-03-08T12:00"),
        ("2026-03-08T00:30", "2026-03-08T12:00"),
        ("2026-03-08T07:00", None),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(now: str, ends: str | None) -> None:
    """In the night of the change to summer time, 7 o'clock is an hour sooner (12:00 UTC)."""
    quiet = parse_quiet("22:00-07:00 America/Chicago")
    moment = datetime.fromisoformat(now).replace(tzinfo=ZoneInfo("America/Chicago"))

    found = quiet.ends(moment.astimezone(UTC))

    assert found == (None if ends is None else datetime.fromisoformat(ends).replace(tzinfo=UTC))
