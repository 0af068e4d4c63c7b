"""Moves the records of one topic's surplus partitions: see :mod:`walmart_stream.commands.move`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from heapq import heapify, heappop, heapreplace
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition

from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.domain.errors import TooLarge
from walmart_stream.domain.time import to_iso
from walmart_stream.kafka import moved
from walmart_stream.kafka.moved import Moved
from walmart_stream.kafka.placement import STATES
from walmart_stream.kafka.producing import Batches
from walmart_stream.kafka.reading import assigned_consumer, ends_of, open_partition, read_topic
from walmart_stream.kafka.surplus import SurplusPartition
from walmart_stream.settings import Settings
from walmart_stream.topics import DEAD_LETTERS, PARTITIONS, TOPICS, Kept

# Records between two notes of the progress, which a crash may leave copied and not noted: they are
# looked for in memory.
PART = 1_000
PART_BYTES = 8 * 1024 * 1024

COMPACTED = frozenset(topic.name for topic in TOPICS if topic.kept is Kept.COMPACTED)

Record = Any


@dataclass(slots=True)
class MovedPartition:
    """The figures of one surplus partition.

    ``superseded`` records have a newer one of the same key in a compacted topic, ``too_large`` ones
    became dead letters, ``expired`` ones were deleted by retention before anybody moved them, and
    ``known`` ones an earlier run had moved.
    """

    topic: str
    partition: int
    moved: int = 0
    known: int = 0
    superseded: int = 0
    too_large: int = 0
    expired: int = 0

    def fields(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def __str__(self) -> str:
        figures = self.fields()
        rest = [
            f"{figures[name]} {words}"
            for name, words in (
                ("known", "moved before"),
                ("superseded", "older than the present one"),
                ("too_large", "too large: dead letters"),
                ("expired", "deleted before they were moved"),
            )
            if figures[name]
        ]
        return ", ".join([f"{self.topic} {self.partition}: {self.moved} records moved", *rest])


class _Origin(NamedTuple):
    partition: int
    offset: int


class Mover:
    """Moves the surplus partitions of one topic, in the order of their records' times."""

    def __init__(
        self,
        settings: Settings,
        producer: AIOKafkaProducer,
        topic: str,
        surplus: Sequence[SurplusPartition],
        clock: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._producer = producer
        self._topic = topic
        self._surplus = surplus
        self._clock = clock
        self._of = settings.kafka_partitions
        self._ends: list[int] = []
        self._reached: dict[int, int] = {}
        self._done = 0
        self.figures = {
            one.partition: MovedPartition(
                topic,
                one.partition,
                expired=max(0, one.start - (0 if one.moved is None else one.moved.offset)),
            )
            for one in surplus
        }

    async def run(self, progress: Callable[[int], None]) -> None:
        """Move everything up to the ends of now."""
        self._ends = await self._home_ends()
        # What counts from here on is behind these ends, wherever we are stopped.
        begun = [one for one in self._surplus if one.moved is None or one.moved.offset > one.end]
        await self._note({one.partition: one.first for one in begun})
        known = await self._copies([one for one in self._surplus if one not in begun])
        newest = await self._newest()
        part: list[Record] = []
        size = 0
        async for record in self._records():
            part.append(record)
            size += len(record.value or b"")
            if len(part) >= PART or size >= PART_BYTES:
                await self._move(part, known, newest)
                progress(self._done)
                part, size = [], 0
        await self._move(part, known, newest)
        # Offsets without a record, and what retention deletes, are behind us too.
        await self._note(
            {
                one.partition: max(one.end, self._reached.get(one.partition, 0))
                for one in self._surplus
                if one.waiting
            }
        )
        progress(self._done)

    async def _home_ends(self) -> list[int]:
        tps = [TopicPartition(self._topic, number) for number in range(self._of)]
        async with assigned_consumer(self._settings, tps) as consumer:
            ends = await ends_of(consumer)
        return [ends[number] for number in range(self._of)]

    async def _copies(self, surplus: Iterable[SurplusPartition]) -> set[_Origin]:
        """The originals at or behind the noted progress that were copied anyway."""
        noted = {one.partition: one.moved for one in surplus if one.moved and one.waiting}
        copied: set[_Origin] = set()
        if not noted:
            return copied
        for home in range(self._of):
            since = min(state.since[home] for state in noted.values())
            if since >= self._ends[home]:
                continue
            async with open_partition(self._settings, self._topic, home) as log:
                log.position = max(log.start, since)
                async for record in log.read_on():
                    place = moved.origin(record.headers)
                    if place is not None and place[0] in noted:
                        copied.add(_Origin(*place))
        return copied

    async def _newest(self) -> dict[bytes | None, int]:
        """The time of each key's newest record at home, where it replaces those before it."""
        newest: dict[bytes | None, int] = {}
        if self._topic in COMPACTED and any(one.waiting for one in self._surplus):
            async for record in read_topic(self._settings, self._topic, partitions=range(self._of)):
                newest[record.key] = max(newest.get(record.key, 0), record.timestamp)
        return newest

    async def _records(self) -> AsyncIterator[Record]:
        """The records to move, oldest first, and of each partition in log order."""
        async with AsyncExitStack() as stack:
            logs = {}
            for one in self._surplus:
                if one.waiting:
                    log = await stack.enter_async_context(
                        open_partition(self._settings, self._topic, one.partition)
                    )
                    log.position = max(log.start, one.first)
                    logs[one.partition] = log.read_on()
            heap = []
            for partition, records in logs.items():
                if (record := await anext(records, None)) is not None:
                    heap.append((record.timestamp, partition, record.offset, record))
            heapify(heap)
            while heap:
                _, partition, _, record = heap[0]
                yield record
                if (record := await anext(logs[partition], None)) is not None:
                    heapreplace(heap, (record.timestamp, partition, record.offset, record))
                else:
                    heappop(heap)

    async def _move(
        self, part: Sequence[Record], known: set[_Origin], newest: Mapping[bytes | None, int]
    ) -> None:
        batches = Batches(self._producer)
        reached: dict[int, int] = {}
        for record in part:
            figures = self.figures[record.partition]
            reached[record.partition] = record.offset + 1
            if _Origin(record.partition, record.offset) in known:
                figures.known += 1
            elif newest.get(record.key, 0) > record.timestamp:
                figures.superseded += 1
            elif not moved.fits(record):
                figures.too_large += 1
                error = TooLarge("the record cannot be moved to its partition")
                to = moved.home_of(DEAD_LETTERS.name, record.key, self._of)
                place = self._topic, record.partition
                add_dead_letter(batches, *place, record, "move", error, to=to)
            else:
                figures.moved += 1
                batches.add(
                    self._topic,
                    record.key,
                    record.value,
                    partition=moved.home_of(self._topic, record.key, self._of),
                    headers=[
                        *record.headers,
                        moved.origin_header(record.partition, record.offset),
                    ],
                    timestamp=record.timestamp,
                )
        for (topic, home), end in (await batches.send()).items():
            if topic == self._topic:
                self._ends[home] = max(self._ends[home], end)
        await self._note(reached)
        self._reached |= reached
        self._done += len(part)

    async def _note(self, reached: Mapping[int, int]) -> None:
        """Write how far partitions were moved; everything before is acknowledged."""
        for partition, offset in reached.items():
            at = to_iso(self._clock())
            state = Moved(self._topic, partition, offset, self._of, tuple(self._ends), at)
            await self._producer.send_and_wait(
                PARTITIONS.name,
                moved.encode(state),
                moved.key_of(state.place),
                partition=STATES,
            )
