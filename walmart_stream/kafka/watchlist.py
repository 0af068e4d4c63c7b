"""``walmart-stream watch``: the watchlist, written to and read from its topic."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import BinaryIO

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
from walmart_stream.kafka.producing import produce
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

Clock = Callable[[], datetime]

# Bytes of a CSV file: some two million items, more than one poller can ask for in a day.
LARGEST_FILE = 64 * 1024 * 1024


def _now() -> datetime:
    return datetime.now(UTC)


async def add(settings: Settings, entries: Iterable[WatchEntry], *, clock: Clock = _now) -> None:
    """Watch the items of *entries*; returns when the brokers have acknowledged all of them.

    Entries without a time get that of *clock*.

    Raises:
        KafkaError: some are not acknowledged; adding them again is harmless.
    """
    await produce(
        settings,
        topics.WATCHLIST.name,
        [(entry.item_id.encode(), encode_entry(entry)) for entry in stamped(entries, clock())],
    )


async def remove(settings: Settings, item_ids: Iterable[str]) -> None:
    """Stop watching *item_ids*, watched or not; returns when the brokers have acknowledged it.

    Raises:
        KafkaError: some are not acknowledged; removing them again is harmless.
    """
    records = [(item_id.encode(), None) for item_id in item_ids]
    await produce(settings, topics.WATCHLIST.name, records)


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
