"""The watched items of a worker in asking order: a poll costs O(log n), a look for one O(1)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from heapq import heappop, heappush
from itertools import islice
from typing import NamedTuple

from walmart_stream.domain.schedule.agenda import BUCKET_MS, Agenda, Entry
from walmart_stream.domain.schedule.pace import Allowance
from walmart_stream.domain.schedule.poll import INVALID, Poll
from walmart_stream.domain.schedule.uniform import (
    ITEMS_PER_CALL,
    LEAST_KIND,
    Outlook,
    Schedule,
)

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


# The share of an item's interval by which its turn may come early: schedules move a little, often.
NO_MOVE = 0.1


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
    REFUSED = 5


# A key is an item id and, in bits above it, the tag of the time that its partition was begun. With
# the tag below, all keys of a partition would begin their search in a dict at the same place.
# Sixty bits together take 32 bytes, more take 48; tags are used again after 65,000 beginnings.
_ID_BITS, _TAG_BITS = 44, 16
_IDS = (1 << _ID_BITS) - 1
_TAGS = (1 << _TAG_BITS) - 1
# Where the rest of a longer item id begins; Walmart has none.
_REST = _ID_BITS + _TAG_BITS
_SHORT = (1 << _REST) - 1

# Bits for a kind in the number that a known item has; the others are the time it was seen.
_KIND_BITS = 12
_KINDS = (1 << _KIND_BITS) - 1
# Makes a kind a number of that size, and more than 0.
_OFFSET = 1 - LEAST_KIND


# Half the time of calling the named tuple's class.
_new_item = tuple.__new__


@dataclass(slots=True)
class _Partition:
    """Key of an item -> where it is; of a known one the time it was seen and its kind.

    These are one number, as an object for each would take three times the memory; it is negative
    while the item is asked for. A key has the partition's ``tag_bits``: what was left in an order
    when the partition was dropped is nobody's. ``refused``: the time (epoch ms) of items that wait
    to be tried again. ``kinds``: of those that are known while they have no number; ``known``: how
    many are, with and without. ``levels``: of those that count more or less than others.
    ``spare``: the entries of the agenda that an item has beside the one that counts, or without
    one.
    """

    number: int
    tag_bits: int
    items: dict[int, int | _At] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    kinds: dict[int, int] = field(default_factory=dict)
    known: int = 0
    levels: dict[int, int] = field(default_factory=dict)
    spare: dict[int, int] = field(default_factory=dict)

    def key(self, item_id: str) -> int:
        number = int(item_id)
        if number <= _IDS:
            return self.tag_bits | number
        return number >> _ID_BITS << _REST | self.tag_bits | number & _IDS

    def waits(self, key: int) -> bool:
        """Whether the item is known and stands in the order."""
        value = self.items.get(key)
        return isinstance(value, int) and value > 0

    def spares(self, key: int) -> None:
        """An entry of the item is left in the agenda."""
        self.spare[key] = self.spare.get(key, 0) + 1

    def spends(self, key: int) -> bool:
        """An entry of the item was taken out of the agenda; whether it was one to spare."""
        if (left := self.spare.get(key)) is None:
            return False
        if left == 1:
            del self.spare[key]
        else:
            self.spare[key] = left - 1
        return True


def _item_id(key: int) -> str:
    number = key & _IDS
    return str(number if key <= _SHORT else key >> _REST << _ID_BITS | number)


def _kind(number: int) -> int:
    return (abs(number) & _KINDS) - _OFFSET


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
        self._tagged: dict[int, _Partition] = {}
        self._tag = 0
        self._known = Agenda(self._look_up)
        self._refused: list[tuple[int, int]] = []
        self._new: deque[tuple[int, int]] = deque()
        self._groups: dict[Lane, deque[Sequence[Item]]] = {Lane.KNOWN: deque(), Lane.NEW: deque()}
        self._paused: list[tuple[int, int, Poll]] = []
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
        if partition in self._partitions:
            return
        while self._tag in self._tagged:
            self._tag = self._tag + 1 & _TAGS
        begun = _Partition(partition, self._tag << _ID_BITS)
        self._partitions[partition] = self._tagged[self._tag] = begun
        self._tag = self._tag + 1 & _TAGS

    def drop(self, partition: int) -> None:
        """Forget all items of *partition*."""
        if (dropped := self._partitions.pop(partition, None)) is not None:
            del self._tagged[dropped.tag_bits >> _ID_BITS]
            kinds = Counter(dropped.kinds.values())
            kinds.update(_kind(at) for at in dropped.items.values() if isinstance(at, int))
            for kind, items in kinds.items():
                self._schedule.leaves(kind, items)
            if not self._partitions:
                self._known = Agenda(self._look_up)

    def heed_events(self, *, flowing: bool) -> None:
        """Whether events flow; whoever calls this brings the items concerned by :meth:`seen`."""
        self._schedule.heed_events(flowing=flowing)

    def outlook(self) -> Outlook | None:
        """The changes that are seen as things stand, see :class:`Schedule`."""
        return self._schedule.outlook()

    def some(self, most: int) -> list[str]:
        """Up to *most* item ids, spread evenly over all of them."""
        step = max(1, -(-len(self) // most))
        found, first = [], 0
        for partition in self._partitions.values():
            found += [_item_id(key) for key in islice(partition.items, first, None, step)]
            first = (first - len(partition.items)) % step
        return found

    def __contains__(self, item: Item) -> bool:
        return self._where(item) is not None

    def remove(self, item: Item) -> None:
        """*item* is not watched any more."""
        if (partition := self._partitions.get(item.partition)) is not None:
            key = partition.key(item.item_id)
            self._leave(partition, key)
            partition.items.pop(key, None)
            partition.levels.pop(key, None)

    def weigh(self, item: Item, level: int) -> bool:
        """*item* counts for two to the power of *level* of others, from its next turn on.

        Whether that is something new. Of a partition that is dropped nothing is kept.
        """
        partition = self._partitions.get(item.partition)
        if partition is None:
            return False
        key = partition.key(item.item_id)
        if partition.levels.get(key, 0) == level:
            return False
        if level:
            partition.levels[key] = level
        else:
            del partition.levels[key]
        return True

    def put(self, item: Item, poll: Poll, now: int) -> None:
        """*item* waits from now on, by its last *poll*; nothing, where its partition is dropped."""
        number, item_id = item
        partition = self._partitions.get(number)
        if partition is not None:
            self._put(partition, partition.key(item_id), poll, now)

    def seen(self, item: Item, poll: Poll, now: int) -> None:
        """*item* was seen by whatever source, as *poll* says: if it waits, its turn moves."""
        number, item_id = item
        partition = self._partitions.get(number)
        if partition is not None:
            key = partition.key(item_id)
            known = partition.items.get(key)
            if isinstance(known, int) and known > 0:
                self._put(partition, key, poll, now)

    def pause(self, item: Item, poll: Poll, until: int) -> None:
        """*item* was not answered, for a reason that passes: from *until* on it is as due again."""
        key = self._move_if_there(item, _At.PAUSED)
        if key is not None:
            heappush(self._paused, (until, key, poll))

    def halve(self, call: Call) -> None:
        """One of the items spoils the *call*: its halves are asked for, soon and by themselves."""
        if call.lane is Lane.NEW:
            self._new_size = max(1, self._new_size // 2)
        middle = max(1, len(call.items) // 2)
        size = 1 if call.lane is Lane.NEW and self._new_size == 1 else middle
        parts = [call.items[at : at + size] for at in range(0, len(call.items), size)]
        for part in parts:
            for item in part:
                self._move_if_there(item, _At.GROUP)
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
        while self._new and self._at(self._new[0][1]) is not _At.NEW:
            self._new.popleft()
        if self._new:
            oldest = max(oldest, now - self._new[0][0])
        return max(0.0, oldest / 1000)

    def _where(self, item: Item) -> int | _At | None:
        partition = self._partitions.get(item.partition)
        return None if partition is None else partition.items.get(partition.key(item.item_id))

    def _at(self, key: int) -> int | _At | None:
        partition = self._tagged.get(key >> _ID_BITS & _TAGS)
        return None if partition is None else partition.items.get(key)

    def _item(self, key: int) -> Item:
        return Item(self._tagged[key >> _ID_BITS & _TAGS].number, _item_id(key))

    def _put(self, partition: _Partition, key: int, poll: Poll, now: int) -> None:
        at, outcome, answered, _, _, _, sights = poll
        seen = sights.seen
        if at > now or seen > now or sights.told > now:
            at, outcome, answered, _, _, _, sights = poll = poll.seen_at(now)
            seen = sights.seen
        items = partition.items
        if answered and not (outcome == INVALID and at):
            # Whoever saw it last.
            if at > seen:
                seen = at
            level = partition.levels.get(key, 0) if partition.levels else 0
            schedule = self._schedule
            kind = schedule.kind(poll, level)
            before = items.get(key)
            number = items[key] = seen << _KIND_BITS | kind + _OFFSET
            if before == number:
                return
            if not isinstance(before, int):
                self._join(partition, key, kind)
            elif before < 0:
                if kind != (was := (-before & _KINDS) - _OFFSET):
                    schedule.moves(was, kind)
            elif not self._comes_sooner(partition, key, before, seen, kind):
                return
            self._known.push((schedule.place(seen, kind), key, number))
            return
        self._leave(partition, key)
        if outcome == INVALID and at:
            items[key] = _At.REFUSED
            partition.refused[key] = at
            heappush(self._refused, (at, key))
            return
        # Asked for in vain, it has its next turn when a refused one would.
        again = at + self._again_ms
        if at and again > now:
            items[key] = _At.PAUSED
            heappush(self._paused, (again, key, poll))
        else:
            items[key] = _At.NEW
            self._new.append((now, key))

    def _comes_sooner(
        self, partition: _Partition, key: int, before: int, seen: int, kind: int
    ) -> bool:
        """Whether an item that waits by the number *before* needs an earlier entry from now on.

        Where its entry comes first, that goes on then to where it belongs.
        """
        schedule, was = self._schedule, (before & _KINDS) - _OFFSET
        if kind != was:
            schedule.moves(was, kind)
        entry = schedule.place(before >> _KIND_BITS, was)
        if schedule.place(seen, kind) // BUCKET_MS >= entry // BUCKET_MS:
            return False
        partition.spares(key)
        return True

    def _look_up(self, keys: Iterable[int], until: float) -> list[Entry]:
        """The entries of *keys* by now, whose bucket is next and ends before *until* (epoch ms)."""
        tagged, place = self._tagged, self._schedule.place
        found: list[Entry] = []
        for key in keys:
            partition = tagged.get(key >> _ID_BITS & _TAGS)
            if partition is None:
                continue
            number = partition.items.get(key)
            if not isinstance(number, int) or number < 0:
                partition.spends(key)
                continue
            seen = number >> _KIND_BITS
            order = place(seen, (number & _KINDS) - _OFFSET)
            if order >= until:
                if partition.spends(key):
                    continue
                if order - until < NO_MOVE * (order - seen):
                    order = until - 1
            found.append((order, key, number))
        return found

    def _move_if_there(self, item: Item, to: _At) -> int | None:
        """The key of *item*, if it is watched."""
        partition = self._partitions.get(item.partition)
        if partition is None or (key := partition.key(item.item_id)) not in partition.items:
            return None
        self._move(partition, key, to)
        return key

    def _move(self, partition: _Partition, key: int, to: _At) -> None:
        if (kind := self._taken(partition, key)) is not None:
            partition.kinds[key] = kind
        partition.items[key] = to

    def _join(self, partition: _Partition, key: int, kind: int) -> None:
        """An item without a number is of *kind*, and was of another, or of none."""
        before = partition.kinds.pop(key, None)
        partition.refused.pop(key, None)
        if before is None:
            partition.known += 1
            self._schedule.joins(kind)
        elif kind != before:
            self._schedule.moves(before, kind)

    def _leave(self, partition: _Partition, key: int) -> None:
        if (kind := self._taken(partition, key)) is not None:
            self._schedule.leaves(kind)
            partition.known -= 1

    def _taken(self, partition: _Partition, key: int) -> int | None:
        """The kind of an item, which is where it was no longer."""
        partition.refused.pop(key, None)
        number = partition.items.get(key)
        if not isinstance(number, int):
            return partition.kinds.pop(key, None)
        if number > 0:
            partition.spares(key)
        return _kind(number)

    def _adapt(self, calls_per_second: float) -> None:
        """Have the schedule know what known items may have of the quota."""
        known = sum(each.known for each in self._partitions.values())
        shares = NEW_SHARE * (self.waiting_new > 0) + REFUSED_SHARE * bool(self._refused)
        self._schedule.adapt(known, calls_per_second * (1 - shares))

    def _due_at(self, entry: Entry) -> float:
        _, _, number = entry
        return self._schedule.due_at(number >> _KIND_BITS, (number & _KINDS) - _OFFSET)

    def _first_known(self) -> Entry | None:
        """The first of the order, where it belongs by what the schedule goes by now."""
        moved = 0
        while found := self._pop_known(1):
            [entry] = found
            before, key, number = entry
            seen = number >> _KIND_BITS
            order = self._schedule.place(seen, (number & _KINDS) - _OFFSET)
            if order <= before + NO_MOVE * (order - seen) or moved >= MOST_MOVED:
                self._known.push(entry)
                return entry
            moved += 1
            partition = self._tagged[key >> _ID_BITS & _TAGS]
            if not partition.spends(key):
                self._known.push((order, key, number))
        return None

    def _pop_known(self, most: int) -> list[Entry]:
        """The first *most* of the order, each item once."""
        pop, tagged = self._known.pop, self._tagged
        found: list[Entry] = []
        while len(found) < most and (entry := pop()) is not None:
            _, key, number = entry
            partition = tagged.get(key >> _ID_BITS & _TAGS)
            if partition is None:
                continue
            if partition.items.get(key) == number:
                if key in partition.spare and any(one[1] == key for one in found):
                    partition.spends(key)
                else:
                    found.append(entry)
            else:
                for now in self._look_up((key,), entry[0]):
                    self._known.push(now)
        return found

    def _take_known(self, now: int, calls_per_second: float) -> list[Item]:
        self._adapt(calls_per_second)
        first = self._first_known()
        if first is None or self._due_at(first) > now:
            return []
        entries = self._pop_known(ITEMS_PER_CALL + 1)
        seen = [number >> _KIND_BITS for _, _, number in entries]
        chosen = set(self._schedule.choose(entries[0][0], seen, now))
        found = []
        for at, entry in enumerate(entries):
            if at in chosen:
                _, key, number = entry
                partition = self._tagged[key >> _ID_BITS & _TAGS]
                partition.items[key] = -number
                # A call for each would take a tenth of a microsecond more.
                item_id = str(key & _IDS) if key <= _SHORT else _item_id(key)
                found.append(_new_item(Item, (partition.number, item_id)))
            else:
                self._known.push(entry)
        return found

    def _take_group(self, lane: Lane) -> list[Item]:
        groups = self._groups[lane]
        while groups:
            items = [item for item in groups.popleft() if self._where(item) is _At.GROUP]
            for item in items:
                partition = self._partitions[item.partition]
                self._move(partition, partition.key(item.item_id), _At.ASKED)
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
            _, key = self._new.pop() if self._turn % 4 == 1 else self._new.popleft()
            if self._at(key) is _At.NEW:
                self._move(self._tagged[key >> _ID_BITS & _TAGS], key, _At.ASKED)
                found.append(self._item(key))
        return found or self._take_group(Lane.NEW)

    def _take_refused(self, now: int) -> Item | None:
        while self._refused:
            at, key = self._refused[0]
            partition = self._tagged.get(key >> _ID_BITS & _TAGS)
            if partition is None or partition.refused.get(key) != at:
                heappop(self._refused)
                continue
            if at > now - self._again_ms:
                return None
            heappop(self._refused)
            self._move(partition, key, _At.ASKED)
            return self._item(key)
        return None

    def _wake(self, now: int) -> None:
        while self._paused and self._paused[0][0] <= now:
            _, key, poll = heappop(self._paused)
            if self._at(key) is _At.PAUSED:
                self._put(self._tagged[key >> _ID_BITS & _TAGS], key, poll, now)
