"""The schedule that asks more often for what changes more often.

Of changes that come at rates λ, polls that come at rates r leave each unseen for 1/(2r) on average.
With all polls together limited, the mean over all changes, Σ λ/(2r) / Σ λ, is smallest for r in
proportion to √λ (by Lagrange; Cho and Garcia-Molina, Effective page refresh policies for web
crawlers, 2003, have the family of such rules). The rates are estimates: see ``rates``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from math import expm1, log2, sqrt

from walmart_stream.domain.schedule.poll import Poll
from walmart_stream.domain.schedule.rates import (
    LOWEST_RATE,
    Population,
    Prior,
    bin_of,
    estimate,
    rate_of,
)
from walmart_stream.domain.schedule.uniform import (
    ITEMS_PER_CALL,
    LEAST_KIND,
    Outlook,
    even_interval,
)

# An item is asked for at least once in this number of the intervals that all would have if they had
# the same one. At one nothing could be moved to where it pays; three leave the mean time
# that changes go unseen within 3 % of no limit, and an item that begins to change is found out.
MOST_STRETCH = 3.0

# A change of an item counts for two to the power of its level of others. An own offer is a level, a
# price near what a rule of alerts waits for is another, and tags may give some more, or take some.
LOWEST_LEVEL, HIGHEST_LEVEL = -3, 4
LEVELS = HIGHEST_LEVEL - LOWEST_LEVEL + 1

# The prior before anything is known: wide, and as fast as what even polling could tell apart.
FIRST_SHAPE = 0.5

# Intervals are a little shorter than the quota allows, so that there always is a next item: each
# waits that little, and no call is left unused. With 1.03, one call in thirty was.
EAGERNESS = 1.12

# The kind of an item whose changes events tell of: it is asked for at the ceiling, as a heartbeat.
# No rate has this number: the slowest one's is above -700.
HEARTBEAT = LEAST_KIND

# Estimates between two looks at all items, as a share of these, and at least.
LOOK_SHARE, LOOK_LEAST = 0.02, 100

# A pace or a number of items that differs by less (share) is the same.
SAME = 0.01

SECONDS_PER_DAY = 86_400

# Halvings by which the common factor of all intervals is found: to a millionth.
HALVINGS = 40


class LearningSchedule:
    """Each item in an interval of its own, between ``shortest`` and the ceiling (seconds).

    The ceiling is ``longest``, but no more than :data:`MOST_STRETCH` even intervals, and no less
    than one: quotas are Walmart's. Items stand in the order of the times at which they are due.
    """

    def __init__(self, shortest: float, longest: float) -> None:
        self.shortest, self.longest = shortest, longest
        self.items, self.calls_per_second = 0, 0.0
        self.prior: Prior | None = None
        self.flowing = False
        self.population = Population()
        # Kind -> items of it, and milliseconds between two polls of each.
        self._kinds: dict[int, int] = {}
        self._waits: dict[int, float] = {}
        # Seconds times the root of the weighted rate; the same for all items.
        self._factor = 0.0
        self._estimates = 0
        self._shown = 0, 0.0
        self._known = 0
        # Items at which to look at all of them again: while they come, whenever they have doubled.
        self._next_look = 1

    @property
    def even(self) -> float:
        """Seconds between two polls of each item if all had the same interval."""
        return even_interval(self.items, self.calls_per_second, self.shortest, self.longest)

    @property
    def ceiling(self) -> float:
        """Seconds after which an item is asked for, however rarely it changes."""
        even = self.even
        return max(even, min(MOST_STRETCH * even, self.longest))

    @property
    def usual_wait(self) -> float:
        # As intervals are shorter than the quota allows: in the mean half of this, as simulated.
        return 2 * (EAGERNESS - 1) * self.even

    def adapt(self, items: int, calls_per_second: float) -> None:
        self.items, self.calls_per_second = items, calls_per_second
        shown, pace = self._shown
        is_same = abs(items - shown) <= SAME * shown and abs(calls_per_second - pace) <= SAME * pace
        if is_same and self._estimates < max(LOOK_LEAST, LOOK_SHARE * items):
            return
        self._shown = items, calls_per_second
        self._look()

    def _look(self) -> None:
        """Learn the prior, and the factor by which all intervals together use the allowed calls."""
        self._estimates = 0
        self._next_look = 2 * self._known + 1
        if self.prior is not None:
            self.prior = self.population.prior(self.counts, self.prior)
        elif self.calls_per_second > 0 and self.items:
            self.prior = Prior(FIRST_SHAPE, 1 / self.even)
        self._balance()

    def heed_events(self, *, flowing: bool) -> None:
        self.flowing = flowing

    def kind(self, poll: Poll, level: int = 0) -> int:
        sights, prior = poll.sights, self.prior
        _, _, _, _, own, told, near = sights
        if told and self.flowing:
            return HEARTBEAT
        level += own + near
        if prior is None:
            return kind_of(bin_of(1 / self.longest), level)
        self._estimates += 1
        rate, shape = estimate(sights, prior)
        return kind_of(self.population.note(rate, shape), level)

    def joins(self, kind: int) -> None:
        self._kinds[kind] = self._kinds.get(kind, 0) + 1
        self._known += 1
        if self._known >= self._next_look:
            self._look()

    def leaves(self, kind: int, items: int = 1) -> None:
        self._known -= items
        if self._kinds[kind] == items:
            del self._kinds[kind]
        else:
            self._kinds[kind] -= items

    def moves(self, before: int, kind: int) -> None:
        kinds = self._kinds
        left = kinds[before] - 1
        if left:
            kinds[before] = left
        else:
            del kinds[before]
        kinds[kind] = kinds.get(kind, 0) + 1

    @property
    def counts(self) -> dict[int, int]:
        """Bin of rates -> items in it, but for those that are left to events."""
        counts: defaultdict[int, int] = defaultdict(int)
        for kind, count in self._kinds.items():
            if kind != HEARTBEAT:
                counts[kind // LEVELS] += count
        return counts

    def root(self, kind: int) -> float:
        """The number that the polls of an item of *kind* are in proportion to."""
        if kind == HEARTBEAT:
            return sqrt(LOWEST_RATE)
        number, level = divmod(kind, LEVELS)
        return sqrt(rate_of(number) * 2.0 ** (level + LOWEST_LEVEL))

    def interval(self, kind: int) -> float:
        """Seconds between two polls of an item of *kind*."""
        return min(self.ceiling, max(self.shortest, self._factor / self.root(kind)))

    def place(self, seen: int, kind: int) -> float:
        try:
            return seen + self._waits[kind]
        except KeyError:
            wait = self._waits[kind] = self.interval(kind) * 1000
            return seen + wait

    def due_at(self, seen: int, kind: int) -> float:
        return self.place(seen, kind)

    def choose(self, first: float, seen: Sequence[int], now: int) -> Sequence[int]:
        # A call for one item costs as much as one for twenty: the next ones come with it.
        floor = self.shortest * 1000
        latest = now - floor
        ready = [number for number, at in enumerate(seen) if at <= latest]
        full = min(ITEMS_PER_CALL, len(seen))
        # Where calls are what there is too little of, it waits until the others may come, too.
        if len(ready) < full and self.even > self.shortest and now < first + floor:
            return ()
        return ready[:ITEMS_PER_CALL]

    def outlook(self) -> Outlook | None:
        changes = unseen = seen = 0.0
        for kind, count in self._kinds.items():
            if kind == HEARTBEAT:
                continue
            rate, interval = rate_of(kind // LEVELS), self.interval(kind)
            changes += count * rate
            unseen += count * rate * interval / 2
            # Polls that find a change: of several between two polls one is seen.
            seen += count * -expm1(-rate * interval) / interval
        if self.prior is None or not changes:
            return None
        return Outlook(changes * SECONDS_PER_DAY, unseen / changes, seen / changes)

    def _balance(self) -> None:
        """Find the factor by which all polls together come to what the quota allows."""
        self._waits.clear()
        # Of a worker that has just begun, those that are there stand for those that are to come.
        there = min(1.0, self._known / max(1, self.items))
        wanted = self.calls_per_second * ITEMS_PER_CALL * EAGERNESS * there
        roots = [(self.root(kind), count) for kind, count in self._kinds.items()]
        if not roots or wanted <= 0:
            return
        shortest, ceiling = self.shortest, self.ceiling
        low, high = shortest * min(roots)[0], ceiling * max(roots)[0]
        for _ in range(HALVINGS):
            middle = (low * high) ** 0.5
            polls = 0.0
            for root, count in roots:
                wait = middle / root
                polls += count / (
                    shortest if wait < shortest else ceiling if wait > ceiling else wait
                )
            if polls > wanted:
                low = middle
            else:
                high = middle
        self._factor = high


@cache
def kind_of(number: int, level: int = 0) -> int:
    """The kind of an item in the rate's bin *number* that counts for ``2 ** level`` others.

    Items of a kind share the number: they are many, and kinds are some hundred.
    """
    return LEVELS * number + min(HIGHEST_LEVEL, max(LOWEST_LEVEL, level)) - LOWEST_LEVEL


def level_of(weight: float) -> int:
    """The level of an item whose changes count for *weight* others, more than 0."""
    return min(HIGHEST_LEVEL, max(LOWEST_LEVEL, round(log2(weight))))
