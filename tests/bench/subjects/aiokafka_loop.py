"""A plain loop with aiokafka: one coroutine, states in memory, their changelog in Kafka.

Tuned: uvloop, batches of a partition go through the domain as a whole (so an item's state is
written once per batch), large fetches and producer batches. What a batch comes to is flushed
before its offsets are committed; state and results are flushed together, so that a crash between
them can leave a state ahead of its results.

With ``own-batches`` as argument it builds producer batches by hand, as this program does, instead
of handing record by record to the producer: the most that this client gives.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.given import RAW, RESULTS, given
from tests.bench.job import Memory, Row, tune_garbage_collection

# How many records between two flushes with commit, and how long at most (seconds).
COMMIT_RECORDS = 20_000
COMMIT_INTERVAL = 1.0


class Partitions(defaultdict[int, Memory]):
    """Made as they come."""

    def __missing__(self, partition: int) -> Memory:
        memory = self[partition] = Memory(partition)
        return memory


Sent = list[asyncio.Future[Any]]
Send = Callable[[Any, str, int, Iterable[Row], Sent], Awaitable[None]]


async def send_records(
    producer: Any, topic: str, partition: int, rows: Iterable[Row], sent: Sent
) -> None:
    """One after the other into the producer's buffer."""
    send = producer.send
    for key, value in rows:
        sent.append(await send(topic, value, key=key, partition=partition))


async def send_batches(
    producer: Any, topic: str, partition: int, rows: Iterable[Row], sent: Sent
) -> None:
    """As batches that are built here."""
    batch = producer.create_batch()
    for key, value in rows:
        if batch.append(timestamp=None, key=key, value=value) is None:
            batch.close()
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    if batch.record_count():
        batch.close()
        sent.append(await producer.send_batch(batch, topic, partition=partition))


async def main(send: Send) -> None:
    """Run until killed."""
    told = given()
    session = int(told.session * 1000)
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        RAW,
        bootstrap_servers=told.brokers,
        group_id=told.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=session,
        rebalance_timeout_ms=session,
        heartbeat_interval_ms=session // 3,
        max_partition_fetch_bytes=4 * 1024 * 1024,
        fetch_max_bytes=16 * 1024 * 1024,
        max_poll_records=20_000,
    )
    producer: AIOKafkaProducer = AIOKafkaProducer(
        bootstrap_servers=told.brokers,
        acks="all",
        linger_ms=5,
        max_batch_size=256 * 1024,
        max_request_size=4 * 1024 * 1024,
    )
    await consumer.start()
    await producer.start()
    partitions = Partitions()
    topics = RESULTS, told.windows, told.states
    tune_garbage_collection()
    sent: Sent = []
    pending, committed_at = 0, time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=8000)
        for tp, records in fetched.items():
            partition = tp.partition
            derived = partitions[partition].handle(
                [(record.offset, record.key, record.value) for record in records]
            )
            for topic, rows in zip(topics, derived, strict=True):
                await send(producer, topic, partition, rows, sent)
            pending += len(records)
        late = time.monotonic() - committed_at > COMMIT_INTERVAL
        if pending and (not fetched or pending >= COMMIT_RECORDS or late):
            await producer.flush()
            for future in sent:
                future.result()  # raises if it was not delivered, which flush does not
            sent.clear()
            await consumer.commit()
            pending, committed_at = 0, time.monotonic()


if __name__ == "__main__":
    uvloop.run(main(send_batches if "own-batches" in sys.argv else send_records))
