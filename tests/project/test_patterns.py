"""Every regular expression of the package takes a time that grows with the text and no faster."""

from __future__ import annotations

import ast
import re
import re._constants as op
import re._parser as parser
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "walmart_stream"
METHODS = {"match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split"}

# Repetitions. In small steps at first: an exponential pattern takes sixteen times as long with
# each of them.
SIZES = (8, 12, 16, 20, 24, 28, 32, 128, 512, 2_048, 8_192)

# Seconds of processor time. A linear pattern stays below it at all sizes, or nearly.
WORTH_A_LOOK = 0.003

# Of the times for a text and for one of a quarter of its length. A linear pattern has 4, a
# quadratic one 16.
STEEPEST = 8.0

# What patterns of this package look for, and what stands around it.
USUAL = (" ", "0", "a", ".", ",", "<", "<a", "<a ", "<!---->", "<!--", "<title>", "a:", "=", "[")
TAILS = ("", "\x00", "x", ">")


class Used(NamedTuple):
    """A pattern and the ways in which it is applied."""

    place: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def patterns(folder: Path = PACKAGE) -> list[Used]:
    """All that stand in the sources. Fails for one that is put together at run time."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(folder.rglob("*.py"))}
    applied: dict[str, set[str]] = {}
    for tree in trees.values():
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=attr) if attr in METHODS:
                    applied.setdefault(name, set()).add(attr)
    found = []
    for path, tree in trees.items():
        names = {
            id(node.value): node.targets[0].id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=attr)) if (
                    attr in METHODS | {"compile"}
                ):
                    place = f"{path.relative_to(folder)}:{node.lineno}"
                    methods = {attr} if attr != "compile" else applied.get(names.get(id(node), ""))
                    found.append(
                        Used(place, _compiled(node, attr, place), frozenset(methods or {"search"}))
                    )
    return found


def _compiled(call: ast.Call, attr: str, place: str) -> re.Pattern[Any]:
    try:
        text = ast.literal_eval(call.args[0])
    except ValueError:
        raise AssertionError(f"{place}: a pattern must stand in the source as a constant") from None
    # re.sub and the like have a replacement and the text before their flags.
    places = {"compile": 1, "sub": 4, "subn": 4, "split": 3}
    flags = [keyword.value for keyword in call.keywords if keyword.arg == "flags"]
    flags += call.args[places.get(attr, 2) :]
    value = eval(ast.unparse(flags[0]), {"re": re}) if flags else 0
    return re.compile(text, value)


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    """The text before a repetition and the repeated text, for each repetition in *pattern*."""
    seen = set()
    for head, pump in _repetitions(parser.parse(pattern.pattern, pattern.flags), ""):
        if pump and (head, pump) not in seen:
            seen.add((head, pump))
            yield head, pump
    yield from (("", pump) for pump in USUAL)


def _repetitions(nodes: Any, head: str) -> Iterator[tuple[str, str]]:
    for kind, value in nodes:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            _, most, body = value
            if most > 1:
                yield from ((head, pump) for pump in _samples(body))
            yield from _repetitions(body, head)
        elif kind is op.SUBPATTERN:
            yield from _repetitions(value[3], head)
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from _repetitions(branch, head)
        head += _samples([(kind, value)])[0]


def _samples(nodes: Any) -> list[str]:
    """Texts that *nodes* match, or nearly; at least one."""
    texts = [""]
    for kind, value in nodes:
        if kind is op.LITERAL:
            ends = [chr(value)]
        elif kind is op.NOT_LITERAL:
            ends = ["b" if value == ord("a") else "a"]
        elif kind is op.ANY:
            ends = ["a", " "]
        elif kind is op.IN:
            ends = [c for c in " 0a-.,:<\t_" if _is_in(c, value)][:4] or ["a"]
        elif kind is op.BRANCH:
            ends = [_samples(branch)[0] for branch in value[1]]
        elif kind is op.SUBPATTERN:
            ends = _samples(value[3])
        elif kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            ends = [sample * max(value[0], 1) for sample in _samples(value[2])]
        else:
            ends = [""]
        texts = [text + end for text in texts for end in ends][:6]
    return texts


def _is_in(character: str, members: Any) -> bool:
    return re.compile(_class_of(members)).fullmatch(character) is not None


def _class_of(members: Any) -> str:
    parts = []
    for kind, value in members:
        if kind is op.NEGATE:
            parts.append("^")
        elif kind is op.LITERAL:
            parts.append(re.escape(chr(value)))
        elif kind is op.RANGE:
            parts.append(f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}")
        else:
            parts.append({"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}.get(str(value)[9:], r"\S"))
    return f"[{''.join(parts)}]"


def seconds(pattern: re.Pattern[Any], method: str, text: str) -> float:
    """Processor time of applying *pattern* once."""
    subject: Any = text.encode() if isinstance(pattern.pattern, bytes) else text
    apply: Callable[..., Any] = getattr(pattern, method)
    began = time.thread_time()
    if method == "finditer":
        list(apply(subject))
    elif method in ("sub", "subn"):
        apply(subject[:0], subject)
    else:
        apply(subject)
    return time.thread_time() - began


def steepest(pattern: re.Pattern[Any], method: str) -> tuple[float, str]:
    """By how much the time grows when the text grows fourfold, and for which text.

    The first growth that is too steep, or the steepest.
    """
    worst = (0.0, "")
    for head, pump in attacks(pattern):
        for tail in TAILS:
            for size in SIZES:
                text = head + pump * size + tail
                if seconds(pattern, method, text) < WORTH_A_LOOK:
                    continue
                shorter = head + pump * (size // 4) + tail
                growth = _growth(pattern, method, shorter, text, tries=3)
                if growth >= STEEPEST:
                    # What else runs on the machine disturbs some tries, and never all of them.
                    growth = _growth(pattern, method, shorter, text, tries=30)
                worst = max(worst, (growth, f"{head!r} + {pump!r} * {size} + {tail!r}"))
                if growth >= STEEPEST:
                    return worst
                break
    return worst


def _growth(pattern: re.Pattern[Any], method: str, shorter: str, text: str, tries: int) -> float:
    short, long = (
        min(seconds(pattern, method, one) for _ in range(tries)) for one in (shorter, text)
    )
    return long / max(short, 1e-6)


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    """A text from outside must not hold a worker: four times the text, some four times the time.

    One test for all: reading the package for them takes seconds, which every process of a run
    would spend on a list of parameters.
    """
    too_steep = []
    for place, pattern, methods in patterns():
        for method in sorted(methods):
            growth, text = steepest(pattern, method)
            if growth >= STEEPEST:
                too_steep.append(f"{place}: {method} of {pattern.pattern!r}: {text}")

    assert too_steep == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html)\b", "match"),
        (r"(a+)+b", "match"),
        (r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)x", "fullmatch"),
        (r"<title[^>]*>(.*?)</title>", "search"),
        (r"\s+$", "search"),
    ],
)
def test_a_pattern_that_backtracks_is_found(pattern: str | bytes, method: str) -> None:
    """Exponential and quadratic ones that this package or others had."""
    assert steepest(re.compile(pattern, re.S), method)[0] > STEEPEST
