"""``walmart-stream replay``: the results made again from the raw topic, beside the live workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from walmart_stream import topics
from walmart_stream.audit.lost_past import lost_beginnings, require_whole_log
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.closing import close_windows
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import Event, OfferUpdated, PriceChange, Source
from walmart_stream.domain.reading import decode
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import check_not_ahead, to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import Unreadable, end_offsets, read_topic
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.writes import Results, store

# Observations applied and results stored at once.
BATCH = 2000

Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Replayed:
    """The figures of a replay; ``skipped`` are dead letters and forwarded records.

    ``begins`` is the newest beginning (epoch ms) of the partitions that have lost theirs, and
    ``None`` where the log is whole: results from before it are not known. ``unreadable`` says of
    batches, by place, why they cannot be read: what they hold is not in the results.
    """

    observations: int = 0
    skipped: int = 0
    changes: int = 0
    windows: int = 0
    seconds: float = 0.0
    begins: int | None = None
    unreadable: dict[str, str] = field(default_factory=dict)


async def replay(
    settings: Settings,
    *,
    since: datetime | None = None,
    into: str | None = None,
    progress: Progress = lambda done, total: None,
    clock: Callable[[], float] = time.time,
) -> Replayed:
    """Recompute the results of all that the raw topic holds now, and store them.

    Everything is read, since the first observations decide what the next ones change; *since*
    leaves out results before it (aware). *into* names another database. Existing documents
    stay: writes are as idempotent as the sink's. *progress* gets the number of records done and of
    all offsets; *clock* gives epoch seconds.

    Raises:
        PastLost: the topic no longer holds all that the live database was made of.
        KafkaError, PyMongoError: the broker cannot be read or the database not be written.
    """
    started = time.monotonic()
    lost = await lost_beginnings(settings)
    if into is None or into == settings.mongodb_database:
        require_whole_log(lost, settings.mongodb_database)
    rules = Rules.of(settings)
    ends = await end_offsets(settings, topics.RAW.name)
    replayed = Replayed()
    client = mongo.connect(settings)
    try:
        target = settings.model_copy(update={"mongodb_database": into}) if into else settings
        database = mongo.database(client, target)
        await mongo.create_indexes(database)
        seal = FieldSeal.of(settings)
        writer = _Writer(database, seal, 0 if since is None else to_ms(since), replayed)
        for partition in sorted(ends):
            states: dict[str, ItemState] = {}
            batch: list[Entry] = []
            is_first = partition in lost
            unreadable: Unreadable = {}
            async for record in read_topic(
                settings, topics.RAW.name, partitions=[partition], unreadable=unreadable
            ):
                if is_first:
                    replayed.begins = max(replayed.begins or 0, record.timestamp)
                    is_first = False
                replayed.observations += 1
                entry = _entry(record, len(ends), settings.most_ahead_ms)
                if entry is None:
                    replayed.skipped += 1
                else:
                    batch.append(entry)
                if len(batch) >= BATCH:
                    await writer.write(_advance(states, batch, rules).events)
                    batch = []
                    progress(replayed.observations, sum(ends.values()))
            await writer.write(_advance(states, batch, rules).events)
            await writer.write(_close(states, int(clock() * 1000), rules))
            replayed.unreadable |= {
                f"{topics.RAW.name}:{partition}:{offset}": why
                for (_, offset), why in unreadable.items()
            }
            progress(replayed.observations, sum(ends.values()))
    finally:
        client.close()
    replayed.seconds = time.monotonic() - started
    return replayed


class _Writer:
    def __init__(self, database: Any, seal: FieldSeal, since: int, replayed: Replayed) -> None:
        self._database = database
        self._seal = seal
        self._since = since
        self._replayed = replayed

    async def write(self, events: list[Event]) -> None:
        results = Results()
        for event in events:
            if isinstance(event, PriceChange):
                if event.observed_at >= self._since:
                    results.add_change(event.document())
                    self._replayed.changes += 1
            elif isinstance(event, OfferUpdated):
                if event.observed_at >= self._since:
                    results.add_update(event.document())
            elif event.end > self._since:
                results.add_window(event.document())
                self._replayed.windows += 1
        await store(self._database, results, self._seal)


def _entry(record: Any, partitions: int, most_ahead: int) -> Entry | None:
    """The observation in *record*, or ``None`` if the processing agent does not apply it either."""
    try:
        observation = decode(record.key, record.value)
        check_not_ahead(observation.observed_at, record.timestamp, most_ahead)
    except BadInput:
        return None
    if partition_of(record.key, partitions) != record.partition:
        return None  # it was forwarded, and is read where it belongs
    return Entry(observation, Source(record.topic, record.partition, record.offset))


def _advance(states: dict[str, ItemState], batch: list[Entry], rules: Rules) -> Outcome:
    outcome = apply(states, batch, rules)
    states.update(outcome.states)
    return outcome


def _close(states: Mapping[str, ItemState], now: int, rules: Rules) -> list[Event]:
    closed: list[Event] = []
    for item_id, state in states.items():
        closed.extend(close_windows(item_id, state, now, rules)[1])
    return closed
