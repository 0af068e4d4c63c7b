"""The JSON of an answer: every object in it as it was sent, and the odd one named alone.

Parsers refuse a whole answer for one odd field of one item. So an answer is first cut into the
entries of its lists, and each is read by itself. Where an entry's quotes or brackets do not match,
it ends before the next entry that begins with the same key, and is ``Unreadable``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from walmart_stream.domain.reading.json_text import (
    BOM,
    LENIENT,
    NotJson,
    check_values,
    elements,
    end_of_value,
    members,
    read_exactly,
    read_text,
)
from walmart_stream.domain.reading.mending import mend
from walmart_stream.domain.reading.sent import Sent, Unreadable, read_sent

# Walmart's largest answers have a tenth of it: 1,000 items of a catalogue page, some hundred fields
# each. What has more would take more than some tens of megabytes as objects.
MOST_VALUES = 500_000

# Damaged entries of one answer; with more it is damaged as a whole.
MOST_DAMAGED = 100

# Objects around the lists of entries: ``payload`` or ``list``, and ``elements`` in it.
WRAPPERS = 3

# Places where the damaged last entry of a list may end; each costs a reading of what follows.
MOST_ENDS = 20

_BLANKS = b" \t\n\r"
_ENTRIES = re.compile(rb'\[(?=\s{0,100}\{\s{0,100}("[^"\\]{1,100}")\s{0,100}:)')
_FOLLOWING = re.compile(rb'\}\s{0,100},(?=\s{0,100}\{\s{0,100}("[^"\\]{1,100}")\s{0,100}:)')
_AFTER = re.compile(rb"[ \t\n\r]*([,\]])")
_LAST = re.compile(rb"\}\s{0,100}\]")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_answer(body: bytes) -> Any:
    """The document in *body*; a byte order mark is skipped.

    Objects in it are ``Sent``, down to the entries of lists; an entry that cannot be read is
    ``Unreadable``.

    Raises:
        MalformedJson: it holds more than ``MOST_VALUES`` values.
        NotJson: the document as a whole is not JSON.
    """
    body = body.removeprefix(BOM).strip(_BLANKS)
    check_values(body, MOST_VALUES)
    try:
        return _document(body, WRAPPERS, {})
    except NotJson as exc:
        error = exc
    for text, damaged in _without_damage(body):
        try:
            return _document(text, WRAPPERS, damaged)
        except NotJson:
            continue
    raise error


def payload_of(entry: Mapping[str, Any]) -> bytes:
    """The JSON of an *entry* of an answer: the bytes that were sent, where they are JSON."""
    return entry.payload if isinstance(entry, Sent) else orjson.dumps(entry)


def original_of(entry: Mapping[str, Any]) -> bytes | None:
    """The bytes of an *entry* as they were sent, where they are not JSON."""
    return entry.original if isinstance(entry, Sent) else None


def _document(text: bytes, wrappers: int, damaged: Mapping[bytes, Unreadable]) -> Any:
    """The value of *text*, in which the keys of *damaged* stand for what cannot be read."""
    first = text[:1]
    if first == b"[":
        return [damaged.get(entry) or _entry(entry) for entry in _cut_list(text)]
    if first != b"{" or not wrappers:
        return _value(text)
    parts = _cut_object(text).items()
    fields = {key: _document(value, wrappers - 1, damaged) for key, value in parts}
    return Sent(fields, text, text)


def _entry(text: bytes) -> Any:
    try:
        return _value(text)
    except NotJson as exc:
        return Unreadable(text, str(exc))


def _value(text: bytes) -> Any:
    if text[:1] == b"{":
        return read_sent(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return read_exactly(mend(text))


def _cut_object(text: bytes) -> dict[str, bytes]:
    try:
        return {key: bytes(value).strip(_BLANKS) for key, value in _members(text).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {read_text(mend(key)): value for key, value in members(text, LENIENT)}


def _cut_list(text: bytes) -> list[bytes]:
    try:
        return [bytes(value).strip(_BLANKS) for value in _elements(text)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return list(elements(text, LENIENT))


def _without_damage(text: bytes) -> Iterator[tuple[bytes, dict[bytes, Unreadable]]]:
    """The answer with a name in the place of each damaged entry of its list.

    Several, where the last entry is damaged and so the end of the list in doubt; those that keep
    more in the list first.
    """
    opened = _ENTRIES.search(text)
    if opened is None:
        return
    at = begin = opened.end()
    key = opened[1]
    kept: list[bytes] = []
    damaged: dict[bytes, Unreadable] = {}

    def name(start: int, end: int, reason: str) -> bytes:
        name = b'{"unreadable":%d}' % len(damaged)
        damaged[name] = Unreadable(text[start:end].strip(_BLANKS), reason)
        return name

    while len(damaged) < MOST_DAMAGED:
        start = at
        try:
            at = end_of_value(text, start, LENIENT)
            found = _AFTER.match(text, at)
            if found is None:
                raise NotJson(at)
        except NotJson as exc:
            reason = f"no JSON at byte {exc.at - start}"
            following = (one for one in _FOLLOWING.finditer(text, start) if one[1] == key)
            found = next(following, None)
            if found is not None:
                at = found.end()
                kept.append(name(start, at - 1, reason))
                continue
            for last in [one.end() - 1 for one in _LAST.finditer(text, start)][
                : -MOST_ENDS - 1 : -1
            ]:
                entries = b",".join([*kept, name(start, last, reason)])
                yield text[:begin] + entries + text[last:], damaged
            return
        kept.append(text[start:at])
        at = found.end()
        if found[1] == b"]":
            yield text[:begin] + b",".join(kept) + text[at - 1 :], damaged
            return
