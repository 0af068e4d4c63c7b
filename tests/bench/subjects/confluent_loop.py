"""A plain loop with confluent-kafka (librdkafka): states in memory, their changelog in Kafka.

Tuned: each partition's share of what was consumed goes through the domain as a whole (so an item's
state is written once per batch), large fetches, long queues. What it comes to is flushed before
offsets are committed; state and results are flushed together, so that a crash between them can
leave a state ahead of its results. librdkafka fetches and sends in threads of its own.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer

from tests.bench.given import RAW, RESULTS, given
from tests.bench.job import Memory, tune_garbage_collection

# How many records between two flushes with commit, and how long at most (seconds).
COMMIT_RECORDS = 20_000
COMMIT_INTERVAL = 1.0
CONSUMED = 5000
FLUSH_TIMEOUT = 60.0


def main() -> None:
    """Run until killed."""
    told = given()
    consumer = Consumer(
        {
            "bootstrap.servers": told.brokers,
            "group.id": told.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": int(told.session * 1000),
            "heartbeat.interval.ms": int(told.session * 1000 / 3),
            # Also the rebalance timeout, half of which the embedded broker waits at each join.
            "max.poll.interval.ms": int(told.session * 1000),
            "fetch.message.max.bytes": 4 * 1024 * 1024,
            "fetch.max.bytes": 16 * 1024 * 1024,
            "queued.max.messages.kbytes": 64 * 1024,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": told.brokers,
            "acks": "all",
            "linger.ms": 5,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 500_000,
        }
    )
    consumer.subscribe([RAW])
    partitions: dict[int, Memory] = {}
    topics = RESULTS, told.windows, told.states
    tune_garbage_collection()
    pending, committed_at = 0, time.monotonic()
    while True:
        messages = consumer.consume(CONSUMED, 0.1)
        taken: defaultdict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            taken[message.partition()].append((message.offset(), message.key(), message.value()))
        for partition, records in taken.items():
            memory = partitions.get(partition)
            if memory is None:
                memory = partitions[partition] = Memory(partition)
            derived = memory.handle(records)
            for topic, rows in zip(topics, derived, strict=True):
                for key, value in rows:
                    producer.produce(topic, value, key, partition, on_delivery=_delivered)
            producer.poll(0)
        pending += len(messages)
        late = time.monotonic() - committed_at > COMMIT_INTERVAL
        if pending and (not messages or pending >= COMMIT_RECORDS or late):
            if producer.flush(FLUSH_TIMEOUT):
                raise TimeoutError("not everything was delivered")
            consumer.commit(asynchronous=False)
            pending, committed_at = 0, time.monotonic()


def _delivered(error: Any, message: Any) -> None:
    if error is not None:
        raise KafkaException(error)


if __name__ == "__main__":
    main()
