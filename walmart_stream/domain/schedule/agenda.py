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


class Agenda:
    """Gives out the smallest place first. Pushing and popping cost O(log n) of what is near."""

    __slots__ = ("_later", "_near", "_numbers", "_open")

    def __init__(self) -> None:
        self._near: list[Place] = []
        self._later: dict[int, list[Place]] = {}
        # Of the later buckets, a heap; and of the one that is near.
        self._numbers: list[int] = []
        self._open = -1

    def push(self, place: Place) -> None:
        """*place* is to come in its order."""
        number = int(place.order // BUCKET_MS)
        if number == self._open:
            heappush(self._near, place)
            return
        bucket = self._later.get(number)
        if bucket is None:
            self._later[number] = [place]
            heappush(self._numbers, number)
        else:
            bucket.append(place)

    def first(self) -> Place | None:
        """The smallest place; ``None`` where there is none."""
        near, numbers = self._near, self._numbers
        if numbers and (not near or numbers[0] < self._open):
            if near:
                # Something has come that is due before what was thought to be next.
                self._later[self._open] = near
                heappush(numbers, self._open)
            number = self._open = heappop(numbers)
            near = self._near = self._later.pop(number)
            heapify(near)
        return near[0] if near else None

    def pop(self) -> Place:
        """Take out the smallest place, which :meth:`first` has just shown."""
        return heappop(self._near)
