"""The watched items of a worker's partitions, kept in asking order beside the tables."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import MappingProxyType

from walmart_stream import topics
from walmart_stream.domain.schedule.flow import EventFlow
from walmart_stream.domain.schedule.learning import level_of
from walmart_stream.domain.schedule.poll import ANSWERED, NEVER, Poll, decode_poll, encode_poll
from walmart_stream.domain.schedule.queue import Item, PollQueue
from walmart_stream.domain.schedule.sights import EVENT_AHEAD_MS, Sight
from walmart_stream.domain.watch import decode_entry
from walmart_stream.engine.app import StreamApp
from walmart_stream.metrics import Metrics
from walmart_stream.tables import Tables

logger = logging.getLogger(__name__)

# Items taken over between two turns of the event loop: about a millisecond of them.
CHUNK = 200

# How far the time may go back (ms) before the polls are looked at anew: those of the time that was
# taken back would count as polls of the future.
LARGEST_STEP_MS = 5_000


class Troubled:
    """Items whose last poll was not answered, by how it ended."""

    def __init__(self) -> None:
        self._items: dict[str, dict[Item, None]] = {}

    def note(self, item: Item, outcome: str | None) -> None:
        """The last poll of *item* ended so; ``None``: it was answered, or is not polled."""
        for items in self._items.values():
            items.pop(item, None)
        if outcome is not None:
            self._items.setdefault(outcome, {})[item] = None

    def some(self, most: int) -> dict[str, list[str]]:
        """Ids of up to *most* of each kind: those whose last poll is longest ago."""
        return {
            outcome: sorted(item.item_id for item in islice(items, most))
            for outcome, items in self._items.items()
            if items
        }

    def clear(self) -> None:
        """There are none."""
        self._items.clear()


class WatchedItems:
    """Follows the watchlist and the ownership of partitions. *clock* gives epoch milliseconds.

    ``troubled``: items whose last poll was not answered, and how it ended.
    """

    def __init__(
        self,
        app: StreamApp,
        tables: Tables,
        queue: PollQueue,
        metrics: Metrics,
        clock: Callable[[], int],
        tag_weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._app = app
        self._levels = {tag: level_of(weight) for tag, weight in tag_weights.items()}
        self._tables = tables
        self._clock = clock
        # Finding a labelled metric takes longer than counting.
        self._sights = {name: metrics.sights.labels(name) for name in ("changed", "unchanged")}
        self._seen: tuple[set[int], int] | None = None
        self._latest = 0
        # Polls that are not in the table yet: on their way, or their partition is moving.
        self._unwritten: dict[Item, Poll] = {}
        # Those of them that only a sight has changed: they are written together, every tick.
        self._sighted: set[Item] = set()
        self._metrics = metrics
        # Items of which an event has told, and the flow of the events of all of them.
        self._told: set[Item] = set()
        self._flow, self._flowing = EventFlow(), False
        self.queue = queue
        self.troubled = Troubled()

    async def follow(self, owned: set[int], calls_per_second: Callable[[], float]) -> None:
        """Have the queue hold the items of the *owned* partitions, which may have these calls."""
        now = self._clock()
        stepped = now < self._latest - LARGEST_STEP_MS
        self._latest = now
        # Partitions can go and come back while a call waits for Walmart.
        seen = owned, self._app.rebalancing_count
        if seen == self._seen and not stepped:
            return
        items = 0
        for _ in self._tables.watchlist.of_partitions(owned):
            items += 1
            if items % (10 * CHUNK) == 0:
                await asyncio.sleep(0)
        for partition in self.queue.partitions():
            self.queue.drop(partition)
            # Those of a million items would take 0.4 s at once.
            await asyncio.sleep(0)
        self.troubled.clear()
        self._told.clear()
        for partition in owned:
            self.queue.begin(partition)
        self.queue.expect(items, calls_per_second())
        entries = self._tables.watchlist.of_partitions(owned)
        for number, (partition, key, _) in enumerate(entries, 1):
            if number % CHUNK == 0:
                await asyncio.sleep(0)
            # What has come and gone meanwhile was taken over by :meth:`changed`.
            entry = self._tables.watchlist.read(partition, key)
            if entry is not None:
                item = Item(partition, key.decode())
                self._weigh(item, entry)
                if item not in self.queue:
                    self._put(item)
        self._unwritten.clear()
        self._sighted.clear()
        self._seen = seen

    def changed(self, partition: int, entries: Mapping[bytes, bytes | None]) -> None:
        """*entries* of the watchlist were written: key -> entry, or ``None``."""
        if partition not in self.queue.partitions():
            return
        for key, entry in entries.items():
            item = Item(partition, key.decode())
            if entry is None:
                self.queue.remove(item)
                self.troubled.note(item, None)
                self._told.discard(item)
            else:
                moved = self._weigh(item, entry)
                if item not in self.queue:
                    self._put(item)
                elif moved:
                    self.queue.seen(item, self.poll_of(item), self._clock())

    def poll_of(self, item: Item) -> Poll:
        """The last poll of *item*."""
        value = self._tables.polls.read(item.partition, item.item_id.encode())
        # Ours is newer where an answer came during a rebalance and could not be written; the
        # table's where somebody else had the partition for a while.
        stored = NEVER if value is None else decode_poll(value)
        return max(stored.seen_at(self._clock()), self._unwritten.get(item, NEVER))

    def sighted(self, partition: int, sights: Iterable[Sight]) -> None:
        """Items of *partition* were seen: by our own poll, an event or the seller's side."""
        if partition not in self.queue.partitions():
            return
        now = self._clock()
        for sight in sights:
            item = Item(partition, sight.item_id)
            if item not in self.queue:
                continue
            before = self.poll_of(item)
            after = before.sights.after(
                sight.at, changed=sight.changed, own=sight.own, near=sight.near
            )
            if after.told < sight.event <= now + EVENT_AHEAD_MS:
                after = after._replace(told=sight.event)
                self._flow.heard(sight.event, now)
                self._told.add(item)
            if after is not before.sights:
                if before.sights.seen and after.seen > before.sights.seen:
                    self._sights["changed" if sight.changed else "unchanged"].inc()
                self._unwritten[item] = poll = before._replace(sights=after)
                self._sighted.add(item)
                self.queue.seen(item, poll, now)

    async def heed_events(self) -> None:
        """Leave items to events where these flow, and poll them again where they fell silent."""
        now = self._clock()
        flowing = self._flow.is_flowing(now)
        self._metrics.events_silent.set(self._flow.is_silent(now))
        if flowing == self._flowing:
            return
        self._flowing = flowing
        logger.info(
            "events %s: %d items are polled %s",
            "flow" if flowing else f"have been silent for {self._flow.patience:.0f} s",
            len(self._told),
            "at the longest interval" if flowing else "by their rates again",
        )
        self.queue.heed_events(flowing=flowing)
        for number, item in enumerate(list(self._told), 1):
            if number % CHUNK == 0:
                await asyncio.sleep(0)
            if item in self._told:  # else it was removed, or its partition went, meanwhile
                self.queue.seen(item, self.poll_of(item), now)

    async def write_sights(self) -> None:
        """Write down the sights since the last time: a crash forgets no more than these."""
        items, self._sighted = self._sighted, set()
        await self._write({item: self._unwritten[item] for item in items & self._unwritten.keys()})

    async def polled(self, polls: Mapping[Item, Poll]) -> None:
        """Write *polls* down, and have their items wait for the next ones."""
        now = self._clock()
        waiting = {}
        for item, poll in polls.items():
            # The answer may have been processed already, while its record was acknowledged.
            known = poll._replace(sights=self.poll_of(item).sights)
            if item in self.queue:
                self.queue.put(item, known, now)
                self._note(item, known)
                waiting[item] = known
            self._unwritten[item] = known
        await self._write(waiting)
        owned = self._app.owned(topics.RAW.name)
        for item in polls:
            if item.partition in owned and item not in waiting:
                self._unwritten.pop(item, None)

    async def _write(self, polls: Mapping[Item, Poll]) -> None:
        by_partition: dict[int, dict[bytes, bytes | None]] = {}
        for item, poll in polls.items():
            values = by_partition.setdefault(item.partition, {})
            values[item.item_id.encode()] = encode_poll(poll)
        # Side by side: one after the other, each would wait for its own round trip.
        await asyncio.gather(
            *(
                self._tables.polls.write(partition, by_partition[partition], self._app.outbox())
                for partition in by_partition.keys() & self._app.owned(topics.RAW.name)
            )
        )
        owned = self._app.owned(topics.RAW.name)
        for item, poll in polls.items():
            # What has changed since is written the next time.
            if item.partition in owned and self._unwritten.get(item) is poll:
                del self._unwritten[item]

    def _weigh(self, item: Item, entry: bytes) -> bool:
        """Have the queue know what the item's tags count for; whether that is something new."""
        if not self._levels:
            return False
        tags = decode_entry(item.item_id, entry).tags
        # Of several tags the one that counts most, for or against.
        levels = [self._levels[tag] for tag in tags if tag in self._levels]
        return self.queue.weigh(item, max(levels, key=abs, default=0))

    def _put(self, item: Item) -> None:
        poll, now = self.poll_of(item), self._clock()
        if poll.sights.told:
            self._told.add(item)
            self._flow.heard(poll.sights.told, now)
        self.queue.put(item, poll, now)
        self._note(item, poll)

    def _note(self, item: Item, poll: Poll) -> None:
        self.troubled.note(item, None if poll.outcome in ("", ANSWERED) else poll.outcome)
