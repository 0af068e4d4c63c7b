"""Tables whose writes can be awaited, and whose recovery keeps the newest value of a key."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import faust
from faust.stores.memory import Store as MemoryStore
from faust.types import TP

from walmart_stream.engine.outbox import Outbox
from walmart_stream.engine.stores import MemoryPartitions, Partitions, RocksPartitions


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
        return self._partitions.get(partition, self.stored_key(key))

    async def write(
        self, partition: int, values: Mapping[Any, bytes | None], outbox: Outbox
    ) -> None:
        """Append *values* (``None`` deletes) to the changelog, wait, then change the store.

        The store never is ahead of the changelog. Returns when a restart would find the values.
        """
        topic = self.changelog_topic_name
        async with self._write_locks[partition]:
            stored = {
                key if key.__class__ is bytes else self.stored_key(key): value
                for key, value in values.items()
            }
            outbox.extend(topic, partition, stored.items())
            sent = await outbox.flush()
            if not stored:
                return
            self.changes += 1
            offset = self._followed_by(partition, sent[topic, partition])
            self._partitions.put(partition, stored, offset)

    def of_partitions(self, partitions: set[int]) -> Iterator[tuple[int, bytes, bytes]]:
        """Partition, stored key and value of everything in *partitions*."""
        for partition in partitions:
            for key, value in self._partitions.items(partition):
                yield partition, key, value

    def restore(self, partition: int, records: Sequence[Any]) -> None:
        """Take *records* of the changelog (aiokafka's, in log order) into the store."""
        self.changes += 1
        self._partitions.put(partition, self._newest(partition, records), records[-1].offset)

    def persisted_offset(self, tp: TP) -> int | None:
        """Where recovery goes on after; ``None``: at the beginning."""
        return self._partitions.offset(tp.partition)

    async def on_rebalance(
        self,
        assigned: set[TP],
        revoked: set[TP],
        newly_assigned: set[TP],
        generation_id: int = 0,
    ) -> None:
        for tp in revoked:
            if tp.topic == self.changelog_topic_name:
                self._partitions.drop(tp.partition)
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)

    @cached_property
    def _write_locks(self) -> defaultdict[int, asyncio.Lock]:
        return defaultdict(asyncio.Lock)

    @cached_property
    def _partitions(self) -> Partitions:
        store: Any = self.data
        return MemoryPartitions() if isinstance(store, MemoryStore) else RocksPartitions(store)

    def _followed_by(self, partition: int, offsets: list[int]) -> int | None:
        """The offset to note after a write: the last of *offsets*, if they follow what is there.

        Where records of another worker stand in between, which happens when one of us is a
        zombie, it stays where it is, so that recovery reads them.
        """
        followed = self._partitions.offset(partition)
        following = 0 if followed is None else followed + 1
        ours = list(range(following, following + len(offsets)))
        return offsets[-1] if offsets == ours else None

    def _newest(self, partition: int, records: Sequence[Any]) -> dict[bytes, bytes | None]:
        age = self.age
        if age is None:
            return {record.key: record.value or None for record in records if record.key}
        newest: dict[bytes, bytes | None] = {}
        for record in records:
            key, value = record.key, record.value
            if not key:
                continue
            known = newest[key] if key in newest else self._partitions.get(partition, key)
            if not (value and known and age(value) < age(known)):
                newest[key] = value or None
        return newest

    def stored_key(self, key: Any) -> bytes:
        """*key* as the changelog and the store have it; bytes stand for themselves."""
        if isinstance(key, bytes):
            return key
        stored = self.app.serializers.dumps_key(self.key_type, key, serializer="json")
        assert stored is not None
        return stored
