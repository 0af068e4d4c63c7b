"""Whether the promise was kept: everything in the raw topic, once and right, in the database.

Three questions, none of which the streaming code has a part in. Is what the broker acknowledged to
the producer beside the workers in the raw topic? Is what the workers recorded what Walmart served?
And does MongoDB hold, field by field, what the raw topic comes to by the pure domain?
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from tests.chaos.after_cut import compare_since
from tests.chaos.retention import Retention, judge_whole
from tests.polling.walmart import Walmart
from walmart_stream import topics
from walmart_stream.audit import Report, report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.commands.replay import replay
from walmart_stream.kafka.reading import read_topic
from walmart_stream.local.truth_check import Verdict, compare, expected_changes
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo

REPLAYED = "_replayed"


@dataclass
class Judgement:
    """The figures; ``clean`` if the promise was kept."""

    observations: int = 0
    acknowledged: int = 0
    cut_off: int = 0
    deleted: int = 0
    untold: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    dead_letters_expected: int = 0
    dead_letters_found: int = 0
    dead_letter_repeats: int = 0
    changes_stored: int = 0
    replayed_differences: int = 0
    replayed_per_second: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.duplicated or self.wrong or self.replayed_differences)


async def judge(
    settings: Settings,
    acknowledged: Mapping[int, Mapping[int, int]],
    walmart: Walmart,
    retention: Retention,
    cut_ms: int | None = None,
) -> Judgement:
    """Judge a pipeline at rest. *acknowledged*: see :class:`tests.chaos.traffic.Traffic`.

    *cut_ms*: when the raw topic last lost its end (epoch ms); nothing before can be told.
    """
    judgement = Judgement()
    if cut_ms is not None:
        return await _judge_after_cut(settings, acknowledged, max(cut_ms, retention.deleted_ms))
    await _judge_log(settings, acknowledged, walmart, retention, judgement)
    audit = await verify(settings)
    _add_audit(audit, judgement)
    if retention.deleted:
        await _judge_deleted(settings, retention, judgement)
    elif audit.untold:
        judgement.wrong += audit.untold
        judgement.notes.append("although nothing was deleted")
    replayed = await replay(settings, into=settings.mongodb_database + REPLAYED)
    judgement.replayed_per_second = round(replayed.observations / max(replayed.seconds, 1e-9))
    again = await verify(
        settings.model_copy(update={"mongodb_database": settings.mongodb_database + REPLAYED})
    )
    judgement.replayed_differences = sum(part.differences for part in again.collections.values())
    if judgement.replayed_differences:
        judgement.notes += ["replayed:", *report_lines(again)]
    return judgement


async def _judge_after_cut(
    settings: Settings, acknowledged: Mapping[int, Mapping[int, int]], since_ms: int
) -> Judgement:
    judgement = Judgement(acknowledged=sum(map(len, acknowledged.values())))
    held = 0
    async for record in read_topic(settings, topics.RAW.name):
        judgement.observations += 1
        digest = acknowledged.get(record.partition, {}).get(record.offset)
        held += digest == hash((record.key, record.value))
    judgement.cut_off = judgement.acknowledged - held
    into = settings.mongodb_database + REPLAYED
    await replay(settings, into=into)
    found = await compare_since(settings, into, since_ms)
    judgement.lost, judgement.duplicated = found.lost, found.duplicated
    judgement.wrong, judgement.changes_stored = found.wrong, found.compared
    judgement.notes = found.notes
    return judgement


async def _judge_deleted(settings: Settings, retention: Retention, judgement: Judgement) -> None:
    """Nothing may differ by the whole log either: what could not be told must be right."""
    judgement.deleted = len(retention.deleted)
    for found in await judge_whole(settings, retention, time.time_ns() // 1_000_000):
        judgement.lost += len(found.lost)
        judgement.duplicated += len(found.unexpected)
        judgement.wrong += len(found.wrong)
        judgement.notes += [
            f"by the whole log: {found.lost + found.unexpected} {found.wrong}"[:500]
        ]


async def _judge_log(
    settings: Settings,
    acknowledged: Mapping[int, Mapping[int, int]],
    walmart: Walmart,
    retention: Retention,
    judgement: Judgement,
) -> None:
    missing = {partition: dict(offsets) for partition, offsets in acknowledged.items()}
    judgement.acknowledged = sum(map(len, missing.values()))
    items = await walmart.items()
    known = set(items)
    polled: list[bytes] = []
    async for record in retention.whole_log():
        digest = missing[record.partition].pop(record.offset, None)
        if digest is not None and digest != hash((record.key, record.value)):
            judgement.wrong += 1
            judgement.notes.append(f"{record.partition}:{record.offset} is not what was sent")
        elif digest is None and _polled_item(record.value) in known:
            polled.append(record.value)
    lost = sum(map(len, missing.values()))
    if lost:
        judgement.lost += lost
        judgement.notes.append(f"{lost} acknowledged records are not in the raw topic")
    verdict = Verdict()
    expected = expected_changes(await walmart.served(), polled, verdict)
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        await compare(expected, database, verdict, {"item_id": {"$in": items}})
    finally:
        client.close()
    judgement.lost += verdict.lost
    judgement.duplicated += verdict.duplicated
    judgement.wrong += verdict.wrong
    judgement.notes += verdict.examples


def _polled_item(value: bytes | None) -> str | None:
    """The item that the poll timer wrote this of; all else of ours is traffic or poison."""
    try:
        observation = orjson.loads(value or b"")
        # Request ids of the client are UUIDs.
        return observation["item_id"] if len(observation["request_id"]) == 36 else None
    except (ValueError, TypeError, KeyError):
        return None


def _add_audit(audit: Report, judgement: Judgement) -> None:
    letters = audit.dead_letters
    assert letters is not None
    judgement.observations = audit.observations
    judgement.untold = audit.untold
    judgement.lost += audit.lost + audit.pending
    judgement.duplicated += audit.unexpected
    judgement.wrong += audit.wrong
    judgement.dead_letters_expected = letters.expected
    judgement.dead_letters_found = letters.stored
    judgement.dead_letter_repeats = audit.dead_letter_repeats
    judgement.changes_stored = audit.collections["price_changes"].stored
    if not audit.is_clean:
        judgement.notes += report_lines(audit)
