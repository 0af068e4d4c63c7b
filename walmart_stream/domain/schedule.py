"""Which item to poll next, and how many calls a day are left for it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple, Protocol

import orjson

# What one request of the Affiliate API may ask for.
ITEMS_PER_CALL = 20
DAY_MS = 86_400_000

# The outcome of a poll whose item Walmart refuses: it spoils the call of all others.
INVALID = "invalid"

# What of the quota may go into finding out whether refused items are back. Each of them takes a
# call of its own, so that a hundred of them would leave two thousand good ones nothing.
REFUSED_SHARE = 0.1


class Poll(NamedTuple):
    """When an item was asked for last (epoch ms), and how that ended."""

    at: int
    outcome: str


class Schedule(Protocol):
    """Decides what is due. Pure: the caller brings the time and what was polled when."""

    def due(
        self, items: Iterable[str], polls: Mapping[str, Poll], now: int, calls_per_second: float
    ) -> list[str]:
        """The items to ask for now, most urgent first.

        *calls_per_second* is what the quota allows for these items, all limits together.
        """
        ...


@dataclass(frozen=True, slots=True)
class UniformSchedule:
    """Every item in the same interval: as short as the quota allows, but not below the minimum.

    If the quota cannot poll all items within ``longest`` seconds the interval is longer: quotas
    are Walmart's, the interval is only ours. Items that Walmart refuses are asked for at most
    every ``longest`` seconds, and within their share of the quota.
    """

    shortest: float
    longest: float

    def interval(self, items: int, calls_per_second: float) -> float:
        """Seconds between two polls of an item, with *items* of them."""
        if calls_per_second <= 0:
            return self.longest
        return max(self.shortest, ceil(items / ITEMS_PER_CALL) / calls_per_second)

    def due(
        self, items: Iterable[str], polls: Mapping[str, Poll], now: int, calls_per_second: float
    ) -> list[str]:
        never = Poll(0, "")
        good: list[tuple[int, str]] = []
        refused: list[tuple[int, str]] = []
        for item_id in items:
            poll = polls.get(item_id, never)
            (refused if poll.outcome == INVALID else good).append((poll.at, item_id))
        for_refused = calls_per_second * REFUSED_SHARE if refused else 0.0
        waiting = self._good(sorted(good), now, calls_per_second - for_refused)
        waiting += self._refused(sorted(refused), now, for_refused)
        return [item_id for _, item_id in waiting]

    def _good(
        self, asked: list[tuple[int, str]], now: int, calls_per_second: float
    ) -> list[tuple[int, str]]:
        interval = self.interval(len(asked), calls_per_second)
        due = _older(asked, now - interval * 1000)
        full = due - due % ITEMS_PER_CALL
        if full == due:
            return asked[:due]
        # A call for few items costs as much of the quota as one for twenty. So it is filled with
        # those that would be next; where there are not enough of them, it waits: what full calls
        # for all items leave of the quota tells how rarely other calls may be made. Items that
        # were asked for together stay together, so that soon most calls are full.
        filled = min(_older(asked, now - self.shortest * 1000), full + ITEMS_PER_CALL)
        if filled < min(full + ITEMS_PER_CALL, len(asked)):
            spare = calls_per_second - len(asked) / (interval * ITEMS_PER_CALL)
            patience = interval if spare * interval <= 1 else 1 / spare
            deadline = asked[full][0] + (interval + patience) * 1000
            if asked[filled][0] + self.shortest * 1000 <= deadline:
                return asked[:full]
        return asked[:filled]

    def _refused(
        self, asked: list[tuple[int, str]], now: int, calls_per_second: float
    ) -> list[tuple[int, str]]:
        """One at a time, since together they would be a burst of calls."""
        if calls_per_second <= 0:
            return []
        since_last = (now - asked[-1][0]) / 1000
        if since_last * calls_per_second < 1:
            return []
        return asked[: min(1, _older(asked, now - self.longest * 1000))]


def _older(asked: list[tuple[int, str]], at: float) -> int:
    """How many, oldest first, were asked for at *at* (epoch ms) or before."""
    return bisect_right(asked, at, key=lambda each: each[0])


def as_calls(due: Iterable[str], polls: Mapping[str, Poll]) -> list[list[str]]:
    """What is *due*, in its order, as the item ids of each call: refused ones are alone."""
    calls: list[list[str]] = []
    together: list[str] = []
    for item_id in due:
        if (poll := polls.get(item_id)) is not None and poll.outcome == INVALID:
            calls.append([item_id])
            continue
        if not together:
            calls.append(together)
        together.append(item_id)
        if len(together) == ITEMS_PER_CALL:
            together = []
    return calls


def encode_poll(poll: Poll) -> bytes:
    return orjson.dumps([*poll])


def decode_poll(value: bytes) -> Poll:
    return Poll(*orjson.loads(value))


class Usage(NamedTuple):
    """Calls charged on a day (days since the epoch, UTC)."""

    day: int
    calls: int

    def plus(self, calls: int, now: int) -> Usage:
        """After *calls* more at *now* (epoch ms), or fewer; a new day begins at 0."""
        today = now // DAY_MS
        return Usage(today, max(0, calls + (self.calls if self.day == today else 0)))

    def today(self, now: int) -> int:
        """Calls charged on the day of *now* so far."""
        return self.calls if self.day == now // DAY_MS else 0


def share(calls: int, partition: int, partitions: int) -> int:
    """What of *calls* is this partition's; the shares of all partitions add up to *calls*."""
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
    return orjson.dumps([*usage])


def decode_usage(value: bytes) -> Usage:
    return Usage(*orjson.loads(value))
