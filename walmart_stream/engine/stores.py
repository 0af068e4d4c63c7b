"""Where a table's values are, partition by partition, and how far each follows its changelog.

Faust's memory store stays empty: it is one dict for all partitions, in which none of them can be
found or dropped without looking at every key.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Values = Mapping[bytes, bytes | None]


class Partitions(Protocol):
    """The values of a table's partitions by stored key."""

    def get(self, partition: int, key: bytes) -> bytes | None:
        """The value of *key*."""

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """What *partition* holds now."""

    def put(self, partition: int, values: Values, offset: int | None) -> None:
        """Store *values* (``None`` deletes), and *offset*, if given, as :meth:`offset`."""

    def offset(self, partition: int) -> int | None:
        """The last changelog record that the values include, with all before it."""

    def drop(self, partition: int) -> None:
        """Somebody else has *partition* now."""


class MemoryPartitions:
    """In this process; a restart begins with nothing."""

    def __init__(self) -> None:
        self._values: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self._offsets: dict[int, int] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._values[partition].get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self._values[partition].items()))

    def put(self, partition: int, values: Values, offset: int | None) -> None:
        stored = self._values[partition]
        for key, value in values.items():
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        if offset is not None:
            self._offsets[partition] = offset

    def offset(self, partition: int) -> int | None:
        return self._offsets.get(partition)

    def drop(self, partition: int) -> None:
        self._values.pop(partition, None)
        self._offsets.pop(partition, None)


class RocksPartitions:
    """In Faust's RocksDB *store*, one database for each partition, which Faust opens and closes."""

    def __init__(self, store: Any) -> None:
        import rocksdict

        self._store = store
        self._new_batch = rocksdict.WriteBatch

    def get(self, partition: int, key: bytes) -> bytes | None:
        value: bytes | None = self._store._db_for_partition(partition).get(key)
        return value or None

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        for key, value in self._store._db_for_partition(partition).items():
            if key != self._store.offset_key and value:
                yield key, value

    def put(self, partition: int, values: Values, offset: int | None) -> None:
        # As one batch, values and offset survive a crash together or not at all.
        batch = self._new_batch(raw_mode=True)
        for key, value in values.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if offset is not None:
            batch.put(self._store.offset_key, b"%d" % offset)
        self._store._db_for_partition(partition).write(batch)

    def offset(self, partition: int) -> int | None:
        stored = self._store._db_for_partition(partition).get(self._store.offset_key)
        return None if stored is None else int(stored)

    def drop(self, partition: int) -> None:
        """Nothing to do: what is on disk saves time when it comes back."""
