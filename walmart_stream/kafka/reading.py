"""Reading a topic to its true end, outside of Faust."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from walmart_stream.kafka import moved
from walmart_stream.kafka.clients import (
    admin_client,
    client_options,
    describe_topics,
    start,
    stop,
)
from walmart_stream.kafka.moved import Moved
from walmart_stream.kafka.placement import STATES, Place
from walmart_stream.runtime.unpacking import UnreadableBatch
from walmart_stream.settings import Settings
from walmart_stream.topics import PARTITIONS

logger = logging.getLogger(__name__)

# A broker that gives nothing for so long, although there must be more, is not waited for.
STALL_TIMEOUT = 60.0
# How long the broker holds a fetch that finds nothing, hence what an empty partition costs.
FETCH_WAIT_MS = 100
# Answers without a record, one after the other, that prove that none is left before the end: where
# a log ends in offsets without records. The embedded broker gives one, too, if the wait is over
# before it has come to look, as on a busy machine; taken for the truth, it would hide a whole log.
EMPTY_ANSWERS = 10
# A fetch of one partition, which is in memory beside the one before it. The default of 1 MiB would
# take twice the round trips; 8 MiB made commands 30 MiB larger and no faster.
FETCH_BYTES = 2 * 1024 * 1024
# Records of a fetch that are taken out at a time; each is an object of a kilobyte or so.
RECORDS_AT_ONCE = 1_000

# Batches that cannot be read: partition and offset -> why.
Unreadable = dict[tuple[int, int], str]


async def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition of *topic*.

    It is the high watermark that a fetch brings, because the embedded broker's ListOffsets names
    the second record of the last batch. Apache Kafka gives the same by both ways.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
        TimeoutError: the broker gives no answer.
    """
    async with assigned_consumer(settings, await partitions_of(settings, topic)) as consumer:
        return await ends_of(consumer)


async def start_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The offset of the first record that each partition of *topic* still holds.

    Beyond 0, retention or somebody has deleted what stood before it.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
    """
    async with assigned_consumer(settings, tps := await partitions_of(settings, topic)) as consumer:
        starts = await consumer.beginning_offsets(tps)
    return {tp.partition: offset for tp, offset in starts.items()}


async def read_topic(
    settings: Settings,
    topic: str,
    *,
    partitions: Iterable[int] | None = None,
    unreadable: Unreadable | None = None,
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """Every record that *topic* held when this began: partition by partition, in log order.

    *partitions*: these only. Compacted and expired records are not there; they do not disturb.
    Batches that cannot be read are passed over, and added to *unreadable*.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
        TimeoutError: the broker is silent although there must be more.
    """
    tps = await partitions_of(settings, topic)
    if partitions is not None:
        wanted = set(partitions)
        tps = [tp for tp in tps if tp.partition in wanted]
    async with assigned_consumer(settings, tps) as consumer:
        for partition, end in (await ends_of(consumer)).items():
            tp = TopicPartition(topic, partition)
            async for record in _read_partition(consumer, tp, end, unreadable):
                yield record


async def read_key(
    settings: Settings, topic: str, partition: int, key: bytes, end: int
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """The records of *key* in a *partition* of *topic* that stand before offset *end*.

    Raises: see :func:`read_topic`.
    """
    async for record in read_topic(settings, topic, partitions=[partition]):
        if record.offset >= end:
            return
        if record.key == key:
            yield record


class PartitionLog:
    """One partition, read on and on.

    ``start`` is the first offset that it held when it was opened, ``position`` the offset of the
    record that is read next; ``unreadable`` are the batches that were passed over.
    """

    def __init__(
        self, consumer: AIOKafkaConsumer[bytes, bytes], tp: TopicPartition, start: int
    ) -> None:
        self._consumer = consumer
        self._tp = tp
        self.start = start
        self.position = start
        self.unreadable: Unreadable = {}

    async def read_on(self) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
        """The records from ``position`` to the end of now.

        Raises:
            OffsetOutOfRangeError: retention deleted the record at ``position`` meanwhile.
            TimeoutError: the broker is silent although there must be more.
        """
        end = (await ends_of(self._consumer))[self._tp.partition]
        self._consumer.seek(self._tp, self.position)
        while self.position < end:
            fetched = await _fetch(self._consumer, self._tp, end, self.unreadable)
            for record in fetched:
                self.position = record.offset + 1
                yield record
            if not fetched:
                self.position = end


@asynccontextmanager
async def open_partition(
    settings: Settings, topic: str, partition: int
) -> AsyncIterator[PartitionLog]:
    """The log of one *partition* of *topic*, from the first record that it holds.

    Raises:
        KafkaError: the broker cannot be read.
    """
    tp = TopicPartition(topic, partition)
    async with assigned_consumer(settings, [tp], reset="none") as consumer:
        starts = await consumer.beginning_offsets([tp])
        yield PartitionLog(consumer, tp, starts[tp])


async def partitions_of(settings: Settings, topic: str) -> list[TopicPartition]:
    """The partitions of *topic*, but for those beyond the configured number that were moved.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
    """
    tps = await all_partitions_of(settings, topic)
    if len(tps) <= settings.kafka_partitions or topic == PARTITIONS.name:
        return tps
    states = (await read_moved(settings)).values()
    of = [state.of for state in states if state.topic == topic]
    return tps[: min(of, default=len(tps))]


async def read_moved(settings: Settings) -> dict[Place, Moved]:
    """How far each surplus partition was moved, of those that :mod:`moved` knows.

    Raises:
        KafkaError, TimeoutError: the topic of partitions cannot be read.
    """
    states: dict[Place, Moved] = {}
    with suppress(UnknownTopicOrPartitionError):  # of a release without it
        async for record in read_topic(settings, PARTITIONS.name, partitions=[STATES]):
            state = moved.decode(record.key, record.value)
            if state is not None:
                states[state.place] = state
    return states


async def all_partitions_of(settings: Settings, topic: str) -> list[TopicPartition]:
    """As :func:`partitions_of`, and the surplus ones."""
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, [topic])
    if topic not in described:
        raise UnknownTopicOrPartitionError(f"there is no topic {topic}")
    numbers = sorted(partition["partition"] for partition in described[topic]["partitions"])
    return [TopicPartition(topic, number) for number in numbers]


@asynccontextmanager
async def assigned_consumer(
    settings: Settings,
    tps: list[TopicPartition],
    *,
    reset: str = "earliest",
    wait_ms: int = FETCH_WAIT_MS,
) -> AsyncIterator[AIOKafkaConsumer[bytes, bytes]]:
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset=reset,
        fetch_max_wait_ms=wait_ms,
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,  # runtime/unpacking.py does
    )
    try:
        await start(consumer, settings)
        consumer.assign(tps)
        yield consumer
    finally:
        await stop(consumer)


async def ends_of(consumer: AIOKafkaConsumer[bytes, bytes]) -> dict[int, int]:
    """As :func:`end_offsets`, of what *consumer* is assigned; it is left at some other place."""
    tps = sorted(consumer.assignment())
    if not tps:
        return {}
    async with asyncio.timeout(STALL_TIMEOUT):
        # Near the end, so that the fetch brings little.
        await consumer.seek_to_end(*tps)
        while any(consumer.highwater(tp) is None for tp in tps):
            await fetch(consumer, *tps)
    return {tp.partition: consumer.highwater(tp) for tp in tps}


async def fetch(
    consumer: AIOKafkaConsumer[bytes, bytes],
    *tps: TopicPartition,
    wait_ms: int = FETCH_WAIT_MS,
    most: int | None = None,
    unreadable: Unreadable | None = None,
) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
    """Some records, *most* at most, if any come soon.

    Batches that cannot be read are left out, and added to *unreadable*.
    """
    before = {tp: await consumer.position(tp) for tp in tps}
    try:
        return dict(await consumer.getmany(*tps, timeout_ms=wait_ms, max_records=most))
    except UnreadableBatch as exc:
        logger.warning("%s", exc)
        if unreadable is not None:
            unreadable[exc.tp.partition, exc.offset] = exc.cause
        # What came of the others in the same answer is lost with the error.
        for tp, position in before.items():
            consumer.seek(tp, exc.end if tp == exc.tp else position)
        return {}


async def _read_partition(
    consumer: AIOKafkaConsumer[bytes, bytes],
    tp: TopicPartition,
    end: int,
    unreadable: Unreadable | None,
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    # Alone, because an answer that other partitions fill has nothing of this one, which would
    # look like a gap.
    consumer.assign([tp])
    await consumer.seek_to_beginning(tp)
    while await consumer.position(tp) < end:
        fetched = await _fetch(consumer, tp, end, unreadable)
        if not fetched:
            return
        for record in fetched:
            if record.offset < end:
                yield record


async def _fetch(
    consumer: AIOKafkaConsumer[bytes, bytes],
    tp: TopicPartition,
    end: int,
    unreadable: Unreadable | None,
) -> list[ConsumerRecord[bytes, bytes]]:
    """The next records; none if there are none before *end*.

    A log can end in offsets without a record (transaction markers, compacted tombstones), so that
    waiting for a record at ``end - 1`` could be waiting for ever.
    """
    position = await consumer.position(tp)
    answered_before = consumer.last_poll_timestamp(tp)
    empty = 0
    async with asyncio.timeout(STALL_TIMEOUT):
        while True:
            answered = consumer.last_poll_timestamp(tp)
            fetched = await fetch(consumer, tp, most=RECORDS_AT_ONCE, unreadable=unreadable)
            if fetched:
                return list(fetched[tp])
            if await consumer.position(tp) != position:
                # Only markers, so far.
                if await consumer.position(tp) >= end:
                    return []
                position = await consumer.position(tp)
                answered_before = consumer.last_poll_timestamp(tp)
                empty = 0
            elif answered != answered_before and consumer.highwater(tp) >= end:
                # An answer for this position had arrived before getmany, which found no record.
                answered_before = answered
                empty += 1
                if empty == EMPTY_ANSWERS:
                    return []
