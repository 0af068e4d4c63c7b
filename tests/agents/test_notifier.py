"""The notifier with a real database, and channels and a clock of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream.agents.notifier import Notifier
from walmart_stream.domain.alerts.book import RuleBook, mute_key, mute_value
from walmart_stream.domain.alerts.steps import RAISED, Step
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.metrics import Metrics
from walmart_stream.notify.channel import Message, NotDelivered
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.deliveries import Told, add_deliveries
from walmart_stream.storage.mongo import create_indexes

START = datetime(2026, 11, 29, 12, tzinfo=UTC)


@dataclass
class MemoryChannel:
    """Takes messages, unless it is down; or waits until it is let go."""

    taken: list[Message] = field(default_factory=list)
    down: bool = False
    tried: int = 0
    gate: asyncio.Event | None = None

    async def send(self, message: Message) -> None:
        self.tried += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise NotDelivered("it answered 500")
        self.taken.append(message)

    async def close(self) -> None:
        pass

    def ids(self) -> list[str]:
        """The ids of all alerts that were taken, once for each time."""
        bodies = [orjson.loads(message.body) for message in self.taken]
        return [one["id"] for body in bodies for one in body.get("alerts", [body])]


class Owner:
    """Owns partition 0."""

    def owned(self, topic: str) -> set[int]:
        return {0}


@dataclass
class Rules:
    """Rules, of which the notifier asks for mutes only."""

    book: RuleBook = field(default_factory=RuleBook)


class Desk:
    """A notifier at work."""

    def __init__(self, database: Any, most: int = 20) -> None:
        self.database = database
        self.now = START
        self.rules = Rules()
        self.channels = {"a": MemoryChannel(), "b": MemoryChannel()}
        self.most = most
        self.restart()

    def restart(self) -> None:
        """Another worker, which knows nothing but the database."""
        self.notifier = Notifier(
            Owner(),  # type: ignore[arg-type]
            self.database,
            self.channels,
            self.rules,  # type: ignore[arg-type]
            Metrics(),
            lambda: self.now,
            self.most,
        )

    async def raise_alerts(
        self, *numbers: int, channels: tuple[str, ...] = ("a",), **rest: Any
    ) -> None:
        steps = [
            Step(1, RAISED, f"r:{number}:own:5", "r", str(number), "own", to_iso(5), to_iso(5),
                 None, "info", "so", channels=channels, **rest)
            for number in numbers
        ]  # fmt: skip
        await store_steps(self.database, steps)
        await add_deliveries(self.database, [Told(step, 0) for step in steps], self.now)

    async def work(self, seconds: float = 0) -> None:
        """Let time pass, and have everything done that is due."""
        self.now += timedelta(seconds=seconds)
        await self.notifier.tick()
        await asyncio.gather(*self.notifier._at_work.values())


@pytest.fixture
async def database(mongod: EmbeddedMongod, mongodb_database: str) -> AsyncIterator[Any]:
    """A database of this test's own."""
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongod.uri, tz_aware=True)
    await create_indexes(client[mongodb_database])
    yield client[mongodb_database]
    client.close()


async def test_each_channel_is_told_once(database: Any) -> None:
    """A delivered alert is not due again, also not to another worker."""
    desk = Desk(database)
    await desk.raise_alerts(1, channels=("a", "b"))

    await desk.work()
    desk.restart()
    await desk.work(10)

    assert desk.channels["a"].ids() == desk.channels["b"].ids() == ["r:1:own:5"]


async def test_a_channel_that_is_down_loses_nothing_and_delays_no_other(database: Any) -> None:
    """It is tried again with pauses that grow, across restarts, until a day has passed."""
    desk = Desk(database)
    desk.channels["a"].down = True
    await desk.raise_alerts(1, 2, channels=("a", "b"))

    for _ in range(600):
        await desk.work(2)
    assert desk.channels["b"].ids() == ["r:1:own:5", "r:2:own:5"]
    assert 5 < desk.channels["a"].tried < 30
    desk.channels["a"].down = False
    desk.restart()
    await desk.work(400)
    await desk.work(400)

    assert sorted(desk.channels["a"].ids()) == ["r:1:own:5", "r:2:own:5"]


async def test_a_channel_that_hangs_delays_no_other(database: Any) -> None:
    """While one waits for its receiver, the others go on."""
    desk = Desk(database)
    desk.channels["a"].gate = asyncio.Event()
    await desk.raise_alerts(1, channels=("a", "b"))

    await desk.notifier.tick()
    await desk.notifier._at_work["b"]
    await desk.raise_alerts(2, channels=("a", "b"))
    await desk.notifier.tick()
    await desk.notifier._at_work["b"]

    assert desk.channels["b"].ids() == ["r:1:own:5", "r:2:own:5"]
    assert desk.channels["a"].tried == 1
    await desk.notifier.close()


async def test_a_day_later_it_is_given_up_and_said_so(database: Any) -> None:
    """The log of deliveries says what was never taken."""
    desk = Desk(database)
    desk.channels["a"].down = True
    await desk.raise_alerts(1)

    await desk.work()
    await desk.work(86_400)

    [log] = [one async for one in database["alert_deliveries"].find()]
    assert (log["state"], log["error"]) == ("gave_up", "it answered 500")


async def test_more_than_an_hours_messages_become_digests(database: Any) -> None:
    """The last message of an hour has all that is due; what comes later waits for the next."""
    desk = Desk(database, most=3)
    await desk.raise_alerts(*range(10))

    await desk.work()
    await desk.raise_alerts(*range(10, 15))
    await desk.work(60)
    assert len(desk.channels["a"].taken) == 3
    assert len(desk.channels["a"].ids()) == 10
    await desk.work(3_541)
    await desk.work(3_600)

    ids = desk.channels["a"].ids()
    assert sorted(ids) == sorted({f"r:{number}:own:5" for number in range(15)})
    assert len(desk.channels["a"].taken) <= 6


async def test_quiet_hours_put_off_and_mutes_end(database: Any) -> None:
    """After quiet hours everything is told; of what is muted nobody is."""
    desk = Desk(database)
    desk.rules.book.take(mute_key("item", "2"), mute_value(to_ms(START) + 1_000))
    await desk.raise_alerts(1, quiet="11:00-13:30 UTC")
    await desk.raise_alerts(2, 3)

    await desk.work()
    assert desk.channels["a"].ids() == ["r:3:own:5"]
    await desk.work(5_000)
    assert desk.channels["a"].ids() == ["r:3:own:5"]
    await desk.work(400)

    assert desk.channels["a"].ids() == ["r:3:own:5", "r:1:own:5"]
