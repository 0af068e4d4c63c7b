"""The entries of items in their order: the nearest ones as a heap, later ones in buckets of time.

A heap of all items would compare and move tuples all over memory, twenty levels deep for a million
items. Most of them are not due for hours: these only lie in the bucket of their time, in no order
and as their keys alone, until it is the next one.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, MutableSequence, Sequence
from heapq import heapify, heappop, heappush
from operator import itemgetter

# Milliseconds of order that a bucket holds. With Walmart's 5,000 calls a day it has seventy items;
# of five calls a second, six thousand. Shorter ones would be more lists than items.
BUCKET_MS = 60_000

# Entries of a bucket that are put in order at once: some 1.5 ms. Where more items have one minute,
# calls for all of them take much longer than that minute, and which of them comes first is
# of no account. Fewer would be put back and taken out more often.
CHUNK = 2_000

# Chunks in which a look for the first entry goes on where each item is found to be due later. The
# next look goes on from there.
MOST_CHUNKS = 5

# The number of no bucket.
NONE = -1.0

# The largest key that a bucket holds in eight bytes; no item id of Walmart is as long as that.
LARGEST = (1 << 63) - 1


# An order, the key of an item, and the number that it had when it was put in that order. Calling a
# named tuple's class would take a fifth of the time of a poll.
Entry = tuple[float, int, int]


class Agenda:
    """Gives out the first entry: the smallest of up to :data:`CHUNK` of the first minute.

    Later ones are keys alone. When their bucket, which ends before a time (epoch ms), is the next
    one, *look_up* gives the entries of keys by now: one that belongs later goes on to where that
    is, and a key may count no longer. So pushing costs little, and popping O(log n) of what is
    near.
    """

    __slots__ = ("_later", "_look_up", "_near", "_numbers", "_open")

    def __init__(self, look_up: Callable[[Sequence[int], float], Iterable[Entry]]) -> None:
        self._look_up = look_up
        self._near: list[Entry] = []
        # Numbers are whole floats: making integers of them would take longer than the search.
        self._later: dict[float, MutableSequence[int]] = {}
        # Of the later buckets, a heap; and of the last one that is near, of which some may be left.
        self._numbers: list[float] = []
        self._open = NONE

    def push(self, entry: Entry) -> None:
        """*entry* is to come in its order."""
        order, key, _ = entry
        number = order // BUCKET_MS
        if number > self._open:
            bucket = self._later.get(number)
            if bucket is not None and key <= LARGEST:
                bucket.append(key)
            else:
                self._put(number, key)
        elif len(self._near) < 2 * CHUNK:
            heappush(self._near, entry)
        else:
            self._put_back()
            self.push(entry)

    def pop(self) -> Entry | None:
        """Take out the first entry, with its order; ``None`` where there is none, or none soon."""
        for _ in range(MOST_CHUNKS):
            if self._near or not self._numbers:
                break
            self._open_next()
        return heappop(self._near) if self._near else None

    def _put(self, number: float, key: int) -> None:
        bucket = self._later.get(number)
        if bucket is None:
            bucket = self._later[number] = array("q")
            heappush(self._numbers, number)
        if key > LARGEST and isinstance(bucket, array):
            bucket = self._later[number] = list(bucket)
        bucket.append(key)

    def _put_back(self) -> None:
        """Too much has come before the end of the open bucket: keep near what comes first.

        That ends where a bucket does, unless one alone is too much.
        """
        near = sorted(self._near)
        number = near[CHUNK][0] // BUCKET_MS
        kept = bisect_left(near, number * BUCKET_MS, key=itemgetter(0))
        self._open = number - 1 if kept else number
        kept = kept or CHUNK
        self._near = near[:kept]
        for order, key, _ in near[kept:]:
            self._put(order // BUCKET_MS, key)

    def _open_next(self) -> None:
        number = self._open = self._numbers[0]
        bucket = self._later[number]
        chunk = bucket[-CHUNK:]
        del bucket[-CHUNK:]
        if not bucket:
            heappop(self._numbers)
            del self._later[number]
        end = (number + 1) * BUCKET_MS
        near = self._near
        for entry in self._look_up(chunk, end):
            if entry[0] < end:
                near.append(entry)
            else:
                self._put(entry[0] // BUCKET_MS, entry[1])
        heapify(near)
