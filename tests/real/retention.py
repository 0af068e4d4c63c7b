"""Retention on a real broker: records made as retention finds them, and what it deletes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from walmart_stream import topics
from walmart_stream.domain import reading
from walmart_stream.kafka.clients import admin_client, client_options
from walmart_stream.settings import Settings

RAW = topics.RAW.name


async def observe(
    settings: Settings,
    looks: Iterable[tuple[str, int, Mapping[str, Any]]],
    *,
    source: str = "affiliate",
) -> None:
    """Append looks (item id, observed at in epoch ms, fields of the item) to the raw topic.

    Each record is stamped with the time of its observation, as one of a worker is.
    """
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for item_id, at, fields in looks:
            payload = {"itemId": int(item_id), **fields} if source == "affiliate" else fields
            value = reading.encode(
                source=source,
                item_id=item_id,
                observed_at=at,
                request_id="r",
                payload=orjson.dumps(payload),
            )
            await producer.send(RAW, value, item_id.encode(), timestamp_ms=at)


async def delete_before(settings: Settings, offsets: Mapping[int, int]) -> None:
    """Delete what stands before *offsets* in the partitions of the raw topic, as retention does."""
    async with admin_client(settings) as admin:
        await admin.delete_records(
            {
                TopicPartition(RAW, partition): RecordsToDelete(offset)
                for partition, offset in offsets.items()
            }
        )
