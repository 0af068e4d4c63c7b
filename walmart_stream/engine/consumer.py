"""Delivery: one Faust event for the records that one fetch brought of one topic."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.partitioner import murmur2
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from walmart_stream.engine.fetching import FetchThread
from walmart_stream.runtime.batch_rounds import Delivery
from walmart_stream.runtime.failure import end_process
from walmart_stream.runtime.partitions import (
    CUT,
    EXPIRED,
    Answer,
    InFlight,
    LogCut,
    Mark,
    Partition,
    Phase,
)
from walmart_stream.runtime.unpacking import UnreadableBatch

# A batch bounds how long a partition is busy, and how much one crash repeats.
MAX_BATCH = 2000

# Records of a partition that wait at most, before the last fetch of them: enough for the next
# batch. More would only be dropped at the next rebalance. It is not a number of fetches: while one
# partition leaves what was fetched with the client, aiokafka asks that node for no other one.
ENOUGH_IN_FLIGHT = 1000

# How long a fetch waits for quiet partitions while busy ones could become free, in seconds.
BUSY_TIMEOUT = 0.05

# The keys asked for last, whose hash is remembered: 0.3 MB. It is computed in Python, in 3 µs.
MOST_KEYS_HASHED = 1000

# Seconds from one fetch to the next, at least: what a fetch brings of many partitions is processed
# together, and shares its requests. Shorter pauses take more processor time, and on a busy machine
# they save no time.
FETCH_INTERVAL = 0.01

# Seconds that a rebalance or a shutdown waits for the agents' batches. A sink that waits for its
# database is abandoned then; its batch is repeated by the next owner.
DRAIN_TIMEOUT = 10.0

READ = (Phase.READING, Phase.IN_FLIGHT)

# What an event carries of each partition.
Handed = tuple[TP, Delivery]

logger = logging.getLogger(__name__)


class BatchConsumer(driver.Consumer):
    """Delivers batches, commits what is done and nothing that is not."""

    app: Any
    _thread: FetchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_batch: int = self.app.max_batch
        self._partitions: dict[TP, Partition] = {}
        self._fetched_at = 0.0
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        #: Not read until somebody says so, assigned or not, and where they go on; see :meth:`park`.
        self.parked: dict[TP, int | None] = {}
        #: Numbers of partitions of which a changelog was cut: their topics are read again.
        self.distrusted: set[int] = set()

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    # -- agents

    def holds(self, tp: TP, batch: InFlight) -> bool:
        """See :meth:`Partition.holds`."""
        return tp in self._partitions and self._partitions[tp].holds(batch)

    def begin(self) -> None:
        """An agent starts on a batch."""
        self._busy += 1
        self._idle.clear()

    def finish(self, tp: TP, batch: InFlight) -> None:
        """An agent has made everything that follows from *batch* durable."""
        if self.holds(tp, batch):
            self._partitions[tp].finish(batch)

    def end(self) -> None:
        """An agent has left a batch, finished or not."""
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    def park(self, tp: TP, reason: str, at: int | None = None, mark: Mark | None = None) -> None:
        """Leave *tp* unread from offset *at* on (``None``: from what is not finished).

        Everything before *at* must be durable, and is committed; *mark* is the record before it.
        """
        partition = self._partitions.get(tp)
        if partition is not None and partition.position is not None:
            partition.park(at, mark)
            at = partition.position
        self.parked[tp] = at
        logger.error("%s-%d is parked at offset %s: %s", *tp, at, reason)

    def unpark(self, tp: TP, offset: int | None = None) -> None:
        """Read a parked partition on, at *offset* if given, which is committed."""
        partition = self._partitions.get(tp)
        if tp in self.parked and partition is not None:
            partition.unpark(offset)
            logger.warning("%s-%d is read on at offset %s", *tp, partition.position)
        self.parked.pop(tp, None)

    def pass_over(self, batch: UnreadableBatch) -> None:
        """Read on after *batch*, and commit that."""
        self._partitions[batch.tp].rewind(batch.end)

    # -- figures

    def owned(self, topic: str) -> set[int]:
        """The partitions of *topic* that the group has given to this worker."""
        return {tp.partition for tp in self._partitions if tp.topic == topic}

    def unfinished(self) -> dict[TP, tuple[int, int]]:
        """Per partition that was fetched: first offset not finished, and the log's end."""
        return {
            tp: (min(partition.finished, partition.log_end), partition.log_end)
            for tp, partition in self._streams()
            if partition.finished is not None and partition.log_end is not None
        }

    def last_fetched(self) -> dict[TP, int | None]:
        """The time of a broker's last answer for each partition that is read, even an empty one.

        In Unix time (ms); ``None`` if none has yet.
        """
        return {tp: one.heard_ms for tp, one in self._streams() if not one.parked}

    def caught_up_at(self, tp: TP) -> int | None:
        """The time (epoch ms) of a broker's last answer for *tp*, if all it told of is finished."""
        one = self._partitions.get(tp)
        if one is None or one.finished is None or one.log_end is None:
            return None
        return one.heard_ms if one.finished >= one.log_end else None

    def log_end(self, tp: TP) -> int | None:
        """The end of *tp* by a broker's last answer since it became ours; ``None``: none yet."""
        one = self._partitions.get(tp)
        return None if one is None else one.log_end

    def topics(self) -> tuple[set[str], set[str]]:
        """The topics that are subscribed to, and those of them that no broker has."""
        client = self._thread._ensure_consumer()
        topics = set(client.subscription())
        return topics, {topic for topic in topics if not client.partitions_for_topic(topic)}

    def _streams(self) -> list[tuple[TP, Partition]]:
        changelogs = self.app.tables.changelog_topics
        return [one for one in self._partitions.items() if one[0].topic not in changelogs]

    # -- delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        pause = self._fetched_at + FETCH_INTERVAL - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        active = active_partitions or set()
        reading, ready, unreadable = {}, set(), {}
        for tp, partition in self._partitions.items():
            if tp not in active or partition.phase not in READ:
                continue
            if partition.unreadable is not None:
                unreadable[tp] = partition
                continue
            reading[tp] = partition.ask()
            if partition.waiting < ENOUGH_IN_FLIGHT:
                ready.add(tp)
        if unreadable:
            await self._set_apart(unreadable)
        if not ready:
            await self.sleep(0.01)
            return {}
        if len(ready) < len(reading):
            timeout = min(timeout, BUSY_TIMEOUT)
        self._fetched_at = time.monotonic()
        try:
            return await self._thread.fetch(reading, ready, timeout)
        except OffsetOutOfRangeError as exc:
            [(tp, offset)] = exc.args[0].items()
            await self._find_position(TP(*tp), offset)
        except UnreadableBatch as exc:
            held = self._partitions.get(exc.tp)
            if held is not None and held.position == exc.offset:
                held.unreadable = exc
        return {}

    async def _set_apart(self, unreadable: Mapping[TP, Partition]) -> None:
        """Have batches that cannot be read set apart, once everything before them is finished."""
        for tp, partition in unreadable.items():
            batch = partition.unreadable
            if batch is not None and not partition.waiting:
                if tp.topic in self.app.tables.changelog_topics:
                    end_process(str(batch))
                partition.unreadable = None
                await self.app.set_apart(batch)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                answers, active = await self._wait_next_records(timeout=1.0)
                await asyncio.sleep(0)
                if answers and self.flow_active:
                    handing = self._deliver(cast(Any, answers), active or set())
                    await self.wait_first(handing, self.suspend_flow.wait())
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except KafkaError as exc:
            if not self.app.should_stop:
                end_process(f"nothing can be fetched: {exc!r}")

    async def _deliver(self, answers: Mapping[TP, Answer], active: set[TP]) -> None:
        """Hand over what fetches brought, as long as its partition asks for just that.

        A topic's partitions are handed over together: what begins together shares its requests.
        """
        changelogs, generation = self.app.tables.changelog_topics, self.app.consumer_generation_id
        handed: defaultdict[str, list[Handed]] = defaultdict(list)
        for tp, answer in answers.items():
            partition = self._partitions.get(tp)
            if partition is None or partition.parked or tp not in active:
                continue
            try:
                records = partition.take(answer)
            except LogCut:
                await self._read_again(tp, "another record stands where the last one was read")
                continue
            if tp.topic in changelogs:
                await self._restore(tp, partition, records, answer.end)
                continue
            for part, end in self._parts(records, answer.end):
                handed[tp.topic].append((tp, (partition.deliver(part, end), part)))
        for deliveries in handed.values():
            await self.callback(_message(deliveries, generation))

    async def _restore(self, tp: TP, partition: Partition, records: list[Any], end: int) -> None:
        position = partition.position
        for part, next_position in self._parts(records, end):
            # While we waited, it may have been revoked or sought.
            if self._partitions.get(tp) is not partition or partition.position != position:
                break
            position = next_position
            partition.advance(part, position)
            self.app.tables.recovery.restore(tp, part)
            await asyncio.sleep(0)

    def _parts(self, records: list[Any], end: int) -> Iterator[tuple[list[Any], int]]:
        """*records* as batches, and the position after each; after the last one it is *end*."""
        for start in range(0, len(records), self._max_batch):
            part = records[start : start + self._max_batch]
            position = part[-1].offset + 1
            yield part, max(position, end) if start + len(part) == len(records) else position

    def ack(self, message: Any) -> bool:
        """Faust's acknowledgement, which it also gives for what raised or was skipped."""
        return False

    # -- positions

    async def _find_position(self, tp: TP, offset: int) -> None:
        """Say why a log does not have *offset*, and read on where it goes on."""
        partition = self._partitions.get(tp)
        [first] = (await self.earliest_offsets(tp)).values()
        [end] = (await super().highwaters(tp)).values()
        if partition is None or self._partitions.get(tp) is not partition:
            return
        if partition.position is None:
            return  # assigned anew meanwhile
        if offset > end:
            await self._read_again(tp, f"it ends at offset {end}, and was read up to {offset}")
        elif offset < first:
            unread = first - partition.position
            if unread > 0 and tp.topic not in self.app.tables.changelog_topics:
                message = "%d records of %s-%d expired unread: retention deleted them before this "
                logger.error(
                    message + "worker came to them; reading goes on at %d", unread, *tp, first
                )
                self.app.log_fault(tp.topic, EXPIRED, unread)
            partition.skip_to(first)

    async def _read_again(self, tp: TP, why: str) -> None:
        """Read a log that lost its end from its beginning: whatever is known already is no news."""
        if tp.topic in self.app.tables.changelog_topics:
            self.app.tables.recovery.start_over(tp, why)
            return
        partition = self._partitions.get(tp)
        [first] = (await self.earliest_offsets(tp)).values()
        if partition is not None and self._partitions.get(tp) is partition:
            logger.error("%s-%d lost its end: %s; it is read again from offset %d", *tp, why, first)
            self.app.log_fault(tp.topic, CUT, 1)
            partition.rewind(first)

    def restart_changelog(self, tp: TP) -> None:
        """Restore *tp* from its beginning, then read the topics beside it again."""
        self.distrusted.add(tp.partition)
        if tp in self._partitions:
            self._partitions[tp].start_at(0)

    async def perform_seek(self) -> None:
        """Give every stream partition that has none yet the position where processing goes on.

        That is the committed offset, or the beginning where nothing was committed.
        """
        new = {tp: partition for tp, partition in self._streams() if partition.position is None}
        if not new:
            return
        committed = await self._thread.committed(set(new))
        fresh = {tp for tp in new if tp not in committed or tp.partition in self.distrusted}
        earliest = await self.earliest_offsets(*fresh) if fresh else {}
        beginnings = {TP(*tp): offset for tp, offset in earliest.items()}
        for tp, partition in new.items():
            if tp not in fresh:
                partition.start_at(*committed[tp])
            elif tp in committed:
                logger.error("%s-%d is read again: a changelog beside it lost its end", *tp)
                partition.rewind(beginnings[tp])
            else:
                partition.start_at(beginnings[tp])
            if tp in self.parked:
                partition.park(self.parked[tp], partition.mark)
        self.distrusted.clear()

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """The next fetch of a changelog begins there, or proves the last record that is held."""
        for tp, offset in partitions.items():
            if tp in self._partitions:
                mark, first = self.app.tables.recovery.mark(tp), max(offset or 0, 0)
                if mark is None or mark.offset < first:
                    self._partitions[tp].start_at(first)
                else:
                    self._partitions[tp].start_at(mark.offset, mark)

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """End offsets from a fetch: the embedded broker's ListOffsets is short by up to a batch."""
        listed = {TP(*tp): end or 0 for tp, end in (await super().highwaters(*partitions)).items()}
        wanted = {tp: end for tp, end in listed.items() if end}
        while any(self.highwater(tp) is None for tp in wanted):
            await self._thread.fetch(wanted, set(wanted), FETCH_INTERVAL)
            await self.sleep(FETCH_INTERVAL)
        return {tp: max(end, self.highwater(tp) or 0) for tp, end in listed.items()}

    # -- commits

    def _filter_committable_offsets(self, tps: Any) -> dict[TP, Any]:
        batches = {tp: partition.committable for tp, partition in self._partitions.items()}
        return {tp: batch for tp, batch in batches.items() if batch is not None}

    async def _commit_offsets(
        self, offsets: Mapping[TP, Any], start_new_transaction: bool = True
    ) -> bool:
        partitions = {tp: self._partitions[tp] for tp in offsets if tp in self._partitions}
        if not partitions or not await self._commit({tp: offsets[tp] for tp in partitions}):
            return False
        for tp, partition in partitions.items():
            partition.committed(offsets[tp])
        committed = {tp: offsets[tp].mark.offset + 1 for tp in partitions}
        self.app.monitor.on_tp_commit(committed)
        return True

    async def wait_empty(self) -> None:
        """Wait for the agents to finish what they are at, then commit it."""
        # A rebalance that takes longer than its timeout throws this worker out of the group.
        timeout = min(DRAIN_TIMEOUT, self.app.conf.broker_rebalance_timeout / 2)
        try:
            await asyncio.wait_for(self._idle.wait(), timeout)
        except TimeoutError:
            self.log.warning("not waiting longer for the agents; their batches will be repeated")
        # Beside a commit on its way, which may not cover the last batches, this only waits for it.
        if not await self.commit():
            await self.commit()

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's look at aiokafka's fetcher, which is at rest; the watchdog looks for stalls."""

    # -- rebalances

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        for partition in self._partitions.values():
            partition.drained = True
        if not self.app.should_stop and self.assignment():
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
            await self.wait_empty()
        self._partitions = {}
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self._partitions = {TP(*tp): Partition() for tp in assigned}
        await super().on_partitions_assigned(assigned, generation_id)


@lru_cache(maxsize=MOST_KEYS_HASHED)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition of *key* among *partitions*, by Kafka's own hash."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _message(deliveries: list[Handed], generation: int) -> ConsumerMessage:
    """Faust takes it for a message of the first one's partition."""
    tp, (_, records) = deliveries[0]
    last = records[-1]
    # Faust types a message's value as bytes; ours goes through it untouched.
    value: Any = deliveries
    return ConsumerMessage(
        tp.topic,
        tp.partition,
        last.offset,
        last.timestamp / 1000,
        last.timestamp_type,
        [],
        None,
        value,
        None,
        0,
        0,
        tp,
        generation_id=generation,
    )
