"""Record batches that cannot be unpacked, whatever a foreign producer has sent.

Brokers keep compressed batches as they come. aiokafka raises whatever went wrong, names neither
partition nor offset, and unpacks gzip to any size: one batch of 2 MB can become 2 GB. It computes
checksums in software, which takes as long as decoding; processors have an instruction for them.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Iterator
from typing import Any

import google_crc32c
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords

# Of one batch, in bytes: what a producer puts into one is some megabytes at most before it is
# compressed. Several copies of it are in memory for a moment.
MOST_UNPACKED = 64 * 1024 * 1024

# What reading a batch raises if it is broken, or compressed in a way that is not known here.
_BROKEN = (KafkaError, zlib.error, ValueError, EOFError, OSError)

# Where a batch of the log has its size (of what follows), format, and checksum (of what follows).
_SIZE, _MAGIC, _CRC = slice(8, 12), 16, slice(17, 21)

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


def records_of(tp: TopicPartition, batches: bytes, start: int) -> Any:
    """An iterator over the records of a fetch from offset *start*, as they were decoded.

    Its ``next_fetch_offset`` is where the next fetch begins. It raises what
    :func:`_unpack_or_say` does.
    """
    records = PartitionRecords(tp, _Checked(batches), None, start, None, None, False, 0)
    records._consumer_record = _as_decoded
    return records


def _as_decoded(tp: Any, record: Any) -> Any:
    return record


class _Checked(MemoryRecords):  # type: ignore[misc]  # final by its stub only
    """Batches of a fetch, checked as they are taken; ``last`` is the one that was taken last.

    Consumers of this process need not check them once more: their ``check_crcs`` is off.
    """

    def __init__(self, log: bytes) -> None:
        super().__init__(log)
        self._log, self._at = log, 0
        self.last: Any = None

    def next_batch(self) -> Any:
        """As aiokafka's.

        Raises:
            CorruptRecordException: the batch is not what its producer sent.
        """
        self.last = batch = super().next_batch()
        if batch is not None:
            start, log = self._at, self._log
            self._at = end = start + _SIZE.stop + _number(log, start, _SIZE)
            if log[start + _MAGIC] < 2 or google_crc32c.implementation != "c":
                is_whole = batch.validate_crc()
            else:
                checksum = google_crc32c.value(log[start + _CRC.stop : end])
                is_whole = checksum == _number(log, start, _CRC)
            if not is_whole:
                raise CorruptRecordException("its checksum is wrong")
        return batch


def _number(log: bytes, start: int, field: slice) -> int:
    return int.from_bytes(log[start + field.start : start + field.stop], "big")


def _begin_unpacking(self: Any) -> Iterator[Any]:
    self.unpacked = unpacked = _unpack_or_say(self)
    return unpacked


def _unpack_or_say(self: Any) -> Iterator[Any]:
    """The records before a batch that cannot be read; the error where that comes first."""
    start = self.next_fetch_offset
    batches = self._records
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
vars(inspect.getmodule(PartitionRecords))["MemoryRecords"] = _Checked
PartitionRecords._unpack_records = _begin_unpacking
# Its own goes through a method of Python for each record: a twentieth of the time of decoding.
PartitionRecords.__iter__ = lambda self: self.unpacked
vars(inspect.getmodule(DefaultRecordBatch))["gzip_decode"] = _gunzip
