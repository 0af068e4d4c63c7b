"""Record batches that cannot be unpacked, whatever a foreign producer has sent.

Brokers keep compressed batches as they come. aiokafka raises whatever went wrong, names neither
partition nor offset, and unpacks gzip to any size: one batch of 2 MB can become 2 GB.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import KafkaError
from aiokafka.record.default_records import DefaultRecordBatch

# Of one batch, in bytes: what a producer puts into one is some megabytes at most before it is
# compressed. Several copies of it are in memory for a moment.
MOST_UNPACKED = 64 * 1024 * 1024

# What reading a batch raises if it is broken, or compressed in a way that is not known here.
_BROKEN = (KafkaError, zlib.error, ValueError, EOFError, OSError)

_unpack = PartitionRecords._unpack_records


class UnreadableBatch(KafkaError):  # type: ignore[misc]  # untyped
    """The batch at *offset* of *tp*, which ends before *end*, cannot be read; *cause* says why."""

    def __init__(self, tp: TopicPartition, offset: int, end: int, cause: str) -> None:
        super().__init__(
            f"{tp.topic}-{tp.partition}: the batch at {offset} cannot be read: {cause}"
        )
        self.tp = tp
        self.offset = offset
        self.end = end
        self.cause = cause


def leave_as_decoded(consumer: Any) -> None:
    """Have aiokafka's *consumer* hand over what it has fetched so far as it was decoded.

    Making a ``ConsumerRecord`` of each record, which repeats topic and partition, takes longer than
    decoding. Records that arrive while somebody waits for them are made into one; they hold the
    same, so it makes no difference.
    """
    for waiting in consumer._fetcher._records.values():
        records = getattr(waiting, "_partition_records", None)
        if records is not None:
            records._consumer_record = _as_decoded


def _as_decoded(tp: Any, record: Any) -> Any:
    return record


class _Noted:
    """Batches of a fetch; ``last`` is the one that was taken last."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.last: Any = None
        self.has_next = batches.has_next

    def next_batch(self) -> Any:
        self.last = self._batches.next_batch()
        return self.last


def _begin_unpacking(self: Any) -> Iterator[Any]:
    self.unpacked = unpacked = _unpack_or_say(self)
    return unpacked


def _unpack_or_say(self: Any) -> Iterator[Any]:
    """The records before a batch that cannot be read; the error where that comes first."""
    start = self.next_fetch_offset
    batches = self._records = _Noted(self._records)
    try:
        yield from _unpack(self)
    except _BROKEN as exc:
        if self.next_fetch_offset == start:
            end = start + 1 if batches.last is None else max(batches.last.next_offset, start + 1)
            cause = str(exc) or type(exc).__name__
            raise UnreadableBatch(self._tp, start, end, cause) from exc


def _gunzip(payload: Any) -> bytes:
    unpacked = b""
    while payload:  # a file of gzip may have several parts
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        unpacked += unpacker.decompress(payload, MOST_UNPACKED + 1 - len(unpacked))
        if len(unpacked) > MOST_UNPACKED:
            raise ValueError(f"unpacked, it has more than {MOST_UNPACKED // 1024**2} MiB")
        if not unpacker.eof:
            raise ValueError("its compressed data end too early")
        payload = unpacker.unused_data
    return unpacked


# For every consumer of this process.
PartitionRecords._unpack_records = _begin_unpacking
# Its own goes through a method of Python for each record: a twentieth of the time of decoding.
PartitionRecords.__iter__ = lambda self: self.unpacked
vars(inspect.getmodule(DefaultRecordBatch))["gzip_decode"] = _gunzip
