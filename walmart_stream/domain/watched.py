"""The watched items of all workers, as pages in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from walmart_stream.domain.by_item import LONGEST_ID, ByItem
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.time import parse_iso, to_datetime, to_ms
from walmart_stream.domain.watch import WatchEntry, around_time, decode_entry, encode_entry

# Ends of values that are known, each for thousands of items: entries of an import share their
# time, and few combinations of tags. Without them an entry takes twice as long, and one with tags
# ten times.
MOST_KNOWN = 1_000


class Watched:
    """The watchlist by the records of its topic, some 20 bytes for an item without a note.

    Ids are kept in order, all of them and those of each tag, so that a record costs microseconds
    and a page no more than what is on it, however many items there are.
    """

    def __init__(self) -> None:
        # Twice the time (epoch ms) of an entry that has nothing else, or twice the number of what
        # it says, and 1.
        self._entries = ByItem()
        self._tagged: dict[str, ByItem] = {}
        self._shared = _Shared()
        self._known: dict[bytes, _Said] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item_id: str) -> bool:
        return _is_item_id(key := item_id.encode()) and key in self._entries

    def count(self, tag: str | None = None) -> int:
        """How many entries there are, or how many with *tag*."""
        return len(self) if tag is None else len(self._tagged.get(tag, ()))

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record. One that is not an entry changes nothing, as for the workers."""
        if key is None or not _is_item_id(key):
            return
        if not value:
            self._forget(key, self._entries.pop(key))
            return
        said = self._read(key, value)
        if said is None:
            return
        added, note, tags = said
        if added is None or note is not None or tags:
            kept = 2 * self._shared.take(said) + 1
        else:
            kept = 2 * added
        self._forget(key, self._entries.put(key, kept))
        for tag in tags:
            self._tagged.setdefault(tag, ByItem()).put(key, kept)

    def page(self, after: str, limit: int, tag: str | None = None) -> list[WatchEntry]:
        """The first *limit* entries, with *tag*, whose id is greater than *after*, as text."""
        found = self._entries if tag is None else self._tagged.get(tag)
        if found is None:
            return []
        return [self._entry(*one) for one in islice(found.after(after.encode()), limit)]

    def entries(self) -> Iterator[WatchEntry]:
        """All of them, in order; nothing may be taken meanwhile."""
        return (self._entry(*one) for one in self._entries.after(b""))

    def _read(self, key: bytes, value: bytes) -> _Said | None:
        before, after = around_time(key)
        # Of our own writing, its end says everything but the item; a note comes before that.
        end = value[len(before) :] if value.startswith(before) else b""
        said = self._known.get(end)
        if said is not None:
            return said
        said, is_ours = _decoded(key, value, _added(end, after))
        if end and said is not None and is_ours:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[end] = said
        return said

    def _forget(self, key: bytes, kept: int | None) -> None:
        """Take the item off the lists of the tags that it had."""
        if kept is None or not kept % 2:
            return
        for tag in self._shared.give_back(kept // 2).tags:
            tagged = self._tagged[tag]
            tagged.pop(key)
            if not len(tagged):
                del self._tagged[tag]

    def _entry(self, item_id: str, kept: int) -> WatchEntry:
        said = self._shared[kept // 2] if kept % 2 else _Said(kept // 2)
        added_at = None if said.added is None else to_datetime(said.added)
        return WatchEntry.model_construct(
            item_id=item_id, note=said.note, added_at=added_at, tags=said.tags
        )


class _Said(NamedTuple):
    """An entry without its item; ``added`` in epoch milliseconds."""

    added: int | None
    note: str | None = None
    tags: tuple[str, ...] = ()


class _Shared:
    """Contents of entries, each once, by a number that is free again when no entry has it."""

    def __init__(self) -> None:
        self._numbers: dict[_Said, int] = {}
        # By number: what is said, and by how many.
        self._said: list[_Said] = []
        self._counts: list[int] = []
        self._free: list[int] = []

    def __getitem__(self, number: int) -> _Said:
        return self._said[number]

    def take(self, said: _Said) -> int:
        """The number of *said*, for one more entry."""
        number = self._numbers.get(said)
        if number is None:
            if self._free:
                number = self._free.pop()
                self._said[number] = said
            else:
                number = len(self._said)
                self._said.append(said)
                self._counts.append(0)
            self._numbers[said] = number
        self._counts[number] += 1
        return number

    def give_back(self, number: int) -> _Said:
        """Take *number* back from one entry; returns what it stands for."""
        said = self._said[number]
        self._counts[number] -= 1
        if not self._counts[number]:
            del self._numbers[said]
            self._said[number] = _NOTHING
            self._free.append(number)
        return said


_NOTHING = _Said(None)


def _is_item_id(key: bytes) -> bool:
    # What ITEM_ID says, in half the time.
    return key.isdigit() and key[:1] != b"0" and len(key) <= LONGEST_ID


def _decoded(key: bytes, value: bytes, added: int | None) -> tuple[_Said | None, bool]:
    """The content of *value*, and whether we would write it so; *added*, if given, is all of it."""
    if added is not None:
        return _Said(added), True
    try:
        entry = decode_entry(key.decode(), value)
    except BadInput:
        return None, False
    at = None if entry.added_at is None else to_ms(entry.added_at)
    return _Said(at, entry.note, entry.tags), encode_entry(entry) == value


def _added(end: bytes, after: bytes) -> int | None:
    """The time (epoch ms) of an entry that has nothing else, if it ends as written by us.

    ``None``: it has to be decoded, which takes several times as long.
    """
    time = end[: len("2026-11-22T18:00:00.123Z")]
    # Python would take anything between date and time, a quotation mark as well.
    if end[len(time) :] != after or time[10:11] != b"T":
        return None
    try:
        return parse_iso(time.decode("ascii"))
    except ValueError:
        return None
