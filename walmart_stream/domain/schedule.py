"""Which item to poll next, and how many calls a day are left for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import orjson

# What one request of the Affiliate API may ask for.
ITEMS_PER_CALL = 20
DAY_MS = 86_400_000

# How long, in intervals, an item that is due waits for others to fill its call.
PATIENCE = 0.1


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
    are Walmart's, the interval is only ours.
    """

    shortest: float
    longest: float

    def interval(self, items: int, calls_per_second: float) -> float:
        """Seconds between two polls of an item, with *items* of them."""
        if calls_per_second <= 0:
            return self.longest
        return max(self.shortest, items / (calls_per_second * ITEMS_PER_CALL))

    def due(
        self, items: Iterable[str], polls: Mapping[str, Poll], now: int, calls_per_second: float
    ) -> list[str]:
        items = list(items)
        interval_ms = self.interval(len(items), calls_per_second) * 1000
        latest = now - interval_ms
        never = Poll(0, "")
        waiting = [
            (poll.at, item_id)
            for item_id in items
            if (poll := polls.get(item_id, never)).at <= latest
        ]
        waiting.sort()
        full = len(waiting) - len(waiting) % ITEMS_PER_CALL
        # A call for few items costs as much of the quota as one for twenty: wait for others.
        if full < len(waiting) and waiting[full][0] > latest - PATIENCE * interval_ms:
            del waiting[full:]
        return [item_id for _, item_id in waiting]


def encode_poll(poll: Poll) -> bytes:
    return orjson.dumps([*poll])


def decode_poll(value: bytes) -> Poll:
    return Poll(*orjson.loads(value))


class Usage(NamedTuple):
    """Calls charged on a day (days since the epoch, UTC)."""

    day: int
    calls: int

    def plus(self, calls: int, now: int) -> Usage:
        """After *calls* more at *now* (epoch ms); a new day begins at 0."""
        today = now // DAY_MS
        return Usage(today, calls + (self.calls if self.day == today else 0))

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
