"""Where records belong: the partition that Kafka's default partitioner gives a key."""

from __future__ import annotations

from aiokafka.partitioner import murmur2

# Kafka's partitions have 31 bits and its offsets 63.
MOST_PARTITIONS = 2**31
MOST_OFFSETS = 2**63

# Topic and partition.
Place = tuple[str, int]

# Of the topic of partitions: all of it is there.
STATES = 0


def partition_of(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts *key*, of *partitions* partitions."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)
