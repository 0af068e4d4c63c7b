"""Tables whose writes can be awaited, and whose recovery keeps the newest value of a key.

Relies on, in faust/tables/base.py: ``apply_changelog_batch``, ``changelog_topic_name``, ``_data``
and ``on_recovery_completed``; in faust/stores/memory.py: ``data`` and ``_key_partition``; in
faust/stores/rocksdb.py: ``_db_for_partition`` and ``set_persisted_offset``.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import faust
from faust.stores.memory import Store as MemoryStore
from faust.types import TP

from walmart_stream.engine.outbox import Outbox


class AwaitedTable(faust.Table[Any, bytes]):
    """A table of bytes that is read and written by partition, a batch at a time.

    ``age`` tells how old a value is, from the value alone: while the table is restored, a value
    that is younger than what is there replaces it, and one that is older does not. So the value
    of a worker that was thrown out of the group and did not know cannot win by being last.
    """

    age: Callable[[bytes], int] | None = None

    #: How often something was written or restored: unchanged means that nothing was.
    changes = 0

    def read(self, partition: int, key: Any) -> bytes | None:
        """The value of *key*, which belongs to *partition*."""
        store: Any = self.data
        if isinstance(store, MemoryStore):
            value = store.data.get(key)
        else:
            value = store._db_for_partition(partition).get(self._stored_key(key))
        return value or None

    async def write(
        self, partition: int, values: Mapping[Any, bytes | None], outbox: Outbox
    ) -> None:
        """Append *values* (``None`` deletes) to the changelog, wait, then change the store.

        The store never is ahead of the changelog. Returns when a restart would find the values.
        """
        async with self._write_locks[partition]:
            for key, value in values.items():
                outbox.add(
                    self.changelog_topic_name, self._stored_key(key), value, partition=partition
                )
            sent = await outbox.flush()
            if not values:
                return
            self.changes += 1
            store: Any = self.data
            if isinstance(store, MemoryStore):
                self._apply_to_memory(store, partition, values)
            else:
                offsets = sent[self.changelog_topic_name, partition]
                self._apply_to_rocksdb(store, partition, values, offsets)

    @cached_property
    def _write_locks(self) -> defaultdict[int, asyncio.Lock]:
        return defaultdict(asyncio.Lock)

    def _apply_to_memory(
        self, store: Any, partition: int, values: Mapping[Any, bytes | None]
    ) -> None:
        for key, value in values.items():
            if value is None:
                store.data.pop(key, None)
                store._key_partition.pop(key, None)
            else:
                store.data[key] = value
                store._key_partition[key] = partition

    def _apply_to_rocksdb(
        self, store: Any, partition: int, values: Mapping[Any, bytes | None], offsets: list[int]
    ) -> None:
        database = store._db_for_partition(partition)
        for key, value in values.items():
            if value is None:
                database.delete(self._stored_key(key))
            else:
                database.put(self._stored_key(key), value)
        # Recovery goes on after the persisted offset. Where records of another worker stand
        # between it and ours, which happens when one of us is a zombie, it stays where it is.
        tp = TP(self.changelog_topic_name, partition)
        persisted = store.persisted_offset(tp)
        following = (-1 if persisted is None else persisted) + 1
        if offsets == list(range(following, following + len(offsets))):
            store.set_persisted_offset(tp, offsets[-1])

    def of_partitions(self, partitions: set[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, stored key and value of everything in *partitions*."""
        store: Any = self.data
        if isinstance(store, MemoryStore):
            for key, value in list(store.data.items()):
                partition = store._key_partition.get(key)
                if partition in partitions and value:
                    yield partition, self._stored_key(key), value
            return
        for partition in partitions:
            for key, value in store._db_for_partition(partition).items():
                if key != store.offset_key:
                    yield partition, key, value

    def apply_changelog_batch(self, batch: Any) -> None:
        self.changes += 1
        if self.age is not None:
            batch = self._newest(batch)
        super().apply_changelog_batch(batch)

    def _newest(self, batch: Any) -> list[Any]:
        age = self.age
        assert age is not None
        ages: dict[Any, int] = {}
        newest = []
        for event in batch:
            value = event.message.value
            if value:
                key = self._to_key(event.key)
                known = ages.get(key)
                if known is None:
                    stored = self.read(event.message.partition, key)
                    known = -1 if stored is None else age(stored)
                ages[key] = age(value)
                if ages[key] < known:
                    ages[key] = known
                    continue
            newest.append(event)
        return newest

    def _stored_key(self, key: Any) -> bytes:
        if isinstance(key, bytes):
            return key
        stored = self.app.serializers.dumps_key(self.key_type, key, serializer="json")
        assert stored is not None
        return stored
