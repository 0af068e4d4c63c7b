"""Surplus partitions: those that somebody added to a topic beyond the configured number.

Keys are hashed by the configured number, since the tables are. But a producer that asks Kafka for
the number puts records where nobody reads them, and Kafka cannot take partitions away.
``walmart-stream partitions move`` moves these records; after that, workers run beside surplus
partitions as long as nothing new comes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

from walmart_stream.kafka.clients import admin_client, describe_topics
from walmart_stream.kafka.moved import Moved
from walmart_stream.kafka.reading import assigned_consumer, ends_of, read_moved
from walmart_stream.settings import Settings
from walmart_stream.topics import TOPICS


class SurplusPartition(NamedTuple):
    """A surplus partition: the first offset that it holds, its end, and how far it was moved."""

    topic: str
    partition: int
    start: int
    end: int
    moved: Moved | None

    @property
    def first(self) -> int:
        """The first offset to move."""
        done = 0 if self.moved is None or self.moved.offset > self.end else self.moved.offset
        return max(self.start, done)

    @property
    def waiting(self) -> int:
        """How many offsets are to be moved."""
        return max(0, self.end - self.first)

    def is_settled(self, partitions: int) -> bool:
        """Whether all of it was moved to the first *partitions* of its topic."""
        return self.moved is not None and self.moved.of == partitions and not self.waiting


async def surplus_of(settings: Settings, counts: Mapping[str, int]) -> list[SurplusPartition]:
    """The surplus partitions of topics with *counts* partitions, by topic and number.

    Raises:
        KafkaError, TimeoutError: they cannot be read.
    """
    surplus = {
        topic: [TopicPartition(topic, number) for number in range(settings.kafka_partitions, count)]
        for topic, count in counts.items()
        if count > settings.kafka_partitions
    }
    if not surplus:
        return []
    moved = await read_moved(settings)
    found = []
    for topic, tps in sorted(surplus.items()):
        async with assigned_consumer(settings, tps) as consumer:
            starts = await consumer.beginning_offsets(tps)
            ends = await ends_of(consumer)
        found += [
            SurplusPartition(
                topic,
                tp.partition,
                starts[tp],
                ends[tp.partition],
                moved.get((topic, tp.partition)),
            )
            for tp in tps
        ]
    return found


async def stranded(settings: Settings) -> str | None:
    """A sentence on the records that wait in surplus partitions; ``None``: there are none.

    Raises:
        KafkaError, OSError, TimeoutError: they cannot be read.
    """
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, [topic.name for topic in TOPICS])
    counts = {name: len(topic["partitions"]) for name, topic in described.items()}
    return in_words(await surplus_of(settings, counts))


def in_words(surplus: Iterable[SurplusPartition]) -> str | None:
    """As :func:`stranded`."""
    waiting = [one for one in surplus if one.waiting]
    if not waiting:
        return None
    places = ", ".join(f"{one.topic} {one.partition}" for one in waiting)
    return (
        f"records that nobody reads: {sum(one.waiting for one in waiting)}, in partitions beyond "
        f"KAFKA_PARTITIONS ({places}): end the producer that asks Kafka for the number of "
        "partitions, or have it hash by KAFKA_PARTITIONS; then run walmart-stream partitions move"
    )
