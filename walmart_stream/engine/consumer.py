"""Batch delivery: one Faust event for the records that one fetch brought of one partition."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any, cast

import aiokafka
from aiokafka.errors import KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from walmart_stream.engine.failure import end_process
from walmart_stream.engine.recovery import FetchTableManager

# A batch bounds how long a partition is busy, and how much one crash repeats.
MAX_BATCH = 2000

# So many records of a partition wait at most, before the last fetch of them: enough for the next
# batch. More would only be dropped at the next rebalance. It is not a number of fetches: while one
# partition leaves what was fetched with the client, aiokafka asks that node for no other one.
ENOUGH_IN_FLIGHT = 1000

# How long a fetch waits for quiet partitions while busy ones could become free, in seconds.
BUSY_TIMEOUT = 0.05

# From one fetch to the next, in seconds, at least. A fetch costs a millisecond, however little it
# brings, and what it brings of many partitions at once is worked off together.
FETCH_INTERVAL = 0.01

# How long a node may wait for something to come before it answers a fetch, in milliseconds. It is
# asked for nothing else meanwhile: a fetch of quiet partitions only, sent while what the others
# have brought is worked off, keeps these waiting. Faust has 1500.
LONGEST_FETCH_MS = 100

# What a fetch brings of all partitions together, in bytes. It is held several times over while it
# is taken apart; aiokafka's own 50 MB took half a gigabyte, and no less time.
MOST_FETCHED = 16 * 1024 * 1024

# When a fetch brings fewer records, the next one waits until somebody asks for it.
ENOUGH_TO_FETCH_AHEAD = 500

# From one check of the client to the next, in seconds.
CHECK_INTERVAL = 1.0

# How long a rebalance or a shutdown waits for the agents' batches. A sink that waits for its
# database is abandoned then; its batch is repeated by the next owner.
DRAIN_TIMEOUT = 10.0


class InFlight:
    """Records between delivery and the end of their processing."""

    __slots__ = ("count", "done", "last_offset", "tp")

    def __init__(self, tp: TP, last_offset: int, count: int) -> None:
        self.tp = tp
        self.last_offset = last_offset
        self.count = count
        self.done = False


class FetchThread(driver.AIOKafkaConsumerThread):
    """Hands over records as they were decoded, and ends the process when it cannot go on.

    Making a ``ConsumerRecord`` of each one, which says the topic and the partition over again,
    takes longer than decoding it. What a fetch brings while this waits for it is made into them
    all the same: they say nothing else, so it makes no difference.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer: Any = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = LONGEST_FETCH_MS
        consumer._fetch_max_bytes = MOST_FETCHED
        return consumer

    @Service.task
    async def _watch_client(self) -> None:
        while not self.should_stop:
            await self.sleep(CHECK_INTERVAL)
            if self._consumer is not None and not self._consumer._closed:
                self._check(self._consumer)

    def _check(self, consumer: Any) -> None:
        """End the process if the client does not work any more.

        aiokafka tells it to who waits for a record just then, or asks by its ``getone`` or
        ``getmany``, and waits until it was told. Faust uses neither, and waits for no record during
        a rebalance: this worker would have its place in the group and do nothing.
        """
        if consumer._fetcher.error_future.done():
            end_process("aiokafka does not fetch any more")
        try:
            consumer._coordinator.check_errors()
        except (KafkaError, asyncio.CancelledError) as exc:
            end_process(f"aiokafka does not take part in the group any more: {exc!r}")

    async def _fetch_records(
        self, consumer: Any, active_partitions: set[TP], *args: Any, **kwargs: Any
    ) -> Any:
        self._resume_only(consumer, active_partitions)
        for waiting in consumer._fetcher._records.values():
            records = getattr(waiting, "_partition_records", None)
            if records is not None:
                records._consumer_record = _as_decoded
        fetched = await super()._fetch_records(consumer, active_partitions, *args, **kwargs)
        if fetched and sum(map(len, fetched.values())) < ENOUGH_TO_FETCH_AHEAD:
            # Fetched at once, what comes next would be as old as our return when it is asked for.
            consumer.pause(*consumer.assignment())
        return fetched

    def _resume_only(self, consumer: Any, active: set[TP]) -> None:
        """Have aiokafka fetch of the changelogs only what is being restored.

        Faust keeps to itself which partitions it has paused. What is fetched of them is kept for
        them in vain, megabytes of each, and every request names them all.
        """
        changelogs = self.app.tables.changelog_topics
        unread = {tp for tp in consumer.assignment() if tp.topic in changelogs and tp not in active}
        paused = consumer.paused()
        if unread == paused:
            return
        consumer.resume(*(paused - unread))
        consumer.pause(*(unread - paused))
        for tp in unread - paused:
            # As their position says that they were not read, nothing is lost.
            consumer._fetcher._records.pop(tp, None)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust complains of what was not fetched for long, but not where that is as it should."""
        if tp.topic not in self.app.tables.changelog_topics:
            super().verify_event_path(now, tp)

    async def crash(self, reason: BaseException) -> None:
        """Say, a commit was refused, as a permission was taken away: Faust stops in good order.

        But that waits for a group which does not let us in any more, and can last for ever.
        """
        if not self.app.should_stop:
            end_process(f"the consumer failed: {reason!r}")
        await super().crash(reason)


def _as_decoded(tp: Any, record: Any) -> Any:
    return record


class BatchConsumer(driver.Consumer):
    """Delivers batches, commits what is done and nothing that is not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._max_batch: int = cast(Any, self.app).max_batch
        self._in_flight: defaultdict[TP, deque[InFlight]] = defaultdict(deque)
        self._stale: set[TP] = set()
        self._fetching = False
        self._fetched_at = 0.0
        self._sought_generation: int | None = None
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    # -- what agents tell us

    def holds(self, batch: InFlight) -> bool:
        """Whether a batch is still ours: not revoked, and not sought away from, since delivery."""
        return any(held is batch for held in self._in_flight.get(batch.tp, ()))

    def begin(self) -> None:
        """An agent starts on a batch."""
        self._busy += 1
        self._idle.clear()

    def finish(self, batch: InFlight) -> None:
        """An agent has made everything that follows from a batch durable."""
        batch.done = True
        batches = self._in_flight[batch.tp]
        while len(batches) > 1 and batches[0].done and batches[1].done:
            batches.popleft()

    def end(self) -> None:
        """An agent has left a batch, finished or not."""
        self._busy -= 1
        if not self._busy:
            self._idle.set()

    def unfinished(self) -> dict[TP, tuple[int, int]]:
        """Per assigned partition that was fetched: first offset not finished, and the log's end."""
        found = {}
        for tp in self._assigned_streams():
            end, position = self.highwater(tp), self._finished_offset(tp)
            if end is not None and position is not None:
                found[tp] = min(position, end), end
        return found

    def last_fetched(self) -> dict[TP, int | None]:
        """When a fetch last told of each assigned partition, if only that there is nothing new.

        In Unix time (ms); ``None`` if none has yet.
        """
        client = cast(FetchThread, self._thread)._ensure_consumer()
        return {tp: client.last_poll_timestamp(tp) for tp in self._assigned_streams()}

    def _assigned_streams(self) -> list[TP]:
        changelogs = self.app.tables.changelog_topics
        return [tp for tp in self.assignment() if tp.topic not in changelogs]

    def _finished_offset(self, tp: TP) -> int | None:
        new = self._new_offset(tp)
        if new is not None:
            return new
        waiting = self._in_flight.get(tp)
        if waiting:
            committed: int | None = self._committed_offset[tp]
            return committed or 0
        read: int | None = self._read_offset[tp]
        return read

    # -- delivery

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        pause = self._fetched_at + FETCH_INTERVAL - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        active = active_partitions or set()
        ready = {tp for tp in active if self._waiting(tp) < ENOUGH_IN_FLIGHT}
        if not ready:
            await self.sleep(0.01)
            return {}
        if len(ready) < len(active):
            timeout = min(timeout, BUSY_TIMEOUT)
        self._fetched_at = time.monotonic()
        self._fetching = True
        try:
            return await super()._getmany(ready, timeout)
        finally:
            self._fetching = False

    def _waiting(self, tp: TP) -> int:
        return sum(batch.count for batch in self._in_flight.get(tp, ()) if not batch.done)

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                records, active = await self._wait_next_records(timeout=1.0)
                generation = self.app.consumer_generation_id
                await asyncio.sleep(0)
                streams = []
                for tp, fetched in self._prune(records or {}):
                    if not await self._is_next(tp, fetched, active, generation):
                        continue
                    if tp.topic in self.app.tables.changelog_topics:
                        await self._deliver_changelog(tp, fetched, generation)
                    else:
                        streams.append((tp, fetched))
                if streams:
                    await self._deliver(streams, generation)
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except KafkaError as exc:
            if not self.app.should_stop:
                end_process(f"nothing can be fetched: {exc!r}")

    def _prune(self, records: Mapping[Any, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
        """What was not read before."""
        for topic_partition, fetched in records.items():
            tp = TP(topic_partition.topic, topic_partition.partition)
            expected = self._read_offset[tp]
            if fetched and expected is not None and fetched[0].offset < expected:
                fetched = [record for record in fetched if record.offset >= expected]
            if fetched:
                yield tp, fetched

    async def _is_next(
        self, tp: TP, fetched: list[Any], active: set[TP] | None, generation: int
    ) -> bool:
        if (
            not self.flow_active
            or generation != self.app.consumer_generation_id
            or (active is not None and tp not in active)
        ):
            self._stale.add(tp)
            return False
        return await self._follows(tp, fetched)

    async def _deliver(self, streams: list[tuple[TP, list[Any]]], generation: int) -> None:
        handed: list[tuple[TP, list[Any]]] = []

        def is_current() -> bool:
            return bool(self.flow_active) and generation == self.app.consumer_generation_id

        if is_current():
            handing = self._hand_over(streams, generation, handed)
            await self.wait_first(handing, self.suspend_flow.wait())
        if len(handed) == len(streams) and is_current():
            for tp, fetched in handed:
                self._read_offset[tp] = fetched[-1].offset + 1
        else:
            # Whether they were delivered or not: a seek decides where reading goes on.
            self._stale.update(tp for tp, _ in streams)

    async def _hand_over(
        self,
        streams: list[tuple[TP, list[Any]]],
        generation: int,
        handed: list[tuple[TP, list[Any]]],
    ) -> None:
        for tp, fetched in streams:
            for start in range(0, len(fetched), self._max_batch):
                part = fetched[start : start + self._max_batch]
                batch = InFlight(tp, part[-1].offset, len(part))
                # Faust types a message's value as bytes; ours goes through it untouched.
                value: Any = (batch, part)
                message = ConsumerMessage(
                    tp.topic,
                    tp.partition,
                    batch.last_offset,
                    part[-1].timestamp / 1000,
                    part[-1].timestamp_type,
                    [],
                    None,
                    value,
                    None,
                    0,
                    0,
                    tp,
                    generation_id=generation,
                )
                self._in_flight[tp].append(batch)
                await self.callback(message)
            handed.append((tp, fetched))

    async def _deliver_changelog(self, tp: TP, fetched: list[Any], generation: int) -> None:
        recovery = cast(FetchTableManager, self.app.tables).recovery
        for start in range(0, len(fetched), MAX_BATCH):
            if start:
                await asyncio.sleep(0)
            if not self.flow_active or generation != self.app.consumer_generation_id:
                self._stale.add(tp)
                return
            part = fetched[start : start + MAX_BATCH]
            recovery.restore(tp, part)
            self._read_offset[tp] = part[-1].offset + 1

    async def _follows(self, tp: TP, fetched: list[Any]) -> bool:
        """Whether *fetched* continues what was read; if a seek raced with it, fetch again.

        Gaps are normal in compacted and transactional logs, so they are suspicious only when
        records were dropped, or when the partition was sought while a fetch was under way.
        """
        if tp not in self._stale:
            return True
        self._stale.discard(tp)
        expected = self._read_offset[tp]
        if expected is None or fetched[0].offset == expected:
            return True
        await self.seek_wait({tp: expected})
        return False

    def ack(self, message: Any) -> bool:
        """Faust's acknowledgement, which it also gives for what raised or was skipped."""
        return False

    # -- commits

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        return (
            tp
            for tp in list(self._in_flight)
            if topics is None or tp in topics or tp.topic in topics
        )

    def _new_offset(self, tp: TP) -> int | None:
        offset = None
        for batch in self._in_flight.get(tp, ()):
            if not batch.done:
                break
            offset = batch.last_offset + 1
        return offset

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        assignment = self.assignment()
        committable = {tp: offset for tp, offset in offsets.items() if tp in assignment}
        if not committable or not await self._commit(committable):
            return False
        for tp, offset in committable.items():
            batches = self._in_flight[tp]
            while batches and batches[0].last_offset < offset:
                batches.popleft()
        self._committed_offset.update(committable)
        self.app.monitor.on_tp_commit(committable)
        return True

    async def wait_empty(self) -> None:
        """Wait for the agents to finish what they are at, then commit it."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout=self._drain_timeout())
        except TimeoutError:
            self.log.warning("not waiting longer for the agents; their batches will be repeated")
        await self.commit()

    def _drain_timeout(self) -> float:
        # A rebalance that takes longer than its timeout throws this worker out of the group.
        return min(DRAIN_TIMEOUT, self.app.conf.broker_rebalance_timeout / 2)

    # -- rebalances

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        if not self.app.should_stop and self.assignment():
            self.stop_flow()
            self.app.flow_control.suspend()
            self.app.flow_control.clear()
            await self.wait_empty()
        for tp in revoked:
            self._in_flight.pop(tp, None)
            self._stale.discard(tp)
        await super().on_partitions_revoked(revoked)

    async def perform_seek(self) -> None:
        """Seek every stream partition to where processing must go on, once per generation.

        That is the committed offset, or the beginning where nothing was committed.
        """
        generation = self.app.consumer_generation_id
        if self._sought_generation == generation:
            return
        committed = await self._thread.seek_to_committed()
        changelogs = self.app.tables.changelog_topics
        positions = {TP(tp.topic, tp.partition): offset for tp, offset in committed.items()}
        positions = {tp: at for tp, at in positions.items() if tp.topic not in changelogs}
        fresh = {tp for tp, at in positions.items() if at is None or at <= 0}
        if fresh:
            beginnings = await self.earliest_offsets(*fresh)
            await self.seek_wait({TP(*tp): offset for tp, offset in beginnings.items()})
            positions.update({TP(*tp): offset for tp, offset in beginnings.items()})
        for tp, offset in positions.items():
            self._read_offset[tp] = offset
            self._committed_offset[tp] = None if tp in fresh else offset
            self._in_flight.pop(tp, None)
            if self._fetching:
                self._stale.add(tp)
        self._sought_generation = generation

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        if self._fetching:
            self._stale.update(partitions)
        await super().seek_wait(partitions)
        for tp, offset in partitions.items():
            self._read_offset[tp] = offset

    async def highwaters(self, *partitions: TP) -> dict[TP, int]:
        """End offsets from a fetch: the embedded broker's ListOffsets is short by up to a batch."""
        listed = await super().highwaters(*partitions)
        wanted = {TP(tp.topic, tp.partition): offset for tp, offset in listed.items() if offset}
        empty = {TP(*tp): 0 for tp in listed if not listed[tp]}
        if not wanted:
            return empty
        return {**empty, **await self._fetch_highwaters(wanted)}

    async def _fetch_highwaters(self, listed: Mapping[TP, int]) -> dict[TP, int]:
        conf = self.app.conf
        transport = cast(driver.Transport, self.transport)
        auth = driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context)
        client = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            client_id=conf.broker_client_id,
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
            auto_offset_reset="latest",
            **auth,
        )
        await client.start()
        try:
            tps = [aiokafka.TopicPartition(tp.topic, tp.partition) for tp in listed]
            client.assign(tps)
            for tp, offset in listed.items():
                client.seek(aiokafka.TopicPartition(tp.topic, tp.partition), offset)
            while any(client.highwater(tp) is None for tp in tps):
                await client.getmany(timeout_ms=100)
            return {
                TP(tp.topic, tp.partition): max(
                    client.highwater(tp), listed[TP(tp.topic, tp.partition)]
                )
                for tp in tps
            }
        finally:
            await client.stop()


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with batch delivery."""

    Consumer = BatchConsumer
