"""Where a table's values are, partition by partition, and how far each follows its changelog.

Faust's own stores stay empty. Its memory is one dict for all partitions, in which none of them can
be found or dropped without looking at every key; for its RocksDB see
:mod:`walmart_stream.runtime.disk`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from walmart_stream.runtime.disk import Disk
from walmart_stream.runtime.packed import Packed

Values = Mapping[bytes, bytes | None]


class Place(NamedTuple):
    """The last changelog record that a partition's values include, with all before it.

    ``at``: when they included everything (epoch s); 0 if they never did.
    """

    offset: int
    digest: int
    at: int


class MemoryPartitions:
    """A table's values by stored key, in this process; *new* makes those of a partition."""

    def __init__(self, new: Callable[[], dict[bytes, bytes] | Packed] = dict) -> None:
        self._values: defaultdict[int, dict[bytes, bytes] | Packed] = defaultdict(new)
        self._places: dict[int, Place] = {}

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._values[partition].get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        values = self._values[partition]
        if isinstance(values, Packed):
            return values.items()
        # A list of keys alone: one of pairs blocks the event loop for ten times as long.
        keys = list(values)
        return ((key, value) for key in keys if (value := values.get(key)) is not None)

    def put(self, partition: int, values: Values, place: Place | None) -> None:
        """Store *values* (``None`` deletes), and *place*, if given, as :meth:`place`."""
        stored = self._values[partition]
        if isinstance(stored, Packed):
            stored.update(values)
        else:
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


class DiskPartitions:
    """The values of *table* on *disk*: a partition's keys begin with ``table:partition:``."""

    def __init__(self, disk: Disk, table: str) -> None:
        self._disk = disk
        self._table = table.encode()

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self._disk.get(b"%s:%d:%s" % (self._table, partition, key))

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        first, end = self._range(partition)
        for key, value in self._disk.between(first, end):
            yield key[len(first) :], value

    def put(self, partition: int, values: Values, place: Place | None) -> None:
        # As one batch, values and place survive a crash together or not at all.
        batch = self._disk.batch()
        before, _ = self._range(partition)
        for key, value in values.items():
            if value is None:
                batch.delete(before + key)
            else:
                batch.put(before + key, value)
        if place is not None:
            batch.put(self._place_key(partition), b"%d:%d:%d" % place)
        self._disk.write(batch)

    def place(self, partition: int) -> Place | None:
        stored = self._disk.get(self._place_key(partition))
        return None if stored is None else Place(*map(int, stored.split(b":")))

    def drop(self, partition: int) -> None:
        """Nothing to do: values on disk save time when it comes back."""

    def clear(self, partition: int) -> None:
        first, end = self._range(partition)
        batch = self._disk.batch()
        batch.delete(self._place_key(partition))
        # Every read looks at a range that was deleted, until the files are merged.
        if next(self._disk.between(first, end), None) is not None:
            batch.delete_range(first, end)
        self._disk.write(batch)

    def _range(self, partition: int) -> tuple[bytes, bytes]:
        """The first key that *partition* may have, and the first behind all of them."""
        return b"%s:%d:" % (self._table, partition), b"%s:%d;" % (self._table, partition)

    def _place_key(self, partition: int) -> bytes:
        return b"%s:%d" % (self._table, partition)


Partitions = MemoryPartitions | DiskPartitions
