"""The seam for schedules, and the schedule that treats all items alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from walmart_stream.domain.schedule.poll import Poll

# What one request of the Affiliate API may ask for.
ITEMS_PER_CALL = 20


class Schedule(Protocol):
    """Decides in which order answered items are asked for, and how many of them now.

    The queue keeps items sorted by :meth:`place` and shows the first of them; so a decision costs
    the same however many items there are.
    """

    @property
    def longest(self) -> float:
        """Seconds until an item that Walmart has refused, or never had, is tried again."""

    def place(self, poll: Poll) -> float:
        """Where an item stands in the order of asking; it changes with its polls only."""

    def due_at(self, place: float, items: int, calls_per_second: float) -> float:
        """Epoch ms at which the first item, at *place*, is due."""

    def how_many(
        self, places: Sequence[float], items: int, now: int, calls_per_second: float
    ) -> int:
        """How many of the first items to ask for in one call now; 0: none.

        *places*: of the first :data:`ITEMS_PER_CALL` and one more, of *items* in all;
        *calls_per_second*: what these may have of the quota, all limits together.
        """


@dataclass(frozen=True, slots=True)
class UniformSchedule:
    """Every item in the same interval: as short as the quota allows, but not below the minimum.

    If the quota cannot poll all items within ``longest`` seconds the interval is longer: quotas
    are Walmart's, the interval is only ours. Items stand in the order of their last polls.
    """

    shortest: float
    longest: float

    def place(self, poll: Poll) -> float:
        return poll.at

    def interval(self, items: int, calls_per_second: float) -> float:
        """Seconds between two polls of an item, with *items* of them."""
        if calls_per_second <= 0:
            return self.longest
        return max(self.shortest, ceil(items / ITEMS_PER_CALL) / calls_per_second)

    def due_at(self, place: float, items: int, calls_per_second: float) -> float:
        return place + self.interval(items, calls_per_second) * 1000

    def how_many(
        self, places: Sequence[float], items: int, now: int, calls_per_second: float
    ) -> int:
        interval = self.interval(items, calls_per_second)
        due = sum(place <= now - interval * 1000 for place in places[:ITEMS_PER_CALL])
        if due in (0, ITEMS_PER_CALL):
            return due
        # A call for few items costs as much of the quota as one for twenty. So it is filled with
        # those that would be next; where there are not enough of them, it waits: what full calls
        # for all items leave of the quota tells how rarely other calls may be made. Items that
        # were asked for together stay together, so that soon most calls are full.
        filled = sum(place <= now - self.shortest * 1000 for place in places[:ITEMS_PER_CALL])
        # Fewer are here than there are: some are asked for just now.
        if filled < min(ITEMS_PER_CALL, len(places)):
            spare = calls_per_second - items / (interval * ITEMS_PER_CALL)
            patience = interval if spare * interval <= 1 else 1 / spare
            deadline = places[0] + (interval + patience) * 1000
            if places[filled] + self.shortest * 1000 <= deadline:
                return 0
        return filled
