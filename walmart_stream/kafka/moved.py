"""How far a surplus partition was moved, and how a moved record says where it stood.

The progress is one record for each such partition in the topic of partitions. It is nobody's own:
the records of a topic are moved once, whoever works on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.kafka.placement import (
    MOST_OFFSETS,
    MOST_PARTITIONS,
    Place,
    partition_of,
)
from walmart_stream.topics import PARTITIONS, SELLER_NEWS

SCHEMA = 1
MOVED = "moved"

# Header of a copy: partition and offset of the original, in the same topic.
ORIGIN = "x-moved-from"

# Bytes that the header above and the lengths of others take of a record.
ROOM_FOR_ORIGIN = 64


class Moved(NamedTuple):
    """The progress of one surplus partition.

    Everything before ``offset`` was moved to the first ``of`` partitions; ``since`` are their ends
    when that was written, behind which copies may stand of what comes next. ``at``: ISO 8601.
    """

    topic: str
    partition: int
    offset: int
    of: int
    since: tuple[int, ...]
    at: str

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return self.topic, self.partition


def key_of(place: Place) -> bytes:
    """The key of the record of *place*; an APP_ID has no asterisk."""
    return f"*:{place[0]}:{place[1]}".encode()


def encode(moved: Moved) -> bytes:
    """The record's value."""
    return orjson.dumps({"schema": SCHEMA, "state": MOVED, **moved._asdict()})


def decode(key: bytes | None, value: bytes | None) -> Moved | None:
    """The inverse of :func:`encode`; ``None`` for all other records of the topic."""
    try:
        fields = orjson.loads(value or b"")
        if fields["schema"] != SCHEMA or fields["state"] != MOVED:
            return None
        moved = Moved(
            str(fields["topic"]),
            int(fields["partition"]),
            int(fields["offset"]),
            int(fields["of"]),
            tuple(int(end) for end in fields["since"]),
            str(fields["at"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    is_sane = (
        0 < moved.of <= moved.partition < MOST_PARTITIONS
        and len(moved.since) == moved.of
        and all(0 <= offset < MOST_OFFSETS for offset in (moved.offset, *moved.since))
    )
    return moved if is_sane and key == key_of(moved.place) else None


def home_of(topic: str, key: bytes | None, partitions: int) -> int:
    """The partition where workers look for *key*, of those of *topic* that they read."""
    if topic in (SELLER_NEWS.name, PARTITIONS.name):
        return 0
    return partition_of(key or b"", partitions)


def origin_header(partition: int, offset: int) -> tuple[str, bytes]:
    """The header of the copy of the record at *offset* of *partition*."""
    return ORIGIN, b"%d:%d" % (partition, offset)


def origin(headers: Iterable[tuple[str, bytes | None]]) -> tuple[int, int] | None:
    """Partition and offset of the original of a copy with *headers*; ``None``: it is no copy."""
    for name, text in reversed(tuple(headers)):
        if name == ORIGIN:
            partition, _, offset = (text or b"").partition(b":")
            if partition.isdigit() and offset.isdigit():
                return int(partition), int(offset)
    return None


def fits(record: Any) -> bool:
    """Whether a copy of *record* fits its topic: a compressed original may be any size."""
    headers = sum(len(name.encode()) + len(text or b"") + 10 for name, text in record.headers)
    size = len(record.key or b"") + len(record.value or b"") + headers
    return size + ROOM_FOR_ORIGIN <= MAX_RECORD_BYTES
