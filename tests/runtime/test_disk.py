"""The one database on disk: its tables and partitions are apart, and one process has it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hang import DEADLINE
from walmart_stream.runtime.disk import Disk
from walmart_stream.runtime.stores import DiskPartitions, Place

# Opens the database of the folder that it is given, says so, and ends when it is told to.
HOLDER = """
import sys
from pathlib import Path
from walmart_stream.runtime.disk import Disk
disk = Disk(Path(sys.argv[1]))
disk.open()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "tables")
    yield disk
    disk.close()


# Their keys begin alike, and one is what the other one's range ends with.
OTHERS = [("items", 2), ("items", 12), ("items", 0), ("item", 1), ("items-more", 1)]


def test_a_partition_has_no_keys_of_another_table_or_partition(disk: Disk) -> None:
    """Clearing it takes its place with it, and nothing of the others."""
    table = DiskPartitions(disk, "items")
    table.put(1, {b"": b"empty key", b"a": b"1", b"\xff\xff": b"2"}, Place(5, 77, 9))
    for name, partition in OTHERS:
        DiskPartitions(disk, name).put(partition, {b"a": b"other"}, Place(6, 78, 10))

    assert dict(table.items(1)) == {b"": b"empty key", b"a": b"1", b"\xff\xff": b"2"}
    table.clear(1)

    assert (list(table.items(1)), table.get(1, b"a"), table.place(1)) == ([], None, None)
    for name, partition in OTHERS:
        other = DiskPartitions(disk, name)
        assert list(other.items(partition)) == [(b"a", b"other")]
        assert other.place(partition) == Place(6, 78, 10)


def test_values_are_there_when_the_database_is_opened_again(disk: Disk) -> None:
    """Whether or not the one before could close it: nothing of a batch is written later."""
    table = DiskPartitions(disk, "items")
    table.put(1, {b"a": b"1", b"b": b"2"}, Place(5, 77, 9))
    table.put(1, {b"b": None}, None)

    disk.close()

    assert list(table.items(1)) == [(b"a", b"1")]
    assert table.place(1) == Place(5, 77, 9)


def test_what_is_looked_through_stays_as_it_was(disk: Disk) -> None:
    """Items are read between other work, which writes and deletes."""
    table = DiskPartitions(disk, "items")
    table.put(1, {b"%d" % number: b"1" for number in range(10)}, None)

    found = table.items(1)
    first = next(found)
    table.put(1, {b"%d" % number: None for number in range(10)} | {b"new": b"2"}, None)

    assert dict([first, *found]) == {b"%d" % number: b"1" for number in range(10)}


def test_a_database_that_another_process_has_is_waited_for(disk: Disk, tmp_path: Path) -> None:
    """A worker that was told to stop may take a while, and its successor comes at once."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "tables")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == b"open\n"

    with ThreadPoolExecutor() as threads:
        opening = threads.submit(disk.open)
        was_waiting = not opening.done()
        holder.stdin.close()
        database = opening.result(DEADLINE)

    assert (was_waiting, holder.wait()) == (True, 0)
    assert database is disk.open()
