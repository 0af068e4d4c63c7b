"""One partition after the other: its log item by item, and what is stored of these items."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

from walmart_stream import topics
from walmart_stream.audit.course import Course, courses
from walmart_stream.audit.dead_letters import BadRecord, BadRecords
from walmart_stream.audit.findings import Findings, Scope
from walmart_stream.audit.item_audit import ItemAudit
from walmart_stream.audit.log_reader import LogReader
from walmart_stream.audit.misplaced import Misplaced, digest_of
from walmart_stream.audit.report import Report
from walmart_stream.audit.seen import SeenItems
from walmart_stream.audit.spool import Spool, Spooled, unpack
from walmart_stream.audit.stored import COLLECTIONS, ByItem, Document, StoredResults
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.moved import fits, home_of
from walmart_stream.kafka.partition_states import PartitionState
from walmart_stream.kafka.reading import PartitionLog
from walmart_stream.settings import Settings
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS

Progress = Callable[[int, int], None]
Items = Mapping[str, Sequence[bytes]]

# Items whose documents are asked for at once: more make queries rarer and answers larger.
ITEMS_AT_ONCE = 500
# Items that differed, whose documents are in memory while the log is read on.
SUSPECTS_AT_ONCE = 50
# Between two looks at what may be on its way (seconds).
LOOK_INTERVAL = 1.0


class PartitionAudit:
    """Judges partitions into *report*. *patience*: see :func:`walmart_stream.audit.verify.verify`.

    ``horizons`` are those of the partitions whose log has lost its beginning, ``ends`` the offsets
    up to which each was read. ``bad`` are the records that must be dead letters, ``waiting`` the
    items of which results wait in a parked partition.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        rules: Rules,
        stored: StoredResults,
        report: Report,
        patience: float,
        progress: Progress,
        clock: Callable[[], int],
        states: Mapping[int, PartitionState],
    ) -> None:
        self._settings = settings
        self._states = states
        self._partitions = partitions
        self._rules = rules
        self._report = report
        self._patience = self._left = patience
        self._progress = progress
        self._clock = clock
        self._seen = SeenItems()
        self._total = 0
        # Partitions with a batch that we cannot read, and a worker may have read.
        self._doubtful: set[int] = set()
        self.stored = stored
        self.horizons: dict[int, Horizon] = {}
        self.ends: dict[int, int] = {}
        self.bad: BadRecords = {}
        self.misplaced: Misplaced = {}
        self.waiting: Set[str] = frozenset()

    async def judge(self, partition: int, log: PartitionLog, total: int) -> None:
        """Judge what *log* holds; *total* offsets are expected in all partitions.

        Raises:
            OffsetOutOfRangeError: its beginning was deleted meanwhile; nothing was counted.
        """
        self._total = total
        reader = LogReader(
            self._settings, self._partitions, partition, log, self._states.get(partition)
        )
        with Spool() as spool:
            async for one in reader.read_on():
                spool.add(one)
            self._note_unreadable(log)
            horizon = self._horizon(log.start, reader.first_times)
            look = _Look(self, partition, reader, horizon)
            for group in spool.groups():
                for items in _parts(group, ITEMS_AT_ONCE):
                    await look.judge(items)
        self._take(partition, reader, horizon)

    async def pass_over(self, partition: int, log: PartitionLog) -> None:
        """Note what *log* holds, of a surplus *partition*: its records count where they go."""
        async for record in log.read_on():
            digest = digest_of(record.key, record.value)
            if fits(record):
                home = home_of(record.topic, record.key, self._partitions)
                self.misplaced.setdefault(home, Counter())[digest] += 1
                self._report.misplaced += 1
            else:
                self.bad[partition, record.offset] = BadRecord(digest, record.timestamp)
                self._report.bad += 1
            self._report.observations += 1
        self.ends[partition] = log.position
        self._note_unreadable(log)

    async def judge_strangers(
        self, partition: int, item_ids: Iterable[str], log: PartitionLog
    ) -> None:
        """Judge items that are stored, and were not in the log of *partition* when it was read."""
        reader = LogReader(
            self._settings, self._partitions, partition, log, self._states.get(partition)
        )
        log.position = max(log.start, self.ends[partition])
        lower = log.position
        horizon = self.horizons.get(partition)
        observed: dict[str, list[Spooled]] = {item_id: [] for item_id in item_ids}
        for items in _parts(dict.fromkeys(observed, ()), SUSPECTS_AT_ONCE):
            stored = _stored_of(self.stored, items)
            held = {item_id: await _take_all(stored, item_id) for item_id in items}
            async for one in reader.read_on():
                if one.observation.item_id in observed:
                    observed[one.observation.item_id].append(one)
            scope = self.scope(partition, lower, log.position, horizon)
            for item_id, documents in held.items():
                names = [str(one.get("offer")) for one in documents[OFFERS]]
                ways = courses(item_id, observed[item_id], scope.place, scope.rules, horizon, names)
                found = self.judged(partition, item_id, _findings(item_id, ways, scope, documents))
                self.note(item_id, found, Course())

    def _horizon(self, start: int, first_times: Sequence[int]) -> Horizon | None:
        return Horizon.of(start, first_times, self._settings.most_ahead_ms, self._clock())

    def _take(self, partition: int, reader: LogReader, horizon: Horizon | None) -> None:
        if horizon is not None:
            self.horizons[partition] = horizon
        self.ends[partition] = reader.log.position
        self._note_unreadable(reader.log)
        if reader.waiting:
            self._report.waiting[partition] = reader.waiting
        self._report.observations += reader.records
        self._report.bad += len(reader.bad)
        self._report.misplaced += sum(digests.total() for digests in reader.misplaced.values())
        self.bad.update({(partition, offset): bad for offset, bad in reader.bad.items()})
        for home, digests in reader.misplaced.items():
            self.misplaced.setdefault(home, Counter()).update(digests)

    def _note_unreadable(self, log: PartitionLog) -> None:
        for (partition, offset), why in log.unreadable.items():
            self._report.unreadable[f"{topics.RAW.name}:{partition}:{offset}"] = why
            state = self._states.get(partition)
            if state is None or not (state.skips(offset) or state.stops(offset)):
                self._doubtful.add(partition)

    def judged(self, partition: int, item_id: str, found: Findings) -> Findings:
        """*found*, unless results that wait, or batches that cannot be read, would explain it."""
        if found.differs and item_id in self.waiting:
            found.set_waiting()
        if found.differs and partition in self._doubtful:
            found.set_doubtful()
        return found

    def note(self, item_id: str, found: Findings, course: Course) -> None:
        """Count what was *found* of an item."""
        self._seen.add(item_id)
        found.add_to(self._report.collections)
        self._report.applied += course.applied
        self._report.duplicate += course.duplicate
        self._report.late += course.late
        self._report.silent += course.silent

    def has_seen(self, item_id: str) -> bool:
        """Whether the log has the item."""
        return item_id in self._seen

    def scope(self, partition: int, lower: int, upper: int, horizon: Horizon | None) -> Scope:
        """The rules by which an item of *partition* is judged."""
        place = topics.RAW.name, partition
        return Scope(place, self._rules, self._clock(), lower, upper, horizon)

    def is_fresh(self, timestamp: int) -> bool:
        """Whether results of a record with this Kafka timestamp may still be on their way."""
        return timestamp > self._clock() - self._patience * 1000

    async def wait(self) -> bool:
        """Wait a little for what may be on its way; false if it has been waited for long enough."""
        if self._left <= 0:
            return False
        self._left -= LOOK_INTERVAL
        await asyncio.sleep(LOOK_INTERVAL)
        return True

    def tell(self, records: int) -> None:
        """Report progress: *records* of the present partition are done."""
        self._progress(self._report.observations + records, self._total)


class _Look:
    """Looks at the items of one partition; again at those that may have moved while it looked."""

    def __init__(
        self, audit: PartitionAudit, partition: int, reader: LogReader, horizon: Horizon | None
    ) -> None:
        self._audit = audit
        self._partition = partition
        self._reader = reader
        self._horizon = horizon
        self._tail: dict[str, list[Spooled]] = {}
        self._told = 0

    async def judge(self, items: Items) -> None:
        """Judge *items*, whose observations are given up to where the log was read at first."""
        suspects = {}
        position = self._reader.log.position
        stored = _stored_of(self._audit.stored, items)
        for item_id in sorted(items):
            observations = self._observations(items, item_id)
            offers = [one async for one in stored[OFFERS].take(item_id)]
            ways = self._courses(item_id, observations, offers)
            scope = self._audit.scope(self._partition, position, position, self._horizon)
            audit = ItemAudit(item_id, ways, scope)
            async for change in stored[PRICE_CHANGES].take(item_id):
                audit.change(change)
            for offer in offers:
                audit.offer(offer)
            async for window in stored[PRICE_WINDOWS].take(item_id):
                audit.window(window)
            async for one in stored[ITEMS].take(item_id):
                audit.item(one)
            found = self._audit.judged(self._partition, item_id, audit.finish())
            if found.differs:
                suspects[item_id] = items[item_id]
            else:
                self._audit.note(item_id, found, ways[0])
            self._told += len(observations)
            self._audit.tell(min(self._told, self._reader.records))
        for part in _parts(suspects, SUSPECTS_AT_ONCE):
            await self._look_again(part)

    async def _look_again(self, items: Items) -> None:
        """Judge by the log as it was before *and* after their documents were read."""
        waiting = dict(items)
        while True:
            lower = self._reader.log.position
            stored = _stored_of(self._audit.stored, waiting)
            held = {item_id: await _take_all(stored, item_id) for item_id in sorted(waiting)}
            async for one in self._reader.read_on():
                self._tail.setdefault(one.observation.item_id, []).append(one)
            scope = self._audit.scope(
                self._partition, lower, self._reader.log.position, self._horizon
            )
            differing: dict[str, tuple[Findings, Course]] = {}
            for item_id, documents in held.items():
                observations = self._observations(waiting, item_id)
                ways = self._courses(item_id, observations, documents[OFFERS])
                found = self._audit.judged(
                    self._partition, item_id, _findings(item_id, ways, scope, documents)
                )
                newest = max(one.timestamp for one in observations)
                if found.differs and (item_id in self._tail or self._audit.is_fresh(newest)):
                    differing[item_id] = found, ways[0]
                else:
                    self._audit.note(item_id, found, ways[0])
            waiting = {item_id: waiting[item_id] for item_id in differing}
            if not waiting:
                return
            if not await self._audit.wait():
                for item_id, (found, course) in differing.items():
                    self._audit.note(item_id, found, course)
                return

    def _observations(self, items: Items, item_id: str) -> list[Spooled]:
        return unpack(items[item_id]) + self._tail.get(item_id, [])

    def _courses(
        self, item_id: str, observations: Sequence[Spooled], offers: Sequence[Document]
    ) -> list[Course]:
        names = [str(one.get("offer")) for one in offers]
        scope = self._audit.scope(self._partition, 0, 0, self._horizon)
        return courses(item_id, observations, scope.place, scope.rules, self._horizon, names)


def _findings(
    item_id: str, ways: Sequence[Course], scope: Scope, documents: Mapping[str, list[Document]]
) -> Findings:
    audit = ItemAudit(item_id, ways, scope)
    for change in documents[PRICE_CHANGES]:
        audit.change(change)
    for offer in documents[OFFERS]:
        audit.offer(offer)
    for window in documents[PRICE_WINDOWS]:
        audit.window(window)
    for one in documents[ITEMS]:
        audit.item(one)
    return audit.finish()


async def _take_all(stored: Mapping[str, ByItem], item_id: str) -> dict[str, list[Document]]:
    return {
        name: [one async for one in documents.take(item_id)] for name, documents in stored.items()
    }


def _stored_of(stored: StoredResults, items: Items) -> dict[str, ByItem]:
    return {name: stored.of_items(name, items) for name in COLLECTIONS}


def _parts(items: Items, most: int) -> Iterator[Items]:
    names = sorted(items)
    for first in range(0, len(names), most):
        yield {name: items[name] for name in names[first : first + most]}
