"""The seam for schedules, and the schedule that treats all items alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple, Protocol

from walmart_stream.domain.schedule.poll import Poll

# What one request of the Affiliate API may ask for.
ITEMS_PER_CALL = 20

# Kinds are from this number up to as many above 0. There is a number for each watched item, of
# which the kind takes twelve bits.
LEAST_KIND = -2047


class Outlook(NamedTuple):
    """The figures that a schedule expects of its rates: estimates, as these are.

    ``changes_a_day`` of all items; ``unseen_s`` is the mean time (seconds) from a change to the
    item's next poll, ``seen_share`` the share of changes that a poll finds before the next hides
    them.
    """

    changes_a_day: float
    unseen_s: float
    seen_share: float


class Schedule(Protocol):
    """Decides in which order answered items are asked for, and which of them now.

    The queue keeps items sorted by :meth:`place` and shows the first of them; so a decision costs
    the same however many items there are. *kind*: what the schedule tells items apart by, a number
    from :data:`LEAST_KIND` up to as many above 0.
    """

    @property
    def longest(self) -> float:
        """Seconds until an item that Walmart has refused, or never had, is tried again at most."""

    def adapt(self, items: int, calls_per_second: float) -> None:
        """There are *items* now, which may have *calls_per_second* of all limits together."""

    def kind(self, poll: Poll, level: int = 0) -> int:
        """The kind of an item by its last poll; *level*: two to its power is what it counts for."""

    def joins(self, kind: int) -> None:
        """An item of *kind* more is known."""

    def leaves(self, kind: int, items: int = 1) -> None:
        """*items* of *kind* less are known."""

    def moves(self, before: int, kind: int) -> None:
        """An item of the kind *before* is of *kind* from now on."""

    def place(self, seen: int, kind: int) -> float:
        """Where an item stands in the order of asking that was last *seen* at (epoch ms)."""

    def due_at(self, seen: int, kind: int) -> float:
        """Epoch ms from which on such an item may be asked for."""

    @property
    def usual_wait(self) -> float:
        """Seconds that an item waits after it is due, where all is well."""

    def choose(self, first: float, seen: Sequence[int], now: int) -> Sequence[int]:
        """The numbers of those of the first items to ask for in one call now; empty: none.

        *seen*: when the first :data:`ITEMS_PER_CALL` and one more were last seen (epoch ms); the
        first one, in its order *first*, is due.
        """

    def heed_events(self, *, flowing: bool) -> None:
        """Whether events report changes without a poll, for items they have reported before."""

    def outlook(self) -> Outlook | None:
        """The changes that are seen as things stand; ``None`` where rates are not known."""


@dataclass(slots=True)
class UniformSchedule:
    """Every item in the same interval: as short as the quota allows, but not below the minimum.

    If the quota cannot poll all items within ``longest`` seconds the interval is longer: quotas
    are Walmart's, the interval is only ours. Items stand in the order of their last polls.
    """

    shortest: float
    longest: float
    items: int = 0
    calls_per_second: float = 0.0

    def adapt(self, items: int, calls_per_second: float) -> None:
        self.items, self.calls_per_second = items, calls_per_second

    def kind(self, poll: Poll, level: int = 0) -> int:
        return 0

    def joins(self, kind: int) -> None:
        """All items are of one kind."""

    def leaves(self, kind: int, items: int = 1) -> None:
        """All items are of one kind."""

    def moves(self, before: int, kind: int) -> None:
        """All items are of one kind."""

    def place(self, seen: int, kind: int) -> float:
        return seen

    @property
    def usual_wait(self) -> float:
        return 0.0

    @property
    def interval(self) -> float:
        """Seconds between two polls of an item."""
        return even_interval(self.items, self.calls_per_second, self.shortest, self.longest)

    def due_at(self, seen: int, kind: int) -> float:
        return seen + self.interval * 1000

    def choose(self, first: float, seen: Sequence[int], now: int) -> Sequence[int]:
        interval = self.interval
        due = sum(at <= now - interval * 1000 for at in seen[:ITEMS_PER_CALL])
        if due in (0, ITEMS_PER_CALL):
            return range(due)
        # A call for few items costs as much of the quota as one for twenty. So it is filled with
        # those that would be next; where there are not enough of them, it waits: what full calls
        # for all items leave of the quota tells how rarely other calls may be made. Items that
        # were asked for together stay together, so that soon most calls are full.
        filled = sum(at <= now - self.shortest * 1000 for at in seen[:ITEMS_PER_CALL])
        # Fewer are here than there are: some are asked for just now.
        if filled < min(ITEMS_PER_CALL, len(seen)):
            spare = self.calls_per_second - self.items / (interval * ITEMS_PER_CALL)
            patience = interval if spare * interval <= 1 else 1 / spare
            deadline = seen[0] + (interval + patience) * 1000
            if seen[filled] + self.shortest * 1000 <= deadline:
                return ()
        return range(filled)

    def heed_events(self, *, flowing: bool) -> None:
        """All items are asked for alike."""

    def outlook(self) -> None:
        return None


def even_interval(items: int, calls_per_second: float, shortest: float, longest: float) -> float:
    """Seconds between two polls of each of *items*, if all have the same interval."""
    if calls_per_second <= 0:
        return longest
    return max(shortest, ceil(items / ITEMS_PER_CALL) / calls_per_second)
