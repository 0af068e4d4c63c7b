"""Rules as a TOML file and as JSON: read with the place of each fault, and written back."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson

from walmart_stream.domain.alerts.rule_fields import FIELDS, RuleFaults, read_rule
from walmart_stream.domain.alerts.rules import Rule
from walmart_stream.domain.errors import EmptyValue, MalformedJson, WrongShape

SCHEMA = 1
# Rules of a file, and of all workers: each is asked for each item that comes under it.
MOST_RULES = 1_000
_AMOUNTS = ("value", "by", "hysteresis")
_HEADER = re.compile(r"^\s*\[\[\s*rule\s*\]\]")
_KEY = re.compile(r"""^\s*["']?([A-Za-z0-9_-]+)["']?\s*=""")
_PLACE = re.compile(r"\(at line (\d+), column \d+\)")

# Dots of a line outside of its texts, and of a file. Rules have them in amounts only; of a key with
# n parts the reader of TOML makes n² of memory and time, 270 MB of 16 kB.
DOTS_OF_LINE = 10
DOTS_OF_FILE = 10 * MOST_RULES
# Texts and comments of TOML; one that is not closed goes to its line's end, or the file's.
_QUOTED = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:"""|\Z)'
    r"|'''(?:[^']|'(?!''))*+(?:'''|\Z)"
    r'|"(?:[^"\\\n]|\\[^\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+",
    re.S,
)


class RuleFault(NamedTuple):
    """A fault of a file: its line where known, the field, and what would be right."""

    line: int | None
    rule: str
    reason: str

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}: "
        return f"{place}{self.rule}{self.reason}"


def read_toml(text: str) -> tuple[list[Rule], list[RuleFault]]:
    """The rules of a TOML file, and everything that is wrong with it."""
    if fault := _too_many_dots(text):
        return [], [fault]
    try:
        content = tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, RecursionError) as exc:
        found = _PLACE.search(str(exc))
        reason = _PLACE.sub("", str(exc)).strip()
        return [], [RuleFault(int(found[1]) if found else None, "", f"not TOML: {reason}")]
    except (ValueError, InvalidOperation):
        return [], [RuleFault(None, "", "a number has more digits than can be read")]
    return _read(content, _lines(text))


def read_json(content: Any) -> tuple[list[Rule], list[RuleFault]]:
    """The rules of ``{"rule": [...]}``, the same fields as in TOML."""
    return _read(content, [])


def write_toml(rules: Iterable[Rule]) -> str:
    """The file that reads as *rules*, by name; reading and writing it gives it once more."""
    blocks = []
    for rule in sorted(rules, key=lambda rule: rule.name):
        lines = ["[[rule]]"]
        lines += [
            f"{name} = {_toml(name, rule.given[name])}" for name in FIELDS if name in rule.given
        ]
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def encode_rule(rule: Rule) -> bytes:
    """The value in the topic of rules."""
    return orjson.dumps({"schema": SCHEMA, **rule.given})


def decode_rule(name: str, value: bytes | None) -> Rule:
    """The rule of a record whose key is *name*.

    Raises:
        BadInput: the value is not this rule.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be a rule")
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    if not isinstance(fields, dict) or fields.pop("schema", None) != SCHEMA:
        raise WrongShape("must be an object with schema 1")
    if fields.get("name") != name:
        raise WrongShape("name: must be the key")
    try:
        return read_rule(fields)
    except RuleFaults as exc:
        raise WrongShape(str(exc)[:300]) from None


def _read(
    content: Any, lines: Sequence[tuple[int, Mapping[str, int]]]
) -> tuple[list[Rule], list[RuleFault]]:
    rule_list = content.get("rule") if isinstance(content, dict) else None
    if not isinstance(rule_list, list) or not rule_list:
        return [], [RuleFault(None, "", "there must be rules, each under a line [[rule]]")]
    faults = [
        RuleFault(None, "", f"{str(name)[:40]}: is not known; rules stand under [[rule]]")
        for name in content
        if name != "rule"
    ]
    if len(rule_list) > MOST_RULES:
        return [], [*faults, RuleFault(None, "", f"there are more than {MOST_RULES:,} rules")]
    rules: dict[str, Rule] = {}
    for number, fields in enumerate(rule_list, 1):
        header, keys = lines[number - 1] if number <= len(lines) else (None, {})
        shown = f"rule {number}: "
        if not isinstance(fields, dict):
            faults.append(RuleFault(header, shown, "must be a table of fields"))
            continue
        if isinstance(fields.get("name"), str):
            shown = f"rule {fields['name'][:64]!r}: "
        try:
            rule = read_rule(fields)
        except RuleFaults as exc:
            faults += [
                RuleFault(keys.get(one.field, header), shown, f"{one.field}: {one.reason}")
                for one in exc.faults
            ]
            continue
        if rule.name in rules:
            faults.append(
                RuleFault(keys.get("name", header), shown, "name: another rule has it already")
            )
        rules[rule.name] = rule
    return list(rules.values()), faults


def _too_many_dots(text: str) -> RuleFault | None:
    """The first line by which keys have more parts than can be given to the reader of TOML."""
    bare = _QUOTED.sub(lambda found: "\n" * found[0].count("\n"), text)
    total = 0
    for number, line in enumerate(bare.split("\n"), 1):
        dots = line.count(".")
        total += dots
        if dots > DOTS_OF_LINE or total > DOTS_OF_FILE:
            limit = f"{DOTS_OF_LINE} on a line, {DOTS_OF_FILE:,} in a file"
            return RuleFault(number, "", f"too many dots outside of texts; {limit} at most")
    return None


def _lines(text: str) -> Sequence[tuple[int, Mapping[str, int]]]:
    """The line of each ``[[rule]]``, and those of its keys."""
    found: list[tuple[int, dict[str, int]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line):
            found.append((number, {}))
        elif found and (key := _KEY.match(line)):
            found[-1][1].setdefault(key[1], number)
    return found


def _toml(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if name in _AMOUNTS:
        return f"{Decimal(str(value)):.2f}"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list):
        return f"[{', '.join(_text(one) for one in value)}]"
    return str(value)


def _text(value: str) -> str:
    # JSON's strings are TOML's, but for the one character that TOML wants escaped.
    return orjson.dumps(value).decode().replace("\x7f", "\\u007f")
