"""Appends records to a topic from a command, placed as workers place them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from walmart_stream.kafka.clients import client_options, start
from walmart_stream.kafka.placement import partition_of
from walmart_stream.settings import Settings

# Records on their way at a time.
CHUNK = 1_000


async def produce(
    settings: Settings, topic: str, records: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """Append *records*, key and value; returns when the brokers have acknowledged all of them.

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
