"""The places of items in their order: the nearest ones as a heap, later ones in buckets of time.

A heap of all items would compare and move tuples all over memory, twenty levels deep for a million
items. Most of them are not due for hours: these only lie in the bucket of their time, in no order,
until it is the next one.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

from walmart_stream.domain.schedule.uniform import Place

# Milliseconds of order that a bucket holds. With Walmart's 5,000 calls a day it has seventy items;
# of five calls a second, six thousand. Shorter ones would be more lists than items.
BUCKET_MS = 60_000

# The number of no bucket.
NONE = -1.0


class Agenda:
    """Gives out the smallest place first. Pushing and popping cost O(log n) of what is near."""

    __slots__ = ("_later", "_near", "_numbers", "_open")

    def __init__(self) -> None:
        self._near: list[Place] = []
        # Numbers are whole floats: making integers of them would take longer than the search.
        self._later: dict[float, list[Place]] = {}
        # Of the later buckets, a heap; and of the one that is near.
        self._numbers: list[float] = []
        self._open = NONE

    def push(self, place: Place) -> None:
        """*place* is to come in its order."""
        number = place.order // BUCKET_MS
        if number == self._open:
            heappush(self._near, place)
            return
        bucket = self._later.get(number)
        if bucket is not None:
            bucket.append(place)
            return
        self._later[number] = [place]
        heappush(self._numbers, number)
        if number < self._open:
            # The new bucket comes before the open one, which is put back.
            if self._near:
                self._later[self._open] = self._near
                heappush(self._numbers, self._open)
            self._near, self._open = [], NONE

    def pop(self) -> Place | None:
        """Take out the smallest place; ``None`` where there is none."""
        if self._near:
            return heappop(self._near)
        if not self._numbers:
            return None
        self._open = heappop(self._numbers)
        self._near = self._later.pop(self._open)
        heapify(self._near)
        return heappop(self._near)
