"""Records in another partition than their key hashes to: a copy of each must be in the right one.

Workers forward them, or a person moves them (kafka/surplus.py), and the copy is what counts. Few
logs have any, so only their digests are kept, and the right partitions are read once more where
there are some.
"""

from __future__ import annotations

from collections import Counter

from walmart_stream import topics
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

# Of a record's own partition: the digests of the records that belong there, and how many of each.
Misplaced = dict[int, Counter[int]]


def digest_of(key: bytes | None, value: bytes | None) -> int:
    """A digest for comparisons within this process."""
    # Python's own hash: 64 bits, keyed per process, and nothing outlives the process.
    return hash((key, value))


async def count_pending(settings: Settings, misplaced: Misplaced) -> dict[int, int]:
    """By partition, the records that have no copy in it although they belong there.

    Raises:
        KafkaError: the broker cannot be read.
    """
    pending = {}
    for home, digests in misplaced.items():
        missing = Counter(digests)
        async for record in read_topic(settings, topics.RAW.name, partitions=[home]):
            missing.pop(digest_of(record.key, record.value), None)
        if missing:
            pending[home] = missing.total()
    return pending
