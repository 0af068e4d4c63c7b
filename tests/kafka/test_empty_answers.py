"""A busy broker's answers that bring nothing although there is more, as the embedded one gives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from walmart_stream.kafka import followed
from walmart_stream.kafka.followed import Followed, Take
from walmart_stream.kafka.reading import EMPTY_ANSWERS, PartitionLog

TP = TopicPartition("letters", 0)
RECORDS = 3


class Consumer:
    """Reads a log of three records; *empty*: answers without any before each record and the end."""

    def __init__(self, empty: Sequence[int], end: int = RECORDS) -> None:
        self._empty = list(empty)
        self._end = end
        self._at = 0
        self._answers = 0
        self._fetcher = SimpleNamespace(_records={})

    def assignment(self) -> set[TopicPartition]:
        return {TP}

    def highwater(self, tp: TopicPartition) -> int:
        return self._end

    def last_poll_timestamp(self, tp: TopicPartition) -> int:
        return self._answers

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._at = offset

    async def seek_to_end(self, *tps: TopicPartition) -> None:
        self._at = self._end

    async def seek_to_beginning(self, *tps: TopicPartition) -> None:
        self._at = 0

    async def position(self, tp: TopicPartition) -> int:
        return self._at

    async def getmany(self, *tps: TopicPartition, **_: Any) -> dict[TopicPartition, list[Any]]:
        """One answer each time."""
        self._answers += 1
        if self._at >= RECORDS:
            return {}
        if self._empty[self._at]:
            self._empty[self._at] -= 1
            return {}
        self._at += 1
        letter = b"abc"[self._at - 1 : self._at]
        record = SimpleNamespace(offset=self._at - 1, key=letter, value=letter, timestamp=0)
        return {TP: [record]}


async def read(consumer: Any) -> list[int]:
    """The offsets of the records that a reader gets."""
    log = PartitionLog(consumer, TP, 0)
    return [record.offset async for record in log.read_on()]


async def follow(consumer: Any, monkeypatch: pytest.MonkeyPatch) -> list[bytes | None]:
    """The keys that somebody who asks a followed topic gets."""
    taken: list[bytes | None] = []

    @asynccontextmanager
    async def assigned(*_: Any, **__: Any) -> AsyncIterator[Any]:
        yield consumer

    async def partitions_of(*_: Any) -> list[TopicPartition]:
        return [TP]

    def begin() -> Take:
        return lambda key, value: taken.append(key)

    monkeypatch.setattr(followed, "assigned_consumer", assigned)
    monkeypatch.setattr(followed, "partitions_of", partitions_of)
    topic = Followed(None, TP.topic, begin, idle=0.0)  # type: ignore[arg-type]
    await topic.catch_up()
    await topic.stop()
    return taken


@pytest.mark.parametrize("number", range(RECORDS))
async def test_a_few_answers_without_records_hide_nothing(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever in the log they come."""
    empty = [0] * RECORDS
    empty[number] = EMPTY_ANSWERS - 1

    assert await read(Consumer(empty)) == [0, 1, 2]
    assert await follow(Consumer(empty), monkeypatch) == [b"a", b"b", b"c"]


async def test_a_log_that_ends_in_offsets_without_records_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where what stood there was compacted."""
    assert await read(Consumer([0, 0, 0], end=5)) == [0, 1, 2]
    assert await follow(Consumer([0, 0, 0], end=5), monkeypatch) == [b"a", b"b", b"c"]
