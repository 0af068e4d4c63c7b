"""A plain loop with aiokafka: one coroutine, states in memory, their changelog in Kafka.

Tuned: uvloop, batches of a partition go through the domain as a whole (so an item's state is
written once per batch), large fetches and producer batches. What a batch comes to is flushed
before its offsets are committed; state and results are flushed together, so that a crash between
them can leave a state ahead of its results.
"""

from __future__ import annotations

import time
from collections import defaultdict

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.given import RAW, RESULTS, given
from tests.bench.job import Memory, tune_garbage_collection

# How many records between two flushes with commit, and how long at most (seconds).
COMMIT_RECORDS = 20_000
COMMIT_INTERVAL = 1.0


class Partitions(defaultdict[int, Memory]):
    """Made as they come."""

    def __missing__(self, partition: int) -> Memory:
        memory = self[partition] = Memory(partition)
        return memory


async def main() -> None:
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
    send = producer.send
    pending, committed_at = 0, time.monotonic()
    while True:
        fetched = await consumer.getmany(timeout_ms=100, max_records=8000)
        for tp, records in fetched.items():
            partition = tp.partition
            derived = partitions[partition].handle(
                [(record.offset, record.key, record.value) for record in records]
            )
            for topic, rows in zip(topics, derived, strict=True):
                for key, value in rows:
                    await send(topic, value, key=key, partition=partition)
            pending += len(records)
        late = time.monotonic() - committed_at > COMMIT_INTERVAL
        if pending and (not fetched or pending >= COMMIT_RECORDS or late):
            await producer.flush()
            await consumer.commit()
            pending, committed_at = 0, time.monotonic()


if __name__ == "__main__":
    uvloop.run(main())
