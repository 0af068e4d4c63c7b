"""``walmart-stream verify``: the stored results against the raw topic, recomputed.

Partition by partition, and in each item by item, so that memory does not grow with the log.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from aiokafka.errors import OffsetOutOfRangeError
from pymongo.errors import PyMongoError

from walmart_stream import topics
from walmart_stream.audit.dead_letters import DeadLetterCheck
from walmart_stream.audit.misplaced import count_pending
from walmart_stream.audit.partition_audit import PartitionAudit, Progress
from walmart_stream.audit.report import Comparison, Report, report_lines
from walmart_stream.audit.stored import COLLECTIONS, StoredResults
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.partition_states import PartitionState, read_states
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import (
    Unreadable,
    all_partitions_of,
    end_offsets,
    open_partition,
    partitions_of,
    read_topic,
    start_offsets,
)
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.verdicts import note_verdict

__all__ = ["note", "report_lines", "verify"]

# How long a result of a new observation may be on its way to the database (seconds). More makes a
# verification that finds a loss in fresh data take longer; less calls a slow worker a loss.
PATIENCE = 30.0

# A log whose beginning is deleted while it is read is read again from its new one.
ATTEMPTS = 5


def _epoch_ms() -> int:
    return time.time_ns() // 1_000_000


async def verify(
    settings: Settings,
    *,
    patience: float = PATIENCE,
    progress: Progress = lambda done, total: None,
    clock: Callable[[], int] = _epoch_ms,
) -> Report:
    """Recompute everything from the raw topic and compare it with MongoDB and the dead letters.

    It may run beside live workers: an item that differs is looked at again, with what the log has
    got meanwhile, for *patience* seconds in all as long as new observations may explain it.
    *progress* gets how many records are done, and of how many offsets; *clock* gives epoch
    milliseconds.

    Raises:
        KafkaError, PyMongoError: the broker or the database cannot be read.
    """
    started = time.monotonic()
    rules = Rules.of(settings)
    report = Report(collections={name: Comparison() for name in COLLECTIONS})
    count = len(await partitions_of(settings, topics.RAW.name))
    client = mongo.connect(settings)
    try:
        stored = StoredResults(mongo.database(client, settings), FieldSeal.of(settings))
        every_state = (await read_states(settings)).values()
        states = {one.partition: one for one in every_state if one.topic == topics.RAW.name}
        audit = PartitionAudit(
            settings, count, rules, stored, report, patience, progress, clock, states
        )
        audit.waiting = await _waiting_items(settings, every_state)
        starts = await start_offsets(settings, topics.RAW.name)
        ends = await end_offsets(settings, topics.RAW.name)
        total = sum(end - starts[partition] for partition, end in ends.items())
        for partition in range(count):
            await _judge(audit, settings, partition, total)
        for tp in (await all_partitions_of(settings, topics.RAW.name))[count:]:
            async with open_partition(settings, *tp) as log:
                await audit.pass_over(tp.partition, log)
        await _judge_strangers(audit, settings, stored, report, count)
        await _judge_misplaced(audit, settings, report)
        await _judge_dead_letters(audit, settings, report, states)
    finally:
        client.close()
    report.truncated = sorted(audit.horizons)
    report.seconds = time.monotonic() - started
    return report


async def note(settings: Settings, report: Report, at: datetime) -> str | None:
    """Keep the verdict of *report* for the first screen; why that could not be done, if so."""
    client = mongo.connect(settings)
    try:
        await note_verdict(mongo.database(client, settings), report.verdict.name.lower(), at)
    except PyMongoError as exc:
        return type(exc).__name__
    finally:
        client.close()
    return None


async def _judge(audit: PartitionAudit, settings: Settings, partition: int, total: int) -> None:
    for attempt in range(ATTEMPTS):
        try:
            async with open_partition(settings, topics.RAW.name, partition) as log:
                await audit.judge(partition, log, total)
            return
        except OffsetOutOfRangeError:
            if attempt + 1 == ATTEMPTS:
                raise


async def _judge_strangers(
    audit: PartitionAudit, settings: Settings, stored: StoredResults, report: Report, count: int
) -> None:
    """Judge what is stored of items that the log did not have when it was read."""
    strangers: dict[int, set[str]] = {}
    for collection in COLLECTIONS:
        nameless = []
        async for item_id in stored.item_ids(collection):
            if not isinstance(item_id, str):
                nameless.append(item_id)
            elif not audit.has_seen(item_id):
                strangers.setdefault(partition_of(item_id.encode(), count), set()).add(item_id)
        async for name in stored.names(collection, nameless):
            report.collections[collection].stored += 1
            report.collections[collection].add_unexpected(name)
    for partition, item_ids in sorted(strangers.items()):
        async with open_partition(settings, topics.RAW.name, partition) as log:
            await audit.judge_strangers(partition, item_ids, log)


async def _judge_misplaced(audit: PartitionAudit, settings: Settings, report: Report) -> None:
    pending = await count_pending(settings, audit.misplaced)
    for home, count in pending.items():
        if home in audit.horizons:
            report.pending_untold += count
        else:
            report.pending += count


async def _waiting_items(settings: Settings, states: Iterable[PartitionState]) -> set[str]:
    """The items of which results stand in parked partitions, where nobody stores them."""
    found: set[str] = set()
    for state in states:
        if state.parked and state.topic == topics.RESULTS.name:
            async with open_partition(settings, *state.place) as log:
                log.position = max(log.start, state.offset)
                async for record in log.read_on():
                    found.add((record.key or b"").decode("utf-8", "replace"))
    return found


async def _judge_dead_letters(
    audit: PartitionAudit,
    settings: Settings,
    report: Report,
    states: Mapping[int, PartitionState],
) -> None:
    def passed_over(partition: int, offset: int) -> bool:
        return partition in states and states[partition].skips(offset)

    starts = {partition: horizon.start for partition, horizon in audit.horizons.items()}
    while True:
        check = DeadLetterCheck(audit.bad, starts, audit.ends, passed_over)
        unreadable: Unreadable = {}
        name = topics.DEAD_LETTERS.name
        async for record in read_topic(settings, name, unreadable=unreadable):
            check.add(record.headers, record.key, record.value)
        if not any(audit.is_fresh(bad.timestamp) for bad in check.missing()):
            break
        if not await audit.wait():
            break
    letters = await start_offsets(settings, topics.DEAD_LETTERS.name)
    report.dead_letters = check.finish(letters_lost=any(letters.values()) or bool(unreadable))
    report.dead_letter_repeats = check.repeats
