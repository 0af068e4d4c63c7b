"""Alerts and their deliveries in MongoDB."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream.domain.alerts.steps import ACKNOWLEDGED, CLOSED, RAISED, Step
from walmart_stream.domain.events import Source
from walmart_stream.domain.time import to_iso
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage import deliveries
from walmart_stream.storage.alerts import (
    Place,
    Wanted,
    alert_fields,
    find_alert,
    find_alerts,
    store_steps,
)
from walmart_stream.storage.documents import ALERTS
from walmart_stream.storage.mongo import create_indexes
from walmart_stream.storage.sealed import FieldSeal

NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
async def database(mongod: EmbeddedMongod, mongodb_database: str) -> AsyncIterator[Any]:
    """A database of this test's own."""
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongod.uri, tz_aware=True)
    found = client[mongodb_database]
    await create_indexes(found)
    yield found
    client.close()


def step(kind: str, number: int = 1, at: int = 5, **fields: Any) -> Step:
    source = Source("raw", 0, at)
    text = "$20 is $where" if kind == RAISED else None
    name = f"r:{number}:own:5"
    return Step(1, kind, name, "r", str(number), "own", to_iso(at), to_iso(5), source,
                "warning", text, **fields)  # fmt: skip


async def test_steps_come_to_the_same_whatever_is_repeated(database: Any) -> None:
    """After the alert itself, steps may come in any order and as often as they like."""
    rest = [step(ACKNOWLEDGED, at=7), step(CLOSED, at=9)]
    found = []
    for number, order in enumerate(itertools.permutations([*rest, *rest, step(RAISED)], 5)):
        if number % 12:
            continue
        await database["alerts"].delete_many({})
        await store_steps(database, [step(RAISED), *order])
        found.append(await find_alert(database, "r:1:own:5"))

    assert all(one == found[0] for one in found)
    fields = alert_fields(found[0] or {})
    assert (fields["state"], fields["text"]) == ("closed", "$20 is $where")
    assert fields["source"] == {"topic": "raw", "partition": 0, "offset": 5}
    assert fields["ended_by"] == {"topic": "raw", "partition": 0, "offset": 9}


async def test_a_step_without_its_alert_makes_none(database: Any) -> None:
    """An alert that the topic no longer has is not made up from its end."""
    await store_steps(database, [step(CLOSED), step(ACKNOWLEDGED)])

    assert await find_alert(database, "r:1:own:5") is None


async def test_pages_are_newest_first_and_miss_nothing(database: Any) -> None:
    """No alert of the same time is left out or shown twice."""
    await store_steps(database, [step(RAISED, number, at=10 + number // 3) for number in range(10)])
    seen: list[str] = []
    after = None
    while page := await find_alerts(database, Wanted(state="open"), 3, after):
        seen += [one["_id"] for one in page]
        after = Place(page[-1]["raised_at"], page[-1]["_id"])

    assert len(seen) == 10 == len(set(seen))
    assert [int(name.split(":")[1]) // 3 for name in seen] == sorted(
        (number // 3 for number in range(10)), reverse=True
    )
    assert await find_alerts(database, Wanted(item_id="3", rule="other"), 3) == []


async def test_the_text_is_sealed_and_opened(database: Any) -> None:
    """The text says who holds the buy box."""
    seal = FieldSeal([Fernet.generate_key().decode()])

    await store_steps(database, [step(RAISED)], seal)

    assert isinstance((await database["alerts"].find_one())["text"], bytes)
    opened = await find_alert(database, "r:1:own:5", seal)
    assert opened is not None
    assert opened["text"] == "$20 is $where"


async def test_a_delivery_is_due_once_until_it_is_done(database: Any) -> None:
    """Noting it again changes nothing, and what failed is due later."""
    told = [deliveries.Told(step(RAISED, channels=("a", "b", "a")), 2)]
    await deliveries.add_deliveries(database, told, NOW)
    await deliveries.add_deliveries(database, told, NOW + timedelta(days=2))

    [due] = await deliveries.due_deliveries(database, "a", [2], NOW, 10)
    assert await deliveries.due_deliveries(database, "a", [1, 3], NOW, 10) == []
    later = NOW + timedelta(minutes=1)
    await deliveries.put_off(database, [due["_id"]], later, "it answered 500")
    assert await deliveries.due_deliveries(database, "a", [2], NOW, 10) == []
    await deliveries.mark_sent(database, [due["_id"]], "m", later)
    await deliveries.add_deliveries(database, told, NOW)
    assert await deliveries.due_deliveries(database, "a", [2], later, 10) == []

    log = await database["alert_deliveries"].find_one({"_id": due["_id"]})
    assert (log["state"], log["attempts"], log["error"]) == ("sent", 2, None)
    assert await deliveries.messages_since(database, "a", NOW) == [later]
    assert await deliveries.give_up(database, [2], NOW + timedelta(days=1)) == 1


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(item_id="1"), Wanted(state="open")])
async def test_alerts_are_read_in_the_order_of_an_index(database: Any, wanted: Wanted) -> None:
    """Without a scan of the collection, and without a sort."""
    await store_steps(database, [step(RAISED, number) for number in range(1, 20)])

    order = [("raised_at", -1), ("_id", -1)]
    explained = await database[ALERTS].find(wanted.query()).sort(order).limit(5).explain()

    plan = str(explained["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
    assert "'SORT'" not in plan
