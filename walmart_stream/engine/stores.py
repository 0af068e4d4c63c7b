"""Where a table's values are, partition by partition, and how far each follows its changelog.

Faust's memory store stays empty: it is one dict for all partitions, in which none of them can be
found or dropped without looking at every key.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from walmart_stream.engine.packed import Packed

Values = Mapping[bytes, bytes | None]

# Sorts behind every key: those are JSON, or an item id.
AFTER_ALL = b"\xff" * 256


class Place(NamedTuple):
    """The last changelog record that a partition's values include, with all before it.

    ``at``: when they included everything (epoch s); 0 if they never did.
    """

    offset: int
    digest: int
    at: int


def digest(key: bytes | None, value: bytes | None) -> int:
    """Tells records apart that stand at the same offset, before and after a log lost its end."""
    return zlib.crc32(value or b"", zlib.crc32(key or b""))


class MemoryPartitions:
    """A table's values by stored key, in this process; *new* makes those of a partition."""

    def __init__(self, new: Callable[[], dict[bytes, bytes] | Packed] = dict) -> None:
        self._values: defaultdict[int, dict[bytes, bytes] | Packed] = defaultdict(new)
        self._places: dict[int, Place] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._values[partition].get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        values = self._values[partition]
        return values.items() if isinstance(values, Packed) else iter(list(values.items()))

    def put(self, partition: int, values: Values, place: Place | None) -> None:
        """Store *values* (``None`` deletes), and *place*, if given, as :meth:`place`."""
        stored = self._values[partition]
        for key, value in values.items():
            if value is None:
                stored.pop(key, None)
            else:
                stored[key] = value
        if place is not None:
            self._places[partition] = place

    def place(self, partition: int) -> Place | None:
        """How far the values follow the changelog."""
        return self._places.get(partition)

    def clear(self, partition: int) -> None:
        """Forget everything of *partition*."""
        self._values.pop(partition, None)
        self._places.pop(partition, None)

    drop = clear


class RocksPartitions:
    """The same in Faust's RocksDB *store*: a database for each, which Faust opens and closes."""

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

    def put(self, partition: int, values: Values, place: Place | None) -> None:
        # As one batch, values and place survive a crash together or not at all.
        batch = self._new_batch(raw_mode=True)
        for key, value in values.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if place is not None:
            batch.put(self._store.offset_key, b"%d:%d:%d" % place)
        self._store._db_for_partition(partition).write(batch)

    def place(self, partition: int) -> Place | None:
        stored = self._store._db_for_partition(partition).get(self._store.offset_key) or b""
        numbers = [int(number) for number in stored.split(b":") if number]
        # Earlier releases wrote the offset alone, which proves nothing.
        return Place(*numbers) if len(numbers) == 3 else None

    def drop(self, partition: int) -> None:
        """Nothing to do: values on disk save time when it comes back."""

    def clear(self, partition: int) -> None:
        batch = self._new_batch(raw_mode=True)
        batch.delete_range(b"", AFTER_ALL)
        self._store._db_for_partition(partition).write(batch)


Partitions = MemoryPartitions | RocksPartitions
