"""Observations set aside until all of their item are there, in bounded memory.

A log is in the order of time, an audit goes item by item. Small partitions stay in memory; of a
large one, temporary files hold a part of the items each.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain.reading.observation import Observation

# Bytes of a partition that are kept in memory; beyond, files are written. More would be memory that
# the audit of a long log takes and that of a short one does not; less would write files for both.
IN_MEMORY = 2 * 1024 * 1024
# What a record costs in memory beside its bytes.
OVERHEAD = 120
# Files of a large partition. A tenth of a million observations each makes 6 million a partition.
FILES = 64


class Spooled(NamedTuple):
    """An observation and its place: offset and Kafka timestamp (epoch ms)."""

    offset: int
    timestamp: int
    observation: Observation


_encode = Encoder().encode
_decode = Decoder(Spooled).decode


class Spool:
    """The observations of one partition; add them in log order, then go through the groups."""

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._limit = in_memory
        self._size = 0
        self._items: dict[str, list[bytes]] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._files: list[BinaryIO] = []

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files:
            file.close()
        if self._folder is not None:
            self._folder.cleanup()

    def add(self, one: Spooled) -> None:
        """Set *one* aside."""
        packed = _encode(one)
        self._items.setdefault(one.observation.item_id, []).append(packed)
        self._size += len(packed) + OVERHEAD
        if self._size > self._limit:
            self._write()

    def groups(self) -> Iterator[dict[str, list[bytes]]]:
        """Items with what :meth:`unpack` reads, each item once, in its order of the log."""
        if self._folder is None:
            yield self._items
            return
        self._write()
        # Several files at once where they are small: each group costs its reader some queries.
        group: dict[str, list[bytes]] = {}
        size = 0
        for file in self._files:
            if group and size + file.tell() > self._limit:
                yield group
                group, size = {}, 0
            size += file.tell()
            group |= _read(file)
        yield group

    def _write(self) -> None:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="walmart-stream-verify-")
            folder = Path(self._folder.name)
            self._files = [(folder / str(number)).open("w+b") for number in range(FILES)]
        for item_id, packed in self._items.items():
            file = self._files[hash(item_id) % FILES]
            name = item_id.encode()
            for one in packed:
                file.write(len(name).to_bytes(1, "big") + name + len(one).to_bytes(4, "big") + one)
        self._items = {}
        self._size = 0


def unpack(packed: Sequence[bytes]) -> list[Spooled]:
    """The observations of an item of a group."""
    return [_decode(one) for one in packed]


def _read(file: BinaryIO) -> dict[str, list[bytes]]:
    items: dict[str, list[bytes]] = {}
    file.seek(0)
    while length := file.read(1):
        name = file.read(length[0]).decode()
        size = int.from_bytes(file.read(4), "big")
        items.setdefault(name, []).append(file.read(size))
    return items
