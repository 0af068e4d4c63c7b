"""An item's observations, read from the raw topic."""

from __future__ import annotations

import time
from collections.abc import Callable

from aiokafka import ConsumerRecord

from walmart_stream import topics
from walmart_stream.domain.apply import Entry
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import Source
from walmart_stream.domain.known_then import ItemLog
from walmart_stream.domain.pasts import FIRST_RECORDS, Horizon
from walmart_stream.domain.reading import decode
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.kafka.moved import origin
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import end_offsets, open_partition
from walmart_stream.settings import Settings

Progress = Callable[[int, int | None], None]

# Records between two calls of *progress*.
STEP = 1_000


async def item_log(
    settings: Settings,
    item_id: str,
    progress: Progress = lambda done, total: None,
    clock: Callable[[], float] = time.time,
) -> ItemLog:
    """All observations of *item_id* that the raw topic holds now, as the pipeline takes them.

    Its whole partition is read, since Kafka finds records by offset only. *progress* gets the
    records that are done, and those expected; *clock* gives epoch seconds.

    Raises:
        KafkaError, TimeoutError: the broker cannot be read.
    """
    key = item_id.encode()
    ends = await end_offsets(settings, topics.RAW.name)
    partition = partition_of(key, len(ends))
    first_times: list[int] = []
    entries: list[Entry] = []
    async with open_partition(settings, topics.RAW.name, partition) as log:
        total = max(ends[partition] - log.start, 0)
        async for record in log.read_on():
            if len(first_times) < FIRST_RECORDS and origin(record.headers) is None:
                first_times.append(record.timestamp)
            if record.key == key and (entry := _entry(record, settings.most_ahead_ms)) is not None:
                entries.append(entry)
            if record.offset % STEP == 0:
                progress(record.offset - log.start, total)
        progress(total, total)
        now = int(clock() * 1000)
        horizon = Horizon.of(log.start, first_times, settings.most_ahead_ms, now)
    return ItemLog(item_id, partition, entries, horizon)


def _entry(record: ConsumerRecord[bytes, bytes], most_ahead: int) -> Entry | None:
    """The observation in *record*, or ``None`` if the processing agent does not apply it either."""
    try:
        observation = decode(record.key, record.value)
        check_not_ahead(observation.observed_at, record.timestamp, most_ahead)
    except BadInput:
        return None
    return Entry(observation, Source(record.topic, record.partition, record.offset))
