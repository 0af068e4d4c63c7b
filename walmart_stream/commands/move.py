"""``walmart-stream partitions move``: records in surplus partitions, to where workers read them.

A copy has key, value, headers and time of its original, and a header that says where that stands.
It counts as any record does, at its own place. The progress is written after each part; what a
crash left behind the last progress is found again by that header, so that no record comes twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaProducer

from walmart_stream.commands.mover import MovedPartition, Mover
from walmart_stream.kafka.clients import (
    MAX_MESSAGE_BYTES,
    admin_client,
    client_options,
    describe_topics,
    start,
)
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.surplus import SurplusPartition, surplus_of
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.settings import Settings
from walmart_stream.tables import OFFERS, TABLES, WATCHLIST, changelog_name

BATCH_BYTES = 256 * 1024

# Tables whose keys are item ids as they are, in the topics and in the changelogs.
KEYED_BY_ITEM = (OFFERS, WATCHLIST)

Progress = Callable[[int, int], None]


class NotMovable(Exception):
    """Nothing was moved; the message says why, and what to do."""


async def move(
    settings: Settings,
    *,
    clock: Callable[[], int],
    progress: Progress = lambda done, total: None,
) -> list[MovedPartition]:
    """Move the present records of surplus partitions; workers and producers may continue.

    *clock* gives epoch milliseconds. Running it again goes on where it was, at any point.

    Raises:
        NotMovable: the tables are by another number of partitions than the configured one.
        KafkaError, TimeoutError: the topics cannot be read or written.
    """
    required = {topic.name: topic.is_changelog for topic in required_topics(settings)}
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, required)
    counts = {name: len(topic["partitions"]) for name, topic in described.items()}
    surplus = await surplus_of(settings, counts)
    if not surplus:
        return []
    await _check(settings, surplus, required, described)
    by_topic: defaultdict[str, list[SurplusPartition]] = defaultdict(list)
    for one in surplus:
        by_topic[one.topic].append(one)
    total = sum(one.waiting for one in surplus)
    done: list[MovedPartition] = []
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * MAX_MESSAGE_BYTES,
    )
    try:
        await start(producer, settings)
        for topic, partitions in by_topic.items():
            mover = Mover(settings, producer, topic, partitions, clock)
            await mover.run(lambda count: progress(count, total))
            done += mover.figures.values()
    finally:
        await producer.stop()
    return done


async def _check(
    settings: Settings,
    surplus: Iterable[SurplusPartition],
    required: Mapping[str, bool],
    described: Mapping[str, Any],
) -> None:
    """Refuse where the tables are by another number: their keys' records must not go elsewhere."""
    count = settings.kafka_partitions
    for one in surplus:
        if one.moved is not None and one.moved.of != count:
            raise NotMovable(
                f"records of {one.topic} were moved to {one.moved.of} partitions: set "
                f"KAFKA_PARTITIONS={one.moved.of}"
            )
        if required[one.topic] and one.end:
            raise NotMovable(
                f"{one.topic} has values in partition {one.partition}: this APP_ID has worked with "
                f"more partitions than {count}; set KAFKA_PARTITIONS to that number"
            )
    for table in TABLES:
        changelog = changelog_name(settings, table)
        if table.name not in KEYED_BY_ITEM:
            continue
        if changelog not in described:
            continue
        async for record in read_topic(settings, changelog):
            if record.key and partition_of(record.key, count) != record.partition:
                raise NotMovable(
                    f"{changelog} has a key in partition {record.partition} that belongs elsewhere "
                    f"with {count} partitions: set KAFKA_PARTITIONS to the number that the workers "
                    "have had"
                )
