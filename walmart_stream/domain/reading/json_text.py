"""JSON text, value by value, where the usual parsers refuse a whole document for one odd field.

The parsers of the fast and the general way read a document as a whole or not at all. This one
finds where each value begins and ends without recursion, so that a field that nobody uses can be
as deep, as large or as odd as it likes. Two grammars: ``STRICT`` is RFC 8259; ``LENIENT`` takes
whatever leaves no doubt where a value ends (see :mod:`walmart_stream.domain.reading.mending`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson

from walmart_stream.domain.errors import MalformedJson

BOM = b"\xef\xbb\xbf"

# Levels of objects and lists that are read; what lies deeper is skipped. Walmart's deepest field
# in use, the amount of an offer in an event in its envelope, is in the seventh.
LEVELS = 12

_OPENS = {b"{": ord("}"), b"[": ord("]")}
_WORDS = {b"true": True, b"false": False, b"null": None}
_COMMA, _OBJECT = ord(","), ord("}")
_AFTER = re.compile(rb"[ \t\n\r]*([,\]}])")
_REST = re.compile(rb"[ \t\n\r]*\Z")
_QUOTED = re.compile(rb'"[^"\\]*(?:\\[\x00-\xff][^"\\]*)*"')
_SURROGATE = re.compile("[\ud800-\udfff]")


class NotJson(ValueError):
    """The text breaks the grammar at byte ``at``."""

    def __init__(self, at: int) -> None:
        super().__init__(f"no JSON at byte {at}")
        self.at = at


Finder = Callable[[bytes, int], "re.Match[bytes] | None"]


class Grammar(NamedTuple):
    """How a value begins (a scalar, or the bracket that opens it), and a key with its colon."""

    value: Finder
    key: Finder


_STRICT_VALUE = re.compile(
    rb"[ \t\n\r]*(?:("
    rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
    rb"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
    rb"|true|false|null"
    rb")|([\[{]))"
)
_STRICT_KEY = re.compile(
    rb"[ \t\n\r]*("
    rb'"[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*)*"'
    rb")[ \t\n\r]*:"
)
_LENIENT_VALUE = re.compile(
    rb"[ \t\n\r]*(?:("
    rb'"[^"\\]*(?:\\[\x00-\xff][^"\\]*)*"'
    rb'|[^\x00-\x20"\[\]{},:]+'
    rb")|([\[{]))"
)
_LENIENT_KEY = re.compile(rb'[ \t\n\r]*("[^"\\]*(?:\\[\x00-\xff][^"\\]*)*")[ \t\n\r]*:')
STRICT = Grammar(_STRICT_VALUE.match, _STRICT_KEY.match)
LENIENT = Grammar(_LENIENT_VALUE.match, _LENIENT_KEY.match)


def check_values(text: bytes, most: int) -> None:
    """Bound what *text* would become as objects, before any is made.

    Raises:
        MalformedJson: it holds more than *most* values.
    """
    # Each value but the first of a list or an object follows a comma. Commas inside of texts
    # count too, until the sum is too large: telling them apart takes a hundred times as long.
    if _places(text) > most and _places(_QUOTED.sub(b"", text)) > most:
        raise MalformedJson(f"JSON of more than {most:,} values; no more are read")


def end_of_value(text: bytes, at: int, grammar: Grammar = STRICT) -> int:
    """Where the value ends that begins at *at*, blanks aside.

    Raises:
        NotJson: there is none, or it does not end.
    """
    value, key = grammar
    closers = bytearray()
    while True:
        found = value(text, at)
        if found is None:
            raise NotJson(at)
        at = found.end()
        opened = found[2]
        if opened is not None:
            closers.append(_OPENS[opened])
            found = _AFTER.match(text, at)
            if found is None or text[found.end() - 1] != closers[-1]:
                at = _begin(text, at, closers, key)
                continue
        while closers:
            found = _AFTER.match(text, at)
            if found is None:
                raise NotJson(at)
            at = found.end()
            if text[at - 1] == _COMMA:
                at = _begin(text, at, closers, key)
                break
            if text[at - 1] != closers.pop():
                raise NotJson(at - 1)
        else:
            return at


def members(text: bytes, grammar: Grammar = STRICT) -> Iterator[tuple[bytes, bytes]]:
    """The keys, quoted as they stand, and the values of the object that is all of *text*.

    Raises:
        NotJson: it is not an object.
    """
    at = open_bracket(text, b"{")
    found = _AFTER.match(text, at)
    if found is None or found[1] != b"}":
        while True:
            named = grammar.key(text, at)
            if named is None:
                raise NotJson(at)
            start = named.end()
            at = end_of_value(text, start, grammar)
            yield named[1], text[start:at].strip(b" \t\n\r")
            found = _AFTER.match(text, at)
            if found is None or found[1] == b"]":
                raise NotJson(at)
            at = found.end()
            if found[1] == b"}":
                break
    else:
        at = found.end()
    if _REST.match(text, at) is None:
        raise NotJson(at)


def elements(text: bytes, grammar: Grammar = STRICT) -> Iterator[bytes]:
    """The entries of the list that is all of *text*.

    Raises:
        NotJson: it is not a list.
    """
    at = open_bracket(text, b"[")
    found = _AFTER.match(text, at)
    if found is None or found[1] != b"]":
        while True:
            start = at
            at = end_of_value(text, start, grammar)
            yield text[start:at].strip(b" \t\n\r")
            found = _AFTER.match(text, at)
            if found is None or found[1] == b"}":
                raise NotJson(at)
            at = found.end()
            if found[1] == b"]":
                break
    else:
        at = found.end()
    if _REST.match(text, at) is None:
        raise NotJson(at)


def read_exactly(text: bytes, levels: int = LEVELS) -> Any:
    """The value of a JSON *text* in UTF-8, with numbers as they are written.

    Numbers are int where they have neither fraction nor exponent, else Decimal; a number that no
    Decimal can hold is a float. Half a surrogate pair reads as U+FFFD. Objects and lists in more
    than *levels* of others read as ``None``: nothing that deep is used.

    Raises:
        NotJson: the text is none by RFC 8259.
        UnicodeDecodeError: it is not UTF-8.
    """
    if not text.isascii():
        text.decode()
    value, end = _read(text, 0, levels)
    if _REST.match(text, end) is None:
        raise NotJson(end)
    return value


def read_text(quoted: bytes) -> str:
    """The text of a *quoted* string; half a surrogate pair reads as U+FFFD."""
    try:
        text: str = orjson.loads(quoted)
    except orjson.JSONDecodeError:
        text = _SURROGATE.sub("\ufffd", json.loads(quoted.decode()))
    return text


def open_bracket(text: bytes, bracket: bytes) -> int:
    """The place after the *bracket* that *text* begins with, blanks aside.

    Raises:
        NotJson: it begins with something else.
    """
    start = len(text) - len(text.lstrip(b" \t\n\r"))
    if not text.startswith(bracket, start):
        raise NotJson(start)
    return start + 1


def _begin(text: bytes, at: int, closers: bytearray, key: Finder) -> int:
    """Where the next value of the innermost bracket begins: in an object after its key."""
    if closers[-1] != _OBJECT:
        return at
    found = key(text, at)
    if found is None:
        raise NotJson(at)
    return found.end()


def _places(text: bytes) -> int:
    return text.count(b",") + text.count(b"[") + text.count(b"{") + 1


def _read(text: bytes, at: int, levels: int) -> tuple[Any, int]:
    """The value that begins at *at*, and where it ends."""
    found = STRICT.value(text, at)
    if found is None:
        raise NotJson(at)
    scalar, opened = found.groups()
    if scalar is not None:
        return _read_scalar(scalar), found.end()
    if not levels:
        return None, end_of_value(text, at)
    at = found.end()
    empty = _AFTER.match(text, at)
    if empty is not None and empty[1][0] == _OPENS[opened]:
        return ({} if opened == b"{" else []), empty.end()
    fields: dict[str, Any] = {}
    entries: list[Any] = []
    while True:
        if opened == b"{":
            named = STRICT.key(text, at)
            if named is None:
                raise NotJson(at)
            value, at = _read(text, named.end(), levels - 1)
            fields[read_text(named[1])] = value
        else:
            value, at = _read(text, at, levels - 1)
            entries.append(value)
        found = _AFTER.match(text, at)
        if found is None or found[1][0] not in (_COMMA, _OPENS[opened]):
            raise NotJson(at)
        at = found.end()
        if found[1] != b",":
            return (fields if opened == b"{" else entries), at


def _read_scalar(scalar: bytes) -> Any:
    if scalar.startswith(b'"'):
        return read_text(scalar)
    if scalar in _WORDS:
        return _WORDS[scalar]
    text = scalar.decode()
    if len(text) <= 20 and text.removeprefix("-").isdecimal():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)  # an exponent beyond 10^18: 0.0 or infinity
