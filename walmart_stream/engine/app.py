"""The Faust app with everything that :mod:`walmart_stream.engine` mends."""

from __future__ import annotations

import asyncio
import functools
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import faust
from faust.exceptions import NotReady
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode.utils.objects import cached_property
from mode.utils.queues import FlowControlEvent

from walmart_stream.engine.consumer import MAX_BATCH, BatchConsumer, partition_of
from walmart_stream.engine.outbox import Outbox, SafeProducer, machine_time
from walmart_stream.engine.watchdog import Watchdog
from walmart_stream.runtime.disk import Disk
from walmart_stream.runtime.failure import Pulse, end_process
from walmart_stream.runtime.memory import Garbage, look_for_garbage_seldom
from walmart_stream.runtime.standstill import Standstill
from walmart_stream.runtime.unpacking import UnreadableBatch

# Often enough to notice a stop well within the shortest session (6 s).
PULSE_INTERVAL = 1.0

# Seconds for which the search for partitions that nobody reads counts, in one assignment: each view
# of an item asks, and the client asks the brokers for their topics every ten seconds.
UNREAD_INTERVAL = 1.0

# Seconds that a worker may stand still beyond its session: one that comes back by then ends itself
# and says so.
STANDSTILL_MARGIN = 5.0


class Transport(driver.Transport):
    """Batch delivery in, idempotent and awaited out."""

    Consumer = BatchConsumer
    Producer = SafeProducer


class SteadyFlow(FlowControlEvent):
    """``resume()`` clears every queue in Faust, also when flow is active already (#596)."""

    def resume(self) -> None:
        if not self.is_active():
            super().resume()


async def _give_up(batch: UnreadableBatch) -> None:
    end_process(str(batch))


class StreamApp(faust.App):
    """A Faust app that loses nothing; see :mod:`walmart_stream.engine`.

    *prepare* is awaited before the worker subscribes, for example to create topics; it returns how
    many partitions they have where that is more than the configured number and known to be: nobody
    reads those beyond. A batch has at most *max_batch* records. *now* gives epoch milliseconds, and
    *log_fault* is told of every log that lost records: topic, kind and how many.
    """

    consumer: BatchConsumer

    def __init__(
        self,
        *args: Any,
        prepare: Callable[[], Awaitable[Mapping[str, int] | None]],
        max_batch: int = MAX_BATCH,
        now: Callable[[], int] = machine_time,
        log_fault: Callable[[str, str, int], None] = lambda topic, kind, count: None,
        **kwargs: Any,
    ) -> None:
        # A changelog shorter than a table is restored anew instead; see FetchRecovery.
        super().__init__(*args, recovery_consistency_check=False, **kwargs)
        self._prepare = prepare
        #: Partitions of each topic when this worker started, read or not.
        self.partition_counts: Mapping[str, int] = {}
        self.log_fault = log_fault
        self.max_batch = max_batch
        self.now = now
        self.pulse: Pulse | None = None
        self.watchdog: Watchdog | None = None
        #: Parks or passes over a batch that cannot be read; everything before it is finished.
        self.set_apart: Callable[[UnreadableBatch], Awaitable[None]] = _give_up
        # The assignment that was searched, until when that counts, and what was found.
        self._unread: tuple[Any, float, str | None] = None, 0.0, None

    def outbox(self) -> Outbox:
        """An empty outbox on this app's producer.

        Raises:
            faust.exceptions.NotReady: the app has not started.
        """
        if self.pulse is None:
            raise NotReady("the app has not started")
        return Outbox(self.producer, self.pulse, self.partition_of, self.now)

    def owned(self, topic: str) -> set[int]:
        """The partitions of *topic* that this worker may work on now; none while rebalancing."""
        if self.rebalancing or not self.tables.actives_ready:
            return set()
        return self.consumer.owned(topic)

    def partition_of(self, topic: str, key: bytes) -> int:
        """The partition that *key* hashes to, by the number of partitions that is configured."""
        return partition_of(key, self._partition_count)

    # A setting of Faust's takes a microsecond to read.
    @functools.cached_property
    def _partition_count(self) -> int:
        return int(self.conf.topic_partitions)

    def lag(self) -> dict[str, int]:
        """Records not yet finished, per topic, of the partitions that are this worker's."""
        lag: dict[str, int] = defaultdict(int)
        for tp, (position, end) in self.consumer.unfinished().items():
            lag[tp.topic] += end - position
        return dict(lag)

    def unfinished(self) -> dict[TP, int]:
        """Partitions with records to process, and the offset of the first of them."""
        consumer = self.consumer
        return {
            tp: position
            for tp, (position, end) in consumer.unfinished().items()
            if position < end and tp not in consumer.parked
        }

    def unread(self) -> str | None:
        """Why nobody reads some partition: no topic, or none of the group has it; else ``None``."""
        assignor: Any = self.assignor
        held, now = assignor.external_topic_distribution, time.monotonic()
        searched, until, found = self._unread
        if held is not searched or now >= until:
            found = self._find_unread(held)
            self._unread = held, now + UNREAD_INTERVAL, found
        return found

    def _find_unread(self, held: Mapping[str, Mapping[str, Iterable[int]]]) -> str | None:
        topics, missing = self.consumer.topics()
        if missing:
            return f"there is no topic {', '.join(sorted(missing))}"
        for topic in sorted(topics - self.tables.changelog_topics):
            read = {partition for of_one in held.values() for partition in of_one.get(topic, ())}
            if unread := set(range(self.conf.topic_partitions)) - read:
                return f"nobody reads partitions {sorted(unread)} of topic {topic}"
        return None

    async def on_first_start(self) -> None:
        self.conf.datadir.mkdir(parents=True, exist_ok=True)  # Faust makes the last folder only
        await super().on_first_start()
        counts, _ = await asyncio.gather(self._prepare(), self._open_disk())
        self.partition_counts = counts or {}
        self.pulse = Pulse(self.conf.broker_session_timeout)
        look_for_garbage_seldom()
        self.add_future(self._beat(self.pulse, Garbage()))

    async def _beat(self, pulse: Pulse, garbage: Garbage) -> None:
        standstill = Standstill(pulse.longest + STANDSTILL_MARGIN)
        try:
            while not self.should_stop:
                pulse.beat()
                standstill.put_off()
                garbage.check(time.monotonic())
                if self.watchdog is not None:
                    self.watchdog.check(time.monotonic())
                await self.sleep(PULSE_INTERVAL)
        finally:
            standstill.call_off()

    async def _open_disk(self) -> None:
        if self.disk is not None:
            await asyncio.to_thread(self.disk.open)

    async def on_shutdown(self) -> None:
        await super().on_shutdown()
        if self.disk is not None:
            self.disk.close()

    @cached_property
    def disk(self) -> Disk | None:
        """Where the tables are; ``None`` where they are in memory."""
        on_disk = self.conf.store.scheme == "rocksdb"
        return Disk(self.conf.tabledir / "tables") if on_disk else None

    @cached_property
    def flow_control(self) -> SteadyFlow:
        return SteadyFlow(loop=self.loop)

    def _new_transport(self) -> Transport:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Transport:
        return Transport(self.conf.broker_producer, self)
