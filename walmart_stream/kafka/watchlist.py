"""``walmart-stream watch``: the watchlist, written to and read from its topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import BinaryIO

from aiokafka import AIOKafkaProducer

from walmart_stream import topics
from walmart_stream.domain.reading.csv_file import decode
from walmart_stream.domain.watch import (
    RowFault,
    WatchEntry,
    encode_entry,
    parse_csv,
    stamped,
)
from walmart_stream.domain.watched import Watched
from walmart_stream.kafka.clients import client_options, start
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

Clock = Callable[[], datetime]

# Bytes of a CSV file: some two million items, more than one poller can ask for in a day.
LARGEST_FILE = 64 * 1024 * 1024

# Records on their way at a time.
CHUNK = 1_000


def _now() -> datetime:
    return datetime.now(UTC)


async def add(settings: Settings, entries: Iterable[WatchEntry], *, clock: Clock = _now) -> None:
    """Watch the items of *entries*; returns when the brokers have acknowledged all of them.

    Entries without a time get that of *clock*.

    Raises:
        KafkaError: some are not acknowledged; adding them again is harmless.
    """
    await _produce(
        settings,
        [(entry.item_id, encode_entry(entry)) for entry in stamped(entries, clock())],
    )


async def remove(settings: Settings, item_ids: Iterable[str]) -> None:
    """Stop watching *item_ids*, watched or not; returns when the brokers have acknowledged it.

    Raises:
        KafkaError: some are not acknowledged; removing them again is harmless.
    """
    await _produce(settings, [(item_id, None) for item_id in item_ids])


async def listing(settings: Settings) -> dict[str, WatchEntry]:
    """The entries of :func:`watched` by item id; raises as it does."""
    return {entry.item_id: entry for entry in (await watched(settings)).entries()}


async def watched(settings: Settings) -> Watched:
    """All entries: what the topic holds now, whichever worker polls it.

    Raises:
        KafkaError, TimeoutError: the topic cannot be read.
    """
    found = Watched()
    async for record in read_topic(settings, topics.WATCHLIST.name):
        found.take(record.key, record.value)
    return found


def read_file(file: BinaryIO) -> tuple[list[WatchEntry], list[RowFault]]:
    """The entries of a CSV file in any dialect and encoding, and the lines that are not one.

    Raises:
        ValueError: it is larger than ``LARGEST_FILE``.
        OSError: it cannot be read.
    """
    content = file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValueError(f"the file has more than {LARGEST_FILE // 1024**2} MB")
    return parse_csv(decode(content))


async def _produce(settings: Settings, records: Sequence[tuple[str, bytes | None]]) -> None:
    if not records:
        return
    # By hand: the client would hash by the number of partitions that the broker has.
    keyed = [(item_id.encode(), value) for item_id, value in records]
    partitions = settings.kafka_partitions
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    try:
        await start(producer, settings)
        for first in range(0, len(keyed), CHUNK):
            sent = [
                await producer.send(
                    topics.WATCHLIST.name, value, key, partition_of(key, partitions)
                )
                for key, value in keyed[first : first + CHUNK]
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()
