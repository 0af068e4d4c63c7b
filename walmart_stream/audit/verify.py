"""``walmart-stream verify``: the stored results against the raw topic, recomputed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiokafka.errors import UnknownTopicOrPartitionError
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream import topics
from walmart_stream.audit import DeadLetterCheck, Recomputation, Report, compare, report_lines
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.clients import admin_client, describe_topics
from walmart_stream.kafka.partition_states import PartitionState, read_states
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings
from walmart_stream.storage.sealed import FieldSeal

__all__ = ["report_lines", "verify"]


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000


async def verify(settings: Settings, *, clock: Callable[[], int] = _epoch_ms) -> Report:
    """Recompute everything from the raw topic and compare it with MongoDB and the dead letters.

    *clock* gives epoch milliseconds.

    Raises:
        KafkaError, PyMongoError: the broker or the database cannot be read.
    """
    rules = Rules.of(settings.window_size, settings.poll_interval_max)
    recomputation = Recomputation(
        topics.RAW.name, await _partitions(settings), rules, settings.most_ahead_ms
    )
    states = await _states(settings)
    waiting: Counter[int] = Counter()
    async for record in read_topic(settings, topics.RAW.name):
        state = states.get(record.partition)
        if state is not None and state.parked and record.offset >= state.offset:
            # Nobody has processed it, nor should have.
            waiting[record.partition] += 1
            recomputation.add_waiting(record.key, record.value)
        else:
            recomputation.add(
                record.partition, record.offset, record.key, record.value, record.timestamp
            )
    expected = recomputation.finish(clock())

    def passed_over(partition: int, offset: int) -> bool:
        return partition in states and states[partition].skips(offset)

    letters = DeadLetterCheck(expected, passed_over)
    async for record in read_topic(settings, topics.DEAD_LETTERS.name):
        letters.add(record.headers, record.key, record.value)
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value()
    )
    try:
        database = client[settings.mongodb_database]
        report = await compare(expected, database, FieldSeal.of(settings))
    finally:
        client.close()
    report.dead_letters = letters.finish()
    report.dead_letter_repeats = letters.repeats
    report.waiting = dict(waiting)
    return report


async def _states(settings: Settings) -> dict[int, PartitionState]:
    """What is known of the partitions of the raw topic that were ever parked."""
    states = await read_states(settings)
    return {place[1]: state for place, state in states.items() if place[0] == topics.RAW.name}


async def _partitions(settings: Settings) -> int:
    """How many partitions keys are spread over: the topic's own number, whatever is configured."""
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, [topics.RAW.name])
    if topics.RAW.name not in described:
        raise UnknownTopicOrPartitionError(f"there is no topic {topics.RAW.name}")
    return len(described[topics.RAW.name]["partitions"])
