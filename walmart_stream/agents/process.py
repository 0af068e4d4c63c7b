"""The processing agent: observations in, changes and windows out, states into the tables."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any

from faust.types import TP

from walmart_stream import topics
from walmart_stream.agents.alerts import Alerts, Watch
from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.agents.open_windows import OpenWindows
from walmart_stream.agents.unlock import ReadLog, Unlocker
from walmart_stream.domain import events, state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.closing import announce, close_windows
from walmart_stream.domain.errors import BadInput, TooLarge, Unprocessable
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.forgetting import is_forgotten, live_windows_of
from walmart_stream.domain.reading import decode
from walmart_stream.domain.reading.observation import UNLOCK
from walmart_stream.domain.remembered import Remembered
from walmart_stream.domain.schedule.seen import sights_of
from walmart_stream.domain.schedule.sights import Sight
from walmart_stream.domain.standing import Standing, item_standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.domain.window_rows import live_windows, window_values
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.tables import Tables

logger = logging.getLogger(__name__)

# Items whose windows the clock closes at once; between two rounds other work gets its turn.
CLOSE_CHUNK = 500

# Some ten megabytes of keys; beyond that they are hashed anew.
MOST_ITEMS_KNOWN = 100_000
MOST_WINDOW_KEYS = 1000
# Bytes of encoded states, whose objects are kept: some 64 MB, of 40,000 items with two offers. The
# values of others are decoded again.
MOST_DECODED = 12 * 1024 * 1024

# What becomes of an observation, as it is counted.
OUTCOMES = ("applied", "duplicate", "late", "silent", "bad", "forwarded")

_timestamp = attrgetter("timestamp")

# Half the time of calling the named tuple's class.
_new_entry = tuple.__new__


class Processor:
    """One worker's processing. *clock* gives epoch milliseconds.

    *most_ahead*: see :func:`walmart_stream.domain.time.check_not_ahead`. *read_log*: the records
    of a key in the raw topic, of a partition up to an offset, for items that are unlocked.
    *sighted* is shown what was seen, once it is stored.
    """

    def __init__(
        self,
        app: StreamApp,
        tables: Tables,
        rules: Rules,
        metrics: Metrics,
        letters: DeadLetters,
        clock: Callable[[], int],
        most_ahead: int,
        read_log: ReadLog,
        alerts: Alerts,
        sighted: Callable[[int, Iterable[Sight]], None] | None = None,
    ) -> None:
        self._app = app
        self._alerts = alerts
        self._sighted = sighted
        self._tables = tables
        self._rules = rules
        self._most_ahead = most_ahead
        self._unlocker = Unlocker(read_log, rules, most_ahead)
        self._metrics = metrics
        self._letters = letters
        # Finding a labelled metric takes longer than counting.
        self._observations = {outcome: metrics.observations.labels(outcome) for outcome in OUTCOMES}
        self._clock = clock
        # When the newest observation was made that is in the tables (epoch ms).
        self.newest: int | None = None
        # The clock closes windows beside the agent: one of them at a time may change a partition.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        # And the partitions whose table was searched for open windows.
        self._open = OpenWindows()
        # Partition -> the earliest of Kafka's timestamps (epoch ms) in the last batch that was
        # processed: producers set them, and one of the future must not pass for time.
        self._processed_until: dict[int, int] = {}
        self._indexed: set[int] = set()
        # Window start (epoch ms) -> stored key with a place for the item; item -> partition that
        # it hashes to. Both are dear to compute and asked for over and over.
        self._window_keys: dict[int, bytes] = {}
        self._partition_of: dict[bytes, int] = {}
        # Item -> a stored value and what it says, to save decoding. It is used only where the
        # table has that very value, so nothing that happens to the table can make it wrong.
        self._decoded: Remembered[str, tuple[bytes, ItemState]] = Remembered(MOST_DECODED)

    async def handle(self, batch: Batch) -> None:
        """Process *batch*; everything that follows from it is durable on return."""
        outbox = self._app.outbox()
        entries, item_ids, unlocked = self._read(batch, outbox)
        async with self._locks[batch.partition]:
            async with self._alerts.watching(batch.partition) as watch:
                known = self._states(batch.partition, item_ids)
                try:
                    outcome = self._apply(known, entries, watch)
                except Exception as exc:
                    raise Unprocessable from exc
                await self._alerts.store(watch)
            await self._store(batch.partition, outcome, outbox)
            for item_id in unlocked:
                await self._unlock(batch.partition, item_id, batch.records[-1].offset + 1)
        self._count(outcome)
        if self._sighted is not None:
            sights = sights_of(outcome.states, outcome.events, entries, watch.near)
            self._sighted(batch.partition, sights)
        if batch.records:
            self._processed_until[batch.partition] = min(map(_timestamp, batch.records))
        if entries:
            # The last one will do: of a partition's records it is the newest, or nearly so.
            self._note_newest(entries[-1].observation.observed_at)

    async def close_due_windows(self) -> None:
        """Close the windows that the clock has passed, in the partitions that are ours."""
        owned = self._app.owned(topics.RAW.name)
        for partition in owned:
            await self._index(partition)
            # Behind a backlog, even one that is yet to be fetched, the clock would take for silent
            # what only waits to be read.
            now = min(self._clock(), self.settled_until(partition))
            due = await self._open.due(partition, now - CLOSE_DELAY_MS)
            for first in range(0, len(due), CLOSE_CHUNK):
                keys = due[first : first + CLOSE_CHUNK]
                await self._close(partition, [key.decode() for key in keys], now)

    async def delete_forgotten(self, partition: int, item_ids: Iterable[str], now: int) -> int:
        """Delete the states of those items of which nothing is to be known at *now* (epoch ms).

        How many there were. What was derived from them goes first: a crash in between leaves the
        state, which brings the deletion back.
        """
        async with self._locks[partition]:
            if partition not in self._app.owned(topics.RAW.name):
                return 0
            gone = {
                item_id: known
                for item_id, known in self._states(partition, item_ids).items()
                if is_forgotten(known, now, self._rules)
            }
            windows = {
                self._window_key(*window): None
                for item_id, known in gone.items()
                for window in live_windows_of(item_id, known)
            }
            outbox = self._app.outbox()
            await self._tables.price_windows.table.write(partition, windows, outbox)
            states = dict.fromkeys([item_id.encode() for item_id in gone])
            await self._tables.offers.write(partition, states, outbox)
            for item_id in gone:
                self._open.note(partition, item_id.encode(), None)
        return len(gone)

    def forget(self) -> None:
        """Partitions were revoked: what is open in those that come back must be looked for."""
        self._open.forget()
        self._indexed.clear()
        self._processed_until.clear()
        self._partition_of.clear()

    def item(self, item_id: str) -> ItemState | None:
        """The state of an item of ours."""
        key = item_id.encode()
        partition = self._app.partition_of(topics.RAW.name, key)
        value = self._tables.offers.read(partition, key)
        return None if value is None else state.decode(value, self._rules)

    def standing(self, item: ItemState) -> Standing | None:
        """The standing of the own offer of *item* by this worker's rules."""
        return item_standing(item, self._rules.known_ms)

    def windows(self, item_id: str, item: ItemState) -> dict[int, dict[str, dict[str, Any]]]:
        """Start (epoch ms) -> offer -> its window's fields, of an item's newest two windows."""
        partition = self._app.partition_of(topics.RAW.name, item_id.encode())
        windows = live_windows(item_id, item, self._stored_windows(partition))
        return {
            start: {name: window.document() for name, window in offers.items()}
            for start, offers in windows.items()
        }

    def _apply(self, known: Mapping[str, ItemState], entries: list[Entry], watch: Watch) -> Outcome:
        if watch.follow is None:
            return apply(known, entries, self._rules)
        return apply(known, entries, self._rules, watch.follow)

    async def _unlock(self, partition: int, item_id: str, end: int) -> None:
        """Recompute an item from the log before offset *end*, if its state is wrong."""
        outbox = self._app.outbox()
        old = self._states(partition, [item_id]).get(item_id) or ItemState()
        outcome = await self._unlocker.rebuilt(partition, item_id, end, old, outbox)
        if outcome is not None:
            await self._store(partition, outcome, outbox)
            await self._alerts.unlock(partition, item_id)

    def _read(self, batch: Batch, outbox: Outbox) -> tuple[list[Entry], set[str], list[str]]:
        """The observations to apply, the items that they are of, and those to unlock."""
        entries: list[Entry] = []
        item_ids: set[str] = set()
        unlocked: list[str] = []
        add = entries.append
        bad = forwarded = 0
        known = self._partition_of
        if len(known) > MOST_ITEMS_KNOWN:
            known.clear()
        # No record was written earlier: what is not ahead of this is ahead of none of them.
        latest = min(map(_timestamp, batch.records), default=0) + self._most_ahead
        topic, partition = batch.topic, batch.partition
        for record in batch.records:
            key = record.key
            try:
                observation = decode(key, record.value)
                if observation.observed_at > latest:
                    check_not_ahead(observation.observed_at, record.timestamp, self._most_ahead)
            except BadInput as exc:
                bad += 1
                self._letters.add(outbox, batch, record, "process", exc)
                continue
            except Exception as exc:
                raise Unprocessable from exc
            right = known.get(key)
            if right is None:
                right = self._app.partition_of(topics.RAW.name, key)
                if right is not None:
                    known[key] = right
            if right is not None and right != partition:
                # Its producer hashes keys in another way. All of an item must meet in one place.
                if len(record.value) > MAX_RECORD_BYTES:
                    bad += 1
                    error = TooLarge(f"{len(record.value)} bytes cannot go to partition {right}")
                    self._letters.add(outbox, batch, record, "process", error)
                    continue
                forwarded += 1
                outbox.add(topic, key, record.value, partition=right, headers=record.headers)
                continue
            add(_new_entry(Entry, (observation, Source(topic, partition, record.offset))))
            item_ids.add(observation.item_id)
            if observation.source == UNLOCK:
                unlocked.append(observation.item_id)
        if bad:
            logger.warning("%d of %d observations are dead letters", bad, len(batch.records))
            self._observations["bad"].inc(bad)
        self._observations["forwarded"].inc(forwarded)
        return entries, item_ids, unlocked

    def _states(self, partition: int, item_ids: Iterable[str]) -> dict[str, ItemState]:
        """States to change: what was decoded and is handed out here is forgotten."""
        read = self._tables.offers.read
        take = self._decoded.take
        states = {}
        for item_id in item_ids:
            value = read(partition, item_id.encode())
            decoded = take(item_id)
            if value is None:
                continue
            if decoded is not None and decoded[0] == value:
                states[item_id] = decoded[1]
            else:
                states[item_id] = state.decode(value, self._rules)
        return states

    async def _store(self, partition: int, outcome: Outcome, outbox: Outbox) -> None:
        """Projections before state: a durable state implies that all that follows from it is."""
        encode = events.encode
        outbox.extend(
            topics.RESULTS.name,
            partition,
            [(event.item_id.encode(), encode(event)) for event in outcome.events],
        )
        windows = {
            self._window_key(item_id, start): value
            for (item_id, start), value in window_values(
                outcome, self._stored_windows(partition)
            ).items()
        }
        await self._tables.price_windows.table.write(partition, windows, outbox)
        await self._tables.offers.write(partition, self._encoded(outcome.states), outbox)
        self._note_open(partition, outcome.states)

    def _encoded(self, states: Mapping[str, ItemState]) -> dict[bytes, bytes]:
        values = {}
        for item_id, new in states.items():
            value = values[item_id.encode()] = state.encode(new)
            self._decoded.put(item_id, (value, new), len(value))
        return values

    def _stored_windows(self, partition: int) -> Callable[[str, int], bytes | None]:
        table = self._tables.price_windows.table
        return lambda item_id, start: table.read(partition, self._window_key(item_id, start))

    def _window_key(self, item_id: str, start: int) -> bytes:
        """The stored key of an item's window that starts at *start* (epoch ms)."""
        template = self._window_keys.get(start)
        if template is None:
            if len(self._window_keys) > MOST_WINDOW_KEYS:
                self._window_keys.clear()
            table = self._tables.price_windows.table
            # An item id is digits: it stands in JSON as it is.
            template = table.stored_key(("%s", table.window.current(start / 1000)))
            self._window_keys[start] = template
        return template % item_id.encode()

    def _note_open(self, partition: int, states: Mapping[str, ItemState]) -> None:
        for item_id, new in states.items():
            self._open.note(partition, item_id.encode(), new.next_close(self._rules))

    def _note_newest(self, at: int) -> None:
        if self.newest is None or at > self.newest:
            self.newest = at

    async def _index(self, partition: int) -> None:
        """Find out what a partition that has just become ours has open."""
        if partition in self._indexed:
            return
        self._indexed.add(partition)
        for index, (_, key, value) in enumerate(self._tables.offers.of_partitions({partition})):
            if not self._open.knows(partition, key):
                found = state.decode(value, self._rules)
                self._open.note(partition, key, found.next_close(self._rules))
                self._note_newest(found.observed_at)
            if index % CLOSE_CHUNK == 0:
                await asyncio.sleep(0)

    def settled_until(self, partition: int) -> int:
        """The time (epoch ms) up to which all that was observed in *partition* was processed.

        Without a backlog that is when the broker last said so, which time alone then moves on.
        """
        caught_up_at = self._app.consumer.caught_up_at(TP(topics.RAW.name, partition))
        if caught_up_at is None:
            caught_up_at = self._processed_until.get(partition, 0)
        return min(self._clock(), caught_up_at)

    def observed_until(self, partition: int) -> int:
        """A time (epoch ms) that has surely passed: the earliest by any clock that could tell.

        These are this machine's, the brokers' and producers' of *partition*, and whoever made the
        newest observation: one that is wrong must not make us forget.
        """
        return min(self.settled_until(partition), self.newest or 0)

    async def _close(self, partition: int, item_ids: list[str], now: int) -> None:
        async with self._locks[partition]:
            if partition not in self._app.owned(topics.RAW.name):
                return
            known = self._states(partition, item_ids)
            announced = {
                item_id: old for item_id, old in known.items() if announce(old, now, self._rules)
            }
            if announced:
                values = self._encoded(announced)
                await self._tables.offers.write(partition, values, self._app.outbox())
            outcome = Outcome()
            for item_id, old in known.items():
                new, closed = close_windows(item_id, old, now, self._rules)
                if new is old:
                    # It was observed meanwhile.
                    self._note_open(partition, {item_id: old})
                else:
                    outcome.states[item_id] = new
                    outcome.events.extend(closed)
            await self._store(partition, outcome, self._app.outbox())
        self._count(outcome)

    def _count(self, outcome: Outcome) -> None:
        counted = self._observations
        counted["applied"].inc(outcome.applied)
        counted["duplicate"].inc(outcome.duplicate)
        counted["late"].inc(outcome.late)
        counted["silent"].inc(outcome.silent)
        if outcome.odd:
            self._metrics.odd_fields.inc(outcome.odd)
        changes: Counter[tuple[str, ...]] = Counter(
            [event.kinds for event in outcome.events if isinstance(event, PriceChange)]
        )
        for kinds, count in changes.items():
            for kind in kinds:
                self._metrics.changes.labels(kind).inc(count)
        closed = [event for event in outcome.events if isinstance(event, WindowClosed)]
        self._metrics.windows_closed.inc(len(closed))
