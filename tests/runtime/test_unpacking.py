"""Record batches that cannot be unpacked are named, and never take more memory than allowed."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import google_crc32c
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from walmart_stream.runtime import unpacking
from walmart_stream.runtime.unpacking import UnreadableBatch

GZIP = DefaultRecordBatch.CODEC_GZIP
# Bits of the attributes, and where these stand in a batch.
ZSTD = 4
ATTRIBUTES = 22
OFFSET = slice(0, 8)
CHECKSUM = slice(17, 21)


def batch(first: int, *values: bytes, codec: int = GZIP) -> bytes:
    """A batch of the log whose first record has the offset *first*."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, 0, 10**9)
    for number, value in enumerate(values):
        builder.append(number, 0, b"key", value, [])
    made = bytearray(builder.build())
    made[OFFSET] = first.to_bytes(8, "big")
    return bytes(made)


def changed(made: bytes) -> bytes:
    """On a disk or on its way."""
    return made[:-6] + b"\x00\xff" * 3


def sent(made: bytes) -> bytes:
    """With the checksum of what it holds, as brokers require it of producers."""
    return (
        made[: CHECKSUM.start]
        + calc_crc32c(made[CHECKSUM.stop :]).to_bytes(4, "big")
        + made[CHECKSUM.stop :]
    )


def corrupt(made: bytes) -> bytes:
    return sent(changed(made))


def zstd(made: bytes) -> bytes:
    made = bytearray(made)
    made[ATTRIBUTES] = made[ATTRIBUTES] & ~7 | ZSTD
    return sent(bytes(made))


def unpacked(log: bytes, at: int) -> PartitionRecords:
    records = fetcher.MemoryRecords(log)
    return PartitionRecords(TopicPartition("topic", 3), records, [], at, None, None, False, 0)


@pytest.mark.parametrize(
    ("spoil", "cause"),
    [(changed, "checksum"), (corrupt, "incorrect"), (zstd, "zstd"), (bytes, "more than")],
    ids=["changed", "corrupt", "zstd", "bomb"],
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


@pytest.mark.parametrize("implementation", ["c", "python"])
def test_batches_are_checked_with_and_without_the_processors_instruction(
    monkeypatch: pytest.MonkeyPatch, implementation: str
) -> None:
    """Where the library was installed without its compiled part, aiokafka's code is faster."""
    monkeypatch.setattr(google_crc32c, "implementation", implementation)
    whole, bad = batch(0, b"one", codec=0), changed(batch(1, b"two" * 9, codec=0))

    assert [record.value for record in unpacked(whole + bad, 0)] == [b"one"]
    with pytest.raises(UnreadableBatch, match="checksum"):
        list(unpacked(bad, 1))


@pytest.mark.parametrize("magic", [0, 1])
def test_batches_of_old_formats_are_checked_as_well(magic: int) -> None:
    """Topics that were made long ago may hold some."""
    builder = LegacyRecordBatchBuilder(magic, 0, 10**6)
    builder.append(0, 7, b"key", b"value" * 9)
    made = bytes(builder.build())

    assert [record.value for record in unpacked(made, 0)] == [b"value" * 9]
    with pytest.raises(UnreadableBatch, match="checksum"):
        list(unpacked(changed(made), 0))


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
