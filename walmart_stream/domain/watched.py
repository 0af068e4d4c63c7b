"""The watched items of all workers, as pages in the order of their ids."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import islice

from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.time import parse_iso, to_datetime, to_ms
from walmart_stream.domain.watch import WatchEntry, around_time, decode_entry

# Ids of a run. An id is put in among that many, and that many runs are looked through for it: a
# million items make a thousand runs.
LONGEST_RUN = 2_000


class Watched:
    """The watchlist by the records of its topic, some 250 bytes for an item.

    Ids are kept in order, all of them and those of each tag, so that a record costs microseconds
    and a page no more than what is on it, however many items there are.
    """

    def __init__(self) -> None:
        # Of an entry without note and tags the time is enough: epoch milliseconds.
        self._values: dict[str, bytes | int | None] = {}
        self._ids = _Ids()
        self._tagged: dict[str, _Ids] = {}

    def __len__(self) -> int:
        return len(self._values)

    def count(self, tag: str | None = None) -> int:
        """How many entries there are, or how many with *tag*."""
        return len(self) if tag is None else len(self._tagged.get(tag, ()))

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record. One that is not an entry changes nothing, as for the workers."""
        item_id = (key or b"").decode("utf-8", "replace")
        if not value:
            if item_id in self._values:
                self._untag(item_id)
                del self._values[item_id]
                self._ids.remove(item_id)
            return
        kept: bytes | int | None = _added(item_id, value)
        tags: tuple[str, ...] = ()
        if kept is None:
            try:
                entry = decode_entry(item_id, value)
            except BadInput:
                return
            added = None if entry.added_at is None else to_ms(entry.added_at)
            tags = entry.tags
            kept = added if entry.note is None and not tags else value
        if item_id not in self._values:
            self._ids.add(item_id)
        self._untag(item_id)
        self._values[item_id] = kept
        for tag in tags:
            self._tagged.setdefault(tag, _Ids()).add(item_id)

    def page(self, after: str, limit: int, tag: str | None = None) -> list[WatchEntry]:
        """The first *limit* entries, with *tag*, whose id is greater than *after*, as text."""
        ids = self._ids if tag is None else self._tagged.get(tag)
        return [] if ids is None else [self._entry(one) for one in islice(ids.after(after), limit)]

    def entries(self) -> Iterator[WatchEntry]:
        """All of them, in order; nothing may be taken meanwhile."""
        return map(self._entry, self._ids.after(""))

    def _untag(self, item_id: str) -> None:
        """Take the item off the lists of its tags."""
        value = self._values.get(item_id)
        if not isinstance(value, bytes):
            return
        for tag in decode_entry(item_id, value).tags:
            self._tagged[tag].remove(item_id)
            if not len(self._tagged[tag]):
                del self._tagged[tag]

    def _entry(self, item_id: str) -> WatchEntry:
        value = self._values[item_id]
        if isinstance(value, bytes):
            return decode_entry(item_id, value)
        added_at = None if value is None else to_datetime(value)
        return WatchEntry.model_construct(item_id=item_id, note=None, added_at=added_at, tags=())


class _Ids:
    """Different ids in order, as sorted runs, one behind the other."""

    def __init__(self) -> None:
        self._count = 0
        self._runs: list[list[str]] = []
        self._lasts: list[str] = []

    def __len__(self) -> int:
        return self._count

    def after(self, item_id: str) -> Iterator[str]:
        """Those greater than *item_id*."""
        run = bisect_right(self._lasts, item_id)
        if run < len(self._runs):
            yield from self._runs[run][bisect_right(self._runs[run], item_id) :]
        for following in islice(self._runs, run + 1, None):
            yield from following

    def add(self, item_id: str) -> None:
        """Put in one that is not there."""
        self._count += 1
        if not self._runs:
            self._runs, self._lasts = [[item_id]], [item_id]
            return
        at = min(bisect_left(self._lasts, item_id), len(self._runs) - 1)
        run = self._runs[at]
        run.insert(bisect_left(run, item_id), item_id)
        if len(run) > LONGEST_RUN:
            half = len(run) // 2
            self._runs[at : at + 1] = [run[:half], run[half:]]
            self._lasts[at : at + 1] = [run[half - 1], run[-1]]
        else:
            self._lasts[at] = run[-1]

    def remove(self, item_id: str) -> None:
        """Take out one that is there."""
        self._count -= 1
        at = bisect_left(self._lasts, item_id)
        run = self._runs[at]
        del run[bisect_left(run, item_id)]
        if run:
            self._lasts[at] = run[-1]
        else:
            del self._runs[at], self._lasts[at]


def _added(item_id: str, value: bytes) -> int | None:
    """The time (epoch ms) of an entry that has nothing else, if it is written as by us.

    ``None``: it has to be decoded, which takes several times as long.
    """
    before, after = around_time(item_id.encode())
    end = len(before) + len("2026-11-22T18:00:00.123Z")
    time = value[len(before) : end]
    # Python would take anything between date and time, a quotation mark as well.
    if not value.startswith(before) or value[end:] != after or time[10:11] != b"T":
        return None
    if not ITEM_ID.fullmatch(item_id):
        return None
    try:
        return parse_iso(time.decode("ascii"))
    except ValueError:
        return None
