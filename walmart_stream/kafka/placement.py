"""Where a record belongs: the partition that Kafka's default partitioner gives its key."""

from __future__ import annotations

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts *key*, of *partitions* partitions."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
