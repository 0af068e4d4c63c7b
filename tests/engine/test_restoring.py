"""Restoring tables: what is on disk is trusted only while the changelog can still correct it."""

from __future__ import annotations

import asyncio
import errno
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust.stores.memory
import pytest
from faust.types import TP

from walmart_stream.engine import recovery
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.runtime.stores import Place

CHANGELOG = TP("unit-counts-changelog", 0)


async def _nothing() -> None:
    pass


@pytest.fixture(params=["memory", "rocksdb"])
async def table(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    app = StreamApp(
        "unit",
        prepare=_nothing,
        broker="kafka://127.0.0.1:1",
        store=f"{request.param}://",
        datadir=str(tmp_path),
        Table="walmart_stream.engine.tables:AwaitedTable",
        TableManager="walmart_stream.engine.recovery:FetchTableManager",
    )
    table: Any = app.Table("counts", key_type=bytes, value_type=bytes, partitions=1)
    app.finalize()
    return table


async def test_fausts_own_store_is_in_memory_and_empty(table: Any) -> None:
    """It would open a database for each partition beside ours."""
    _store(table, time.time())

    assert isinstance(table.data, faust.stores.memory.Store)
    assert not table.data


def _store(table: Any, at: float) -> dict[bytes, bytes]:
    table.stored.put(0, {b"a": b"1", b"gone": b"2"}, Place(5, 77, int(at)))
    table.stored.put(0, {b"gone": None}, None)
    return {key: value for _, key, value in table.of_partitions({0})}


async def test_restoring_begins_with_the_last_record_that_is_held(table: Any) -> None:
    """Reading it once more proves that the changelog still has it."""
    assert _store(table, time.time()) == {b"a": b"1"}

    assert table.stored.place(0)[:2] == (5, 77)
    assert table.persisted_offset(CHANGELOG) == 4


async def test_values_that_are_too_old_are_forgotten_and_restored(table: Any) -> None:
    """Their deletions may have been compacted away: two unwatched items were watched again."""
    _store(table, time.time() - AwaitedTable.longest_absence - 60)

    assert table.persisted_offset(CHANGELOG) is None
    assert list(table.of_partitions({0})) == []
    assert table.stored.place(0) is None


async def test_values_that_were_never_complete_are_forgotten(table: Any) -> None:
    """A restoring that was interrupted may have left out deletions of what it had restored."""
    _store(table, 0)

    assert table.persisted_offset(CHANGELOG) is None


class _Broker:
    """An outbox to a changelog whose next offset is *end*."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.taken: list[Any] = []

    def extend(self, topic: str, partition: int, records: Any) -> None:
        self._target, self._added = (topic, partition), list(records)

    async def flush(self) -> Any:
        first, self.end = self.end, self.end + len(self._added)
        self.taken += self._added
        return {self._target: list(range(first, self.end))}


async def test_a_changelog_that_lost_its_end_gets_everything_once_more(table: Any) -> None:
    """The worker that writes to it has what it held, and a successor needs it."""
    faults: list[Any] = []
    table.app.log_fault = lambda *fault: faults.append(fault)
    _store(table, time.time())
    broker: Any = _Broker(end=3)

    await table.write(0, {b"b": b"9"}, broker)

    assert dict(broker.taken) == {b"a": b"1", b"b": b"9"}
    assert faults == [(table.changelog_topic_name, "cut", 1)]
    assert table.stored.place(0).offset == broker.end - 1


class _FullDisk:
    """The stored values on a disk without room."""

    def __init__(self, stored: Any) -> None:
        self.get, self.items, self.place = stored.get, stored.items, stored.place

    def put(self, *_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


async def test_a_deletion_that_found_no_room_is_made_when_the_table_is_restored(
    table: Any,
) -> None:
    """The changelog has it already, and the place from which it is restored has not moved."""
    _store(table, time.time())
    stored, broker = table.stored, cast(Any, _Broker(end=6))

    table.stored = _FullDisk(stored)
    with pytest.raises(OSError, match="No space"):
        await table.write(0, {b"a": None}, broker)
    table.stored = stored

    assert table.persisted_offset(CHANGELOG) == 4
    [(key, value)] = broker.taken
    table.restore(0, [SimpleNamespace(offset=6, key=key, value=value, headers=[])], is_all=True)
    assert list(table.of_partitions({0})) == []


async def test_records_of_others_in_between_leave_the_place_where_it_was(table: Any) -> None:
    """One of the two is a zombie: recovery has to read them."""
    _store(table, time.time())
    broker: Any = _Broker(end=8)

    await table.write(0, {b"b": b"9"}, broker)

    assert table.stored.place(0).offset == 5


async def test_brokers_that_do_not_answer_end_the_process(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust goes on when the time is up, as if there were nothing to restore."""
    said: list[str] = []
    monkeypatch.setattr(recovery, "end_process", said.append)

    await table.app.tables.recovery._wait(asyncio.Event().wait(), timeout=0.01)

    assert said == ["the brokers did not answer for 0.01 s while tables are restored"]


async def test_restoring_waits_for_no_tables_that_come_later(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All are declared before the app starts, and a second of each start went into waiting."""
    manager, done = table.app.tables, []
    for owner, name in ((manager, "sleep"), (manager, "_update_channels")):
        monkeypatch.setattr(owner, name, partial(_note, done, name))
    monkeypatch.setattr(manager.recovery, "start", partial(_note, done, "recovery"))

    await manager.on_start()

    assert done == ["_update_channels", "recovery"]


async def _note(done: list[str], name: str, *_: Any) -> None:
    done.append(name)
