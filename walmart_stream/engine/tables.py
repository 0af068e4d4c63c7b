"""Tables whose writes can be awaited, and whose recovery keeps the newest value of a key."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import faust
from faust.types import TP

from walmart_stream.engine.outbox import Outbox
from walmart_stream.runtime.packed import Packed
from walmart_stream.runtime.partitions import CUT, digest
from walmart_stream.runtime.stores import (
    DiskPartitions,
    MemoryPartitions,
    Partitions,
    Place,
)

# The header of a deletion: the value that it deletes.
DELETED = "deleted"


class AwaitedTable(faust.Table[Any, bytes]):
    """A table of bytes that is read and written by partition, a batch at a time.

    ``age`` gives, from a value alone, something that grows from one value of a key to the next:
    while the table is restored, a value that is older than what is there does not replace it. So
    the value of a worker that was thrown out of the group and did not know cannot win by being
    last. A deletion has the value that it deletes in a header, and deletes no newer one either.
    """

    age: Callable[[bytes], Any] | None = None

    #: Has values in memory packed: a third of the memory, at a microsecond or two for each access.
    pack: Callable[[], Packed] | None = None

    #: Seconds after which values on disk are not trusted: less than ``delete.retention.ms``.
    longest_absence = 12 * 3600.0

    #: How often something was written or restored: unchanged means that nothing was.
    changes = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Faust's own store, which stays empty. It takes an address without a host for none.
        super().__init__(*args, **{**kwargs, "store": "memory://empty"})

    def read(self, partition: int, key: bytes) -> bytes | None:
        """The value of the stored *key*, which belongs to *partition*."""
        return self.stored.get(partition, key)

    async def write(
        self, partition: int, values: Mapping[bytes, bytes | None], outbox: Outbox
    ) -> None:
        """Append *values* (``None`` deletes) to the changelog, wait, then change the store.

        The store never is ahead of the changelog. Returns when a restart would find the values.
        """
        topic = self.changelog_topic_name
        async with self._write_locks[partition]:
            self._append(partition, values, outbox)
            sent = await outbox.flush()
            if not values:
                return
            self.changes += 1
            offsets = sent[topic, partition]
            place = self.stored.place(partition)
            if place is not None and 0 <= offsets[0] <= place.offset:
                # The changelog lost its end; we still have what it held, and only we write to it.
                values = {**dict(self.stored.items(partition)), **values}
                self._append(partition, values, outbox)
                offsets = (await outbox.flush())[topic, partition]
                cast(Any, self.app).log_fault(topic, CUT, 1)
            elif offsets[0] != (0 if place is None else place.offset + 1):
                # Another worker's records stand in between, as one of us is a zombie: recovery
                # has to read them.
                offsets = []
            *_, last = values.items()
            self.stored.put(partition, values, _place(offsets, *last))

    def of_partitions(self, partitions: set[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, stored key and value of everything in *partitions*."""
        for partition in partitions:
            for key, value in self.stored.items(partition):
                yield partition, key, value

    def restore(self, partition: int, records: Sequence[Any], *, is_all: bool) -> None:
        """Take *records* of the changelog (aiokafka's, in log order) into the store.

        *is_all*: there were no more when the restoring began.
        """
        self.changes += 1
        last, before = records[-1], self.stored.place(partition)
        at = int(time.time()) if is_all else 0 if before is None else before.at
        place = Place(last.offset, digest(last.key, last.value), at)
        self.stored.put(partition, self._newest(partition, records), place)

    def persisted_offset(self, tp: TP) -> int | None:
        """Where recovery goes on after; ``None``: at the beginning.

        That is before the last record which the values include: reading it once more proves that
        the changelog still has it. Values that are too old are forgotten: the changelog may not
        say any more which of their keys were deleted.
        """
        place = self.stored.place(tp.partition)
        if place is None or time.time() - place.at > self.longest_absence:
            self.stored.clear(tp.partition)
            return None
        return place.offset - 1

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        for tp in revoked:
            if tp.topic == self.changelog_topic_name:
                self.stored.drop(tp.partition)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    @cached_property
    def _write_locks(self) -> defaultdict[int, asyncio.Lock]:
        return defaultdict(asyncio.Lock)

    @cached_property
    def stored(self) -> Partitions:
        disk = cast(Any, self.app).disk
        if disk is not None:
            return DiskPartitions(disk, self.name)
        return MemoryPartitions() if self.pack is None else MemoryPartitions(self.pack)

    def _append(self, partition: int, values: Mapping[bytes, bytes | None], outbox: Outbox) -> None:
        topic = self.changelog_topic_name
        if self.age is None or None not in values.values():
            outbox.extend(topic, partition, values.items())
            return
        for key, value in values.items():
            known = self.stored.get(partition, key) if value is None else None
            headers = [] if known is None else [(DELETED, known)]
            outbox.add(topic, key, value, partition=partition, headers=headers)

    def _newest(self, partition: int, records: Sequence[Any]) -> dict[bytes, bytes | None]:
        age = self.age
        if age is None:
            return {record.key: record.value or None for record in records if record.key}
        newest: dict[bytes, bytes | None] = {}
        for record in records:
            key, value = record.key, record.value
            if not key:
                continue
            known = newest[key] if key in newest else self.stored.get(partition, key)
            said = value or _deleted(record)
            if not (said and known and age(said) < age(known)):
                newest[key] = value or None
        return newest

    def stored_key(self, key: Any) -> bytes:
        """*key*, which is no bytes, as the changelog and the store have it."""
        stored = self.app.serializers.dumps_key(self.key_type, key, serializer="json")
        assert stored is not None
        return stored


def _deleted(record: Any) -> bytes | None:
    return next((value for name, value in record.headers if name == DELETED), None)


def _place(offsets: list[int], key: bytes, value: bytes | None) -> Place | None:
    return Place(offsets[-1], digest(key, value), int(time.time())) if offsets else None
