"""Retention that deletes while workers die, and a memory of what it deleted for the judge."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from tests.real.retention import delete_before
from walmart_stream import topics
from walmart_stream.audit.course import courses
from walmart_stream.audit.findings import Findings, Scope
from walmart_stream.audit.item_audit import ItemAudit
from walmart_stream.audit.spool import Spooled
from walmart_stream.audit.stored import COLLECTIONS, StoredResults
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.reading import decode
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.sealed import FieldSeal

RAW = topics.RAW.name
# Of what has been processed: real retention deletes nothing newer than days.
SHARE = 0.7

Committed = Callable[[str], Awaitable[Mapping[int, int]]]


class Record(NamedTuple):
    """A record of the raw topic, as much of it as judges need."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Retention:
    """Deletes what has been processed. *committed* gives the offsets that a topic's group is at."""

    def __init__(self, settings: Settings, committed: Committed) -> None:
        self._settings = settings
        self._committed = committed
        self.deleted: dict[tuple[int, int], Record] = {}
        #: Epoch ms by which all that was deleted had been written.
        self.deleted_ms = 0

    async def delete(self) -> None:
        """Delete the first part of the raw topic, having read it."""
        processed = await self._committed(RAW)
        starts: dict[int, int] = {}
        until: dict[int, int] = {}
        held = []
        async for one in read_topic(self._settings, RAW):
            start = starts.setdefault(one.partition, one.offset)
            end = start + int((processed[one.partition] - start) * SHARE)
            if one.offset < end:
                until[one.partition] = end
                held.append(Record(one.partition, one.offset, one.timestamp, one.key, one.value))
        self.deleted.update({(one.partition, one.offset): one for one in held})
        # Before: who dies meanwhile may have deleted some of it.
        self.deleted_ms = time.time_ns() // 1_000_000
        await delete_before(self._settings, until)

    async def whole_log(self) -> AsyncIterator[Record]:
        """The raw topic as it would be without retention."""
        for place in sorted(self.deleted):
            yield self.deleted[place]
        async for one in read_topic(self._settings, RAW):
            if (one.partition, one.offset) not in self.deleted:
                yield Record(one.partition, one.offset, one.timestamp, one.key, one.value)


async def judge_whole(settings: Settings, retention: Retention, now: int) -> list[Findings]:
    """The differences of the items, judged by the log together with its deleted records."""
    rules = Rules.of(settings)
    items: dict[str, list[Spooled]] = defaultdict(list)
    async for one in retention.whole_log():
        try:
            observation = decode(one.key, one.value)
            check_not_ahead(observation.observed_at, one.timestamp, settings.most_ahead_ms)
        except BadInput:
            continue
        assert one.key is not None
        if partition_of(one.key, settings.kafka_partitions) == one.partition:
            items[observation.item_id].append(Spooled(one.offset, one.timestamp, observation))
    client = mongo.connect(settings)
    found = []
    try:
        stored = StoredResults(mongo.database(client, settings), FieldSeal.of(settings))
        documents: dict[str, Any] = {name: stored.of_items(name, items) for name in COLLECTIONS}
        for item_id in sorted(items):
            place = RAW, partition_of(item_id.encode(), settings.kafka_partitions)
            looks = sorted(items[item_id], key=lambda look: look.offset)
            end = looks[-1].offset + 1
            ways = courses(item_id, looks, place, rules, None)
            audit = ItemAudit(item_id, ways, Scope(place, rules, now, end, end))
            async for change in documents[PRICE_CHANGES].take(item_id):
                audit.change(change)
            async for offer in documents[OFFERS].take(item_id):
                audit.offer(offer)
            async for window in documents[PRICE_WINDOWS].take(item_id):
                audit.window(window)
            async for one in documents[ITEMS].take(item_id):
                audit.item(one)
            findings = audit.finish()
            if findings.differs:
                found.append(findings)
    finally:
        client.close()
    return found
