"""Record batches that cannot be unpacked are named, and never take more memory than allowed."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from walmart_stream.runtime import unpacking
from walmart_stream.runtime.unpacking import UnreadableBatch

GZIP = DefaultRecordBatch.CODEC_GZIP
# Bits of the attributes, and where these stand in a batch.
ZSTD = 4
ATTRIBUTES = 22
OFFSET = slice(0, 8)


def batch(first: int, *values: bytes, codec: int = GZIP) -> bytes:
    """A batch of the log whose first record has the offset *first*."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 10**9)
    for number, value in enumerate(values):
        builder.append(number, 0, b"key", value, [])
    made = bytearray(builder.build())
    made[OFFSET] = first.to_bytes(8, "big")
    return bytes(made)


def corrupt(made: bytes) -> bytes:
    return made[:-6] + b"\x00\xff" * 3


def zstd(made: bytes) -> bytes:
    made = bytearray(made)
    made[ATTRIBUTES] = made[ATTRIBUTES] & ~7 | ZSTD
    return bytes(made)


def unpacked(log: bytes, at: int) -> PartitionRecords:
    records = MemoryRecords(log)
    return PartitionRecords(TopicPartition("topic", 3), records, [], at, None, None, False, 0)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [(corrupt, "incorrect"), (zstd, "zstd"), (bytes, "more than")],
    ids=["corrupt", "zstd", "bomb"],
)
def test_records_before_a_bad_batch_are_read_and_then_it_is_named(
    monkeypatch: pytest.MonkeyPatch, spoil: Callable[[bytes], bytes], cause: str
) -> None:
    """The error of the client says neither where the batch is nor where it ends."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 1000)
    size = 1000 if cause == "more than" else 100
    bad = spoil(batch(2, b"x" * size, b"y" * size, b"z"))
    log = batch(0, b"one", b"two") + bad + batch(5, b"six")

    assert [record.value for record in unpacked(log, 0)] == [b"one", b"two"]
    with pytest.raises(UnreadableBatch, match=cause) as raised:
        list(unpacked(bad + batch(5, b"six"), 2))

    error = raised.value
    assert (error.tp, error.offset, error.end) == (TopicPartition("topic", 3), 2, 5)
    assert [record.value for record in unpacked(batch(5, b"six"), 5)] == [b"six"]


def test_gzip_of_several_parts_is_unpacked_whole() -> None:
    """As the format allows, and other unpackers do."""
    assert unpacking._gunzip(gzip.compress(b"one ") + gzip.compress(b"two")) == b"one two"


def test_what_is_unpacked_is_never_more_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is it unpacked first and then looked at: several parts count together."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 1000)

    assert len(unpacking._gunzip(gzip.compress(b"x" * 1000))) == 1000
    for payload in (gzip.compress(b"x" * 1001), gzip.compress(b"x" * 600) * 2):
        with pytest.raises(ValueError, match="more than"):
            unpacking._gunzip(payload)
