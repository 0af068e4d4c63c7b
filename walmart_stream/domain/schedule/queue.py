"""The watched items of a worker in asking order: a poll costs O(log n), a look for one O(1)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from itertools import chain, islice
from typing import NamedTuple

from walmart_stream.domain.schedule.agenda import Agenda
from walmart_stream.domain.schedule.pace import Allowance
from walmart_stream.domain.schedule.poll import INVALID, Poll
from walmart_stream.domain.schedule.uniform import ITEMS_PER_CALL, Outlook, Place, Schedule

# What of the quota may go into finding out whether refused items are back, while others are due.
# Each of them takes a call of its own: a hundred would leave two thousand good ones nothing.
REFUSED_SHARE = 0.1

# What items that were never answered may take while others are due. An import of any size, good or
# bad, leaves three quarters of the quota to what is seen already; where nothing else is due, it
# has all of it.
NEW_SHARE = 0.25

# Calls that either share may save up: what finding one bad id among twenty takes.
MOST_SAVED = 10.0

# Seconds until an item is tried again that Walmart has refused, or never had, at most.
LONGEST_AGAIN = 3600.0

# Items whose turn has moved that one look at the order puts where they belong now: some two
# milliseconds. Beyond that the first one counts as it stands.
MOST_MOVED = 500


class Item(NamedTuple):
    """A watched item and the partition of its watchlist entry."""

    partition: int
    item_id: str


class Lane(Enum):
    """The kind of items that a call is for."""

    KNOWN = "known"
    NEW = "new"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Call:
    """The items to ask for together. ``from_share``: paid out of what its lane may have."""

    lane: Lane
    items: Sequence[Item]
    from_share: bool = False


class _At(Enum):
    """Where an item is that has no place in an order."""

    NEW = 1
    ASKED = 2
    GROUP = 3
    PAUSED = 4


# The order of a known item that is asked for just now: it keeps its place, and stands nowhere.
_ASKED = -1.0

# The kind of a place that stands in the order and is nobody's: taking it out would take a search.
_NOBODY = -(1 << 30)


@dataclass(slots=True)
class _Partition:
    """Item -> its place in its lane's order, or where else it is.

    ``lanes``: of those that are not known. ``kinds``: of those that are, by the schedule, while
    they have no place; ``known``: how many are, with and without. ``levels``: of those that count
    more or less than others.
    """

    items: dict[str, Place | int | _At] = field(default_factory=dict)
    lanes: dict[str, Lane] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    known: int = 0
    levels: dict[str, int] = field(default_factory=dict)


class PollQueue:
    """Items wait in one of three lanes; a call takes them out until :meth:`put` or :meth:`pause`.

    Known items wait in the order of their *schedule*. New ones, never answered yet, wait in the
    order of coming, and calls take the latest and the earliest in turn: whoever adds an item
    beside a hundred thousand others sees it soon. Refused ones are tried one by one. Times are
    epoch ms.
    """

    def __init__(self, schedule: Schedule, now: int) -> None:
        self._schedule = schedule
        self._again_ms = int(min(schedule.longest, LONGEST_AGAIN) * 1000)
        # What stands in a lane and does not agree with its partition is passed over: taking it out
        # would take a search.
        self._partitions: dict[int, _Partition] = {}
        self._known = Agenda()
        self._refused: list[tuple[int, int, str]] = []
        self._new: deque[tuple[int, int, str]] = deque()
        self._groups: dict[Lane, deque[Sequence[Item]]] = {Lane.KNOWN: deque(), Lane.NEW: deque()}
        self._paused: list[tuple[int, int, str, Poll]] = []
        self._new_share, self._refused_share = Allowance(1, now), Allowance(1, now)
        # Calls for new items are as large as their last answers allow: among ids that are mostly
        # bad, asking one by one takes one call for each, and halving twenty takes two.
        self._new_size = ITEMS_PER_CALL
        self._turn = 0

    def __len__(self) -> int:
        return sum(len(partition.items) for partition in self._partitions.values())

    @property
    def waiting_new(self) -> int:
        """Items that were never answered and wait to be asked for, about."""
        return len(self._new) + sum(map(len, self._groups[Lane.NEW]))

    # -- which items there are

    def partitions(self) -> set[int]:
        """Those that were begun and not dropped."""
        return set(self._partitions)

    def expect(self, items: int, calls_per_second: float) -> None:
        """About *items* are to come, which may have *calls_per_second* together."""
        self._schedule.adapt(items, calls_per_second)

    def begin(self, partition: int) -> None:
        """Items of *partition* come from now on."""
        self._partitions.setdefault(partition, _Partition())

    def drop(self, partition: int) -> None:
        """Forget all items of *partition*."""
        if (dropped := self._partitions.pop(partition, None)) is not None:
            for kind in dropped.kinds.values():
                self._schedule.leaves(kind)
            for place in dropped.items.values():
                if isinstance(place, Place):
                    self._schedule.leaves(place.kind)
                    place.kind = _NOBODY

    def heed_events(self, *, flowing: bool) -> None:
        """Whether events flow; whoever calls this brings the items concerned by :meth:`seen`."""
        self._schedule.heed_events(flowing=flowing)

    def outlook(self) -> Outlook | None:
        """The changes that are seen as things stand, see :class:`Schedule`."""
        return self._schedule.outlook()

    def some(self, most: int) -> list[str]:
        """Up to *most* item ids, spread evenly over all of them."""
        ids = chain.from_iterable(partition.items for partition in self._partitions.values())
        return list(islice(ids, 0, None, max(1, -(-len(self) // most))))

    def __contains__(self, item: Item) -> bool:
        return self._where(item) is not None

    def remove(self, item: Item) -> None:
        """*item* is not watched any more."""
        if (partition := self._partitions.get(item.partition)) is not None:
            self._leave(partition, item.item_id)
            partition.items.pop(item.item_id, None)
            partition.lanes.pop(item.item_id, None)
            partition.levels.pop(item.item_id, None)

    def weigh(self, item: Item, level: int) -> bool:
        """*item* counts for two to the power of *level* of others, from its next turn on.

        Whether that is something new. Of a partition that is dropped nothing is kept.
        """
        partition = self._partitions.get(item.partition)
        if partition is None or partition.levels.get(item.item_id, 0) == level:
            return False
        if level:
            partition.levels[item.item_id] = level
        else:
            del partition.levels[item.item_id]
        return True

    def put(self, item: Item, poll: Poll, now: int) -> None:
        """*item* waits from now on, by its last *poll*; nothing, where its partition is dropped."""
        number, item_id = item
        partition = self._partitions.get(number)
        if partition is None:
            return
        at, outcome, answered, _, _, _, sights = poll
        seen = sights.seen
        if at > now or seen > now or sights.told > now:
            at, outcome, answered, _, _, _, sights = poll = poll.seen_at(now)
            seen = sights.seen
        if outcome == INVALID and at:
            self._leave(partition, item_id)
            partition.lanes[item_id] = Lane.REFUSED
            partition.items[item_id] = at
            heappush(self._refused, (at, number, item_id))
        elif answered:
            if partition.lanes:
                partition.lanes.pop(item_id, None)
            level = partition.levels.get(item_id, 0) if partition.levels else 0
            schedule, kind = self._schedule, self._schedule.kind(poll, level)
            # Whoever saw it last.
            seen = at if at > seen else seen
            place = partition.items.get(item_id)
            if isinstance(place, Place) and place.order == _ASKED:
                if kind != place.kind:
                    schedule.moves(place.kind, kind)
                # It stands nowhere, and so it can be where it belongs now.
                place.order, place.seen, place.kind = schedule.place(seen, kind), seen, kind
            else:
                self._join(partition, item_id, kind)
                order = schedule.place(seen, kind)
                place = partition.items[item_id] = Place(order, seen, number, item_id, kind)
            self._known.push(place)
        else:
            self._leave(partition, item_id)
            partition.lanes[item_id] = Lane.NEW
            # Asked for in vain, it has its next turn when a refused one would.
            again = at + self._again_ms
            if at and again > now:
                partition.items[item_id] = _At.PAUSED
                heappush(self._paused, (again, number, item_id, poll))
            else:
                partition.items[item_id] = _At.NEW
                self._new.append((now, number, item_id))

    def seen(self, item: Item, poll: Poll, now: int) -> None:
        """*item* was seen by whatever source, as *poll* says: if it waits, its turn moves."""
        place = self._where(item)
        if isinstance(place, Place) and place.order != _ASKED:
            self.put(item, poll, now)

    def pause(self, item: Item, poll: Poll, until: int) -> None:
        """*item* was not answered, for a reason that passes: from *until* on it is as due again."""
        if item in self:
            self._move(item, _At.PAUSED)
            heappush(self._paused, (until, *item, poll))

    def halve(self, call: Call) -> None:
        """One of the items spoils the *call*: its halves are asked for, soon and by themselves."""
        if call.lane is Lane.NEW:
            self._new_size = max(1, self._new_size // 2)
        middle = max(1, len(call.items) // 2)
        size = 1 if call.lane is Lane.NEW and self._new_size == 1 else middle
        parts = [call.items[at : at + size] for at in range(0, len(call.items), size)]
        for part in parts:
            for item in part:
                if item in self:
                    self._move(item, _At.GROUP)
        self._groups[call.lane].extend(parts)

    # -- what to ask for

    def take(self, now: int, calls_per_second: float) -> Call | None:
        """The items of the next call, taken out; ``None`` while none is due.

        *calls_per_second* is what the quota allows for all items, all limits together.
        """
        self._wake(now)
        self._new_share.grow(now, calls_per_second * NEW_SHARE, MOST_SAVED)
        self._refused_share.grow(now, calls_per_second * REFUSED_SHARE, MOST_SAVED)
        if self._refused_share.calls and (refused := self._take_refused(now)):
            return Call(Lane.REFUSED, [refused], from_share=True)
        if self._new_share.calls and (found := self._take_new()):
            return Call(Lane.NEW, found, from_share=True)
        if found := self._take_group(Lane.KNOWN) or self._take_known(now, calls_per_second):
            return Call(Lane.KNOWN, found)
        if found := self._take_new():
            return Call(Lane.NEW, found)
        return None

    def made(self, call: Call, calls: int, *, answered: bool) -> None:
        """*call* took *calls* calls; whether it was *answered*, not refused."""
        if call.from_share:
            share = self._new_share if call.lane is Lane.NEW else self._refused_share
            share.spend(calls)
        if answered and call.lane is Lane.NEW:
            self._new_size = min(ITEMS_PER_CALL, 2 * self._new_size)

    def overdue(self, now: int, calls_per_second: float) -> float:
        """Seconds that the oldest due poll has been due; 0 where none is."""
        oldest = 0.0
        self._adapt(calls_per_second)
        if (first := self._first_known()) is not None:
            oldest = now - self._due_at(first) - self._schedule.usual_wait * 1000
        while self._new and self._where(Item(*self._new[0][1:])) is not _At.NEW:
            self._new.popleft()
        if self._new:
            oldest = max(oldest, now - self._new[0][0])
        return max(0.0, oldest / 1000)

    def _where(self, item: Item) -> Place | int | _At | None:
        partition = self._partitions.get(item.partition)
        return None if partition is None else partition.items.get(item.item_id)

    def _move(self, item: Item, to: _At) -> None:
        partition = self._partitions[item.partition]
        if (kind := self._taken(partition, item.item_id)) is not None:
            partition.kinds[item.item_id] = kind
        partition.items[item.item_id] = to

    def _join(self, partition: _Partition, item_id: str, kind: int) -> None:
        """An item is of *kind* that was of another, or of none."""
        before = self._taken(partition, item_id)
        if before is None:
            partition.known += 1
            self._schedule.joins(kind)
        elif kind != before:
            self._schedule.moves(before, kind)

    def _leave(self, partition: _Partition, item_id: str) -> None:
        if (kind := self._taken(partition, item_id)) is not None:
            self._schedule.leaves(kind)
            partition.known -= 1

    def _taken(self, partition: _Partition, item_id: str) -> int | None:
        """The kind of an item, which is where it was no longer."""
        place = partition.items.get(item_id)
        if not isinstance(place, Place):
            return partition.kinds.pop(item_id, None)
        kind, place.kind = place.kind, _NOBODY
        return kind

    def _adapt(self, calls_per_second: float) -> None:
        """Have the schedule know what known items may have of the quota."""
        known = sum(each.known for each in self._partitions.values())
        shares = NEW_SHARE * (self.waiting_new > 0) + REFUSED_SHARE * bool(self._refused)
        self._schedule.adapt(known, calls_per_second * (1 - shares))

    def _due_at(self, place: Place) -> float:
        return self._schedule.due_at(place.seen, place.kind)

    def _first_known(self) -> Place | None:
        for place in self._pop_known(1):
            self._known.push(place)
            return place
        return None

    def _pop_known(self, most: int) -> list[Place]:
        """The first *most* of the order, where they belong by what the schedule goes by now."""
        pop, place_of = self._known.pop, self._schedule.place
        found: list[Place] = []
        moved = 0
        while len(found) < most and (place := pop()) is not None:
            kind = place.kind
            if kind == _NOBODY:
                continue
            seen, before = place.seen, place.order
            order = place_of(seen, kind)
            # A tenth of the interval is no move.
            if order <= before + 0.1 * (order - seen) or moved >= MOST_MOVED:
                found.append(place)
                moved = 0
            else:
                moved += 1
                place.order = order
                self._known.push(place)
        return found

    def _take_known(self, now: int, calls_per_second: float) -> list[Item]:
        self._adapt(calls_per_second)
        first = self._first_known()
        if first is None or self._due_at(first) > now:
            return []
        places = self._pop_known(ITEMS_PER_CALL + 1)
        chosen = set(self._schedule.choose(places, now))
        found = []
        for number, place in enumerate(places):
            if number in chosen:
                place.order = _ASKED
                found.append(Item(place.partition, place.item_id))
            else:
                self._known.push(place)
        return found

    def _take_group(self, lane: Lane) -> list[Item]:
        groups = self._groups[lane]
        while groups:
            items = [item for item in groups.popleft() if self._where(item) is _At.GROUP]
            for item in items:
                self._move(item, _At.ASKED)
            if items:
                return items
        return []

    def _take_new(self) -> list[Item]:
        """The latest comers, halves of spoiled calls, the earliest, halves again, and so on."""
        self._turn += 1
        if self._turn % 2 == 0 and (found := self._take_group(Lane.NEW)):
            return found
        found = []
        while self._new and len(found) < self._new_size:
            entry = self._new.pop() if self._turn % 4 == 1 else self._new.popleft()
            item = Item(*entry[1:])
            if self._where(item) is _At.NEW:
                self._move(item, _At.ASKED)
                found.append(item)
        return found or self._take_group(Lane.NEW)

    def _take_refused(self, now: int) -> Item | None:
        while self._refused:
            at, partition, item_id = self._refused[0]
            item = Item(partition, item_id)
            if self._where(item) != at:
                heappop(self._refused)
                continue
            if at > now - self._again_ms:
                return None
            heappop(self._refused)
            self._move(item, _At.ASKED)
            return item
        return None

    def _wake(self, now: int) -> None:
        while self._paused and self._paused[0][0] <= now:
            _, partition, item_id, poll = heappop(self._paused)
            item = Item(partition, item_id)
            if self._where(item) is _At.PAUSED:
                self.put(item, poll, now)
