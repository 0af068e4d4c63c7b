"""Appends records to topics from a command."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from walmart_stream.kafka.clients import client_options, start
from walmart_stream.kafka.placement import partition_of
from walmart_stream.settings import Settings

# Records on their way at a time.
CHUNK = 1_000


async def produce(
    settings: Settings, topic: str, records: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """Append *records*, key and value, where workers look for them.

    Returns when the brokers have acknowledged all of them.

    Raises:
        KafkaError: some are not acknowledged.
    """
    if not records:
        return
    # By hand: the client would hash by the number of partitions that the broker has.
    partitions = settings.kafka_partitions
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    try:
        await start(producer, settings)
        for first in range(0, len(records), CHUNK):
            sent = [
                await producer.send(topic, value, key, partition_of(key, partitions))
                for key, value in records[first : first + CHUNK]
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


class Batches:
    """Records by their new partition, sent and awaited together."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._placed: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
        timestamp: int | None = None,
    ) -> None:
        """Add a record; it has the time of now without *timestamp* (epoch ms)."""
        assert partition is not None
        fields = {"key": key, "value": value, "headers": list(headers)}
        timestamp = None if timestamp is None or timestamp < 0 else timestamp
        self._placed[topic, partition].append({"timestamp": timestamp, **fields})

    async def send(self) -> dict[tuple[str, int], int]:
        """Send everything; the offset after the last record of each partition."""
        sent = []
        for place, records in self._placed.items():
            builder = self._producer.create_batch()
            for record in records:
                if builder.append(**record) is None:
                    sent.append((place, await self._send(builder, place)))
                    builder = self._producer.create_batch()
                    builder.append(**record)
            sent.append((place, await self._send(builder, place)))
        ends: dict[tuple[str, int], int] = {}
        for place, (future, count) in sent:
            ends[place] = (await future).offset + count
        return ends

    async def _send(self, builder: Any, place: tuple[str, int]) -> tuple[Any, int]:
        count = builder.record_count()
        builder.close()
        topic, partition = place
        return await self._producer.send_batch(builder, topic, partition=partition), count
