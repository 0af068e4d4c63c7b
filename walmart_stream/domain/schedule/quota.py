"""The calls that Walmart grants a day: what partitions have of them, and have used of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import orjson

DAY_MS = 86_400_000


class Days(NamedTuple):
    """The UTC days (since the epoch) that a call may fall on: two where it is near midnight."""

    first: int
    last: int

    @classmethod
    def around(cls, now: int, before: float, after: float) -> Days:
        """The days of a call made *before* seconds before *now* (epoch ms) to *after* after it."""
        return cls(int(now - before * 1000) // DAY_MS, int(now + after * 1000) // DAY_MS)


class Usage(NamedTuple):
    """Calls charged on a day and on the day before it, and when that was last done (epoch ms).

    A day never comes back: a clock that is set back, or that was ahead, finds charged what was.
    """

    day: int
    calls: int
    before: int = 0
    at: int = 0

    def on(self, day: int) -> int:
        """Calls charged on *day* so far."""
        if day > self.day:
            return 0
        if day == self.day:
            return self.calls
        if day == self.day - 1:
            return self.before
        # Charged by a clock that was days ahead: that may all have been on this day.
        return self.calls + self.before

    def most(self, days: Days) -> int:
        """Calls charged on the one of *days* that has more."""
        return max(self.on(days.first), self.on(days.last))

    def plus(self, calls: int, days: Days, at: int) -> Usage:
        """After *calls* more on each of *days*, or fewer."""
        usage = self._turned(days.last)
        charged = {usage.day: usage.calls, usage.day - 1: usage.before}
        for day in {days.first, days.last} & charged.keys():
            charged[day] = max(0, charged[day] + calls)
        return Usage(usage.day, charged[usage.day], charged[usage.day - 1], at)

    def _turned(self, day: int) -> Usage:
        if self.day - 1 <= day <= self.day:
            return self
        # Forward, or back from a day that was never reached.
        return Usage(day, self.on(day), self.on(day - 1) if day > self.day else self.on(day))


NONE = Usage(0, 0)


def share(calls: int, partition: int, partitions: int) -> int:
    """This partition's part of *calls*; the shares of all partitions add up to *calls*."""
    return calls // partitions + (partition < calls % partitions)


def spread(calls: int, left: Mapping[int, int]) -> dict[int, int]:
    """Partition -> calls to charge to it, of *calls* in all, where most is *left*.

    So no partition is charged more than it has, as long as another one has some left, and none
    takes a debt with it to another worker.
    """
    remaining = dict(left)
    charged: dict[int, int] = {}
    for _ in range(calls):
        partition = max(remaining, key=lambda candidate: remaining[candidate])
        remaining[partition] -= 1
        charged[partition] = charged.get(partition, 0) + 1
    return charged


def encode_usage(usage: Usage) -> bytes:
    """The value of the polls table."""
    return orjson.dumps([*usage])


def decode_usage(value: bytes) -> Usage:
    """The inverse of :func:`encode_usage`; earlier releases kept day and calls only."""
    return Usage(*orjson.loads(value))
