"""An item's observations, read from the raw topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from aiokafka import ConsumerRecord

from walmart_stream import topics
from walmart_stream.domain.apply import Entry
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import Source
from walmart_stream.domain.known_then import ItemLog
from walmart_stream.domain.pasts import FIRST_RECORDS, Horizon
from walmart_stream.domain.reading import decode
from walmart_stream.domain.reading.observation import UNLOCK
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


async def never_observed(
    settings: Settings, item_ids: Iterable[str], progress: Progress = lambda done, total: None
) -> list[str]:
    """Those of *item_ids* of which the raw topic holds no observation, whatever its time.

    Where its partition has lost its beginning, nobody can tell, and an item is none of them.

    Raises:
        KafkaError, TimeoutError: the broker cannot be read.
    """
    wanted = list(dict.fromkeys(item_ids))
    ends = await end_offsets(settings, topics.RAW.name)
    missing: dict[int, set[bytes]] = {}
    for item_id in wanted:
        key = item_id.encode()
        missing.setdefault(partition_of(key, len(ends)), set()).add(key)
    for partition, keys in missing.items():
        async with open_partition(settings, topics.RAW.name, partition) as log:
            if log.start > 0:
                keys.clear()
                continue
            async for record in log.read_on():
                if record.key in keys and _is_observation(record):
                    keys.remove(record.key)
                if record.offset % STEP == 0:
                    progress(record.offset, ends[partition])
                if not keys:
                    break
    absent = set().union(*missing.values())
    return [item_id for item_id in wanted if item_id.encode() in absent]


def _is_observation(record: ConsumerRecord[bytes, bytes]) -> bool:
    """Whether *record* says something of its item, instead of asking for its recomputation."""
    try:
        return decode(record.key, record.value).source != UNLOCK
    except BadInput:
        return False


def _entry(record: ConsumerRecord[bytes, bytes], most_ahead: int) -> Entry | None:
    """The observation in *record*, or ``None`` if the processing agent does not apply it either."""
    try:
        observation = decode(record.key, record.value)
        check_not_ahead(observation.observed_at, record.timestamp, most_ahead)
    except BadInput:
        return None
    return Entry(observation, Source(record.topic, record.partition, record.offset))
