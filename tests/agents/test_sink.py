"""The sink while MongoDB is away, and while it builds indexes that a new release wants."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from walmart_stream.agents import sink as module
from walmart_stream.agents.sink import Sink
from walmart_stream.engine.agent import Batch
from walmart_stream.metrics import Metrics
from walmart_stream.storage import shared_writes

EMPTY = Batch("results", 0, [])


class Outbox:
    """Takes nothing."""

    async def flush(self) -> None:
        """Nothing is in it."""


class App:
    """Gives outboxes."""

    def outbox(self) -> Any:
        return Outbox()


class Database:
    """Answers pings, unless it is away."""

    def __init__(self) -> None:
        self.pings = 0
        self.away_for = 0

    async def command(self, name: str) -> None:
        """Some pings fail."""
        assert name == "ping"
        self.pings += 1
        if self.pings <= self.away_for:
            raise AutoReconnect("away")


@pytest.fixture
def database() -> Database:
    """One that is there."""
    return Database()


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch, database: Database) -> Sink:
    """One that does not wait for indexes, and tries again at once."""
    monkeypatch.setattr(module, "INDEX_PATIENCE", 0.0)
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)

    async def store(*_: Any) -> None:
        """Nothing is in the batches."""

    monkeypatch.setattr(shared_writes, "store", store)
    made: Any = Sink(App(), database, Metrics(), None)  # type: ignore[arg-type]
    return made


async def test_results_are_stored_while_indexes_are_built(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batch after batch; and one build at a time, however many batches there are."""
    begun: list[Any] = []
    never = asyncio.Event()

    async def build(database: Any) -> None:
        begun.append(database)
        await never.wait()

    monkeypatch.setattr(module, "create_indexes", build)

    await asyncio.gather(sink.handle(EMPTY), sink.handle(EMPTY))
    await sink.handle(EMPTY)

    assert len(begun) == 1
    assert sink.outage is None


async def test_an_index_that_cannot_be_is_not_passed_over(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where the database says so long after the first batch."""
    conflict = asyncio.Event()

    async def build(database: Any) -> None:
        await conflict.wait()
        raise OperationFailure("another index has the same name", 86)

    monkeypatch.setattr(module, "create_indexes", build)
    await sink.handle(EMPTY)
    conflict.set()

    async def batch_after_batch() -> None:
        while True:
            await sink.handle(EMPTY)

    with pytest.raises(OperationFailure, match="same name"):
        await batch_after_batch()


async def test_indexes_are_tried_again_after_an_outage(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until they are there."""
    tries: list[Any] = []
    done = asyncio.Event()

    async def build(database: Any) -> None:
        tries.append(database)
        if len(tries) < 3:
            raise AutoReconnect("away")
        done.set()

    monkeypatch.setattr(module, "create_indexes", build)

    await sink.handle(EMPTY)
    await done.wait()
    await sink.handle(EMPTY)

    assert len(tries) == 3


async def test_a_database_that_is_away_is_pinged(sink: Sink, database: Database) -> None:
    """Making ready what is stored costs far more; it is done when the database answers again."""
    database.away_for = 5
    attempts = 0

    async def store() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise AutoReconnect("away")

    await sink.persist(store)

    assert (attempts, database.pings, sink.outage) == (2, 6, None)
