"""Alerts and their deliveries in MongoDB."""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from motor.motor_asyncio import AsyncIOMotorClient
from msgspec.structs import replace

from walmart_stream.domain.alerts.rule_fields import SEVERITIES
from walmart_stream.domain.alerts.steps import ACKNOWLEDGED, AGAIN, CLOSED, RAISED, Step
from walmart_stream.domain.events import Source
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage import deliveries
from walmart_stream.storage.alerts import (
    NEWEST_FIRST,
    Place,
    Wanted,
    alert_fields,
    find_alert,
    find_alerts,
    ranges,
    store_steps,
)
from walmart_stream.storage.documents import ALERTS, ITEMS
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


async def test_an_alert_that_is_sent_again_changes_nothing_but_ends_earlier_ones(
    database: Any,
) -> None:
    """The topic lost steps, among which may be the end of an alert before it."""
    before = replace(step(RAISED), id="r:1:own:3", started_at=to_iso(3))
    await store_steps(database, [before, step(RAISED), step(CLOSED, at=9)])
    first = await find_alert(database, "r:1:own:5")

    ended = replace(step(CLOSED, at=11), source=None)
    await store_steps(database, [replace(step(RAISED), why=AGAIN), ended])

    assert await find_alert(database, "r:1:own:5") == first
    earlier = await find_alert(database, "r:1:own:3") or {}
    assert (earlier["state"], earlier["closed_at"]) == ("closed", to_datetime(5))


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


STATES = ("open", "acknowledged", "closed")
RULES = ("r", "other")


async def fill(database: Any, count: int) -> list[dict[str, Any]]:
    """Alerts of all kinds, many of them at the same time, newest first."""
    dice = random.Random(count)
    made = []
    for number in range(count):
        at = NOW + timedelta(seconds=dice.randrange(count // 3))
        one = {
            "_id": f"a{number}",
            "rule": dice.choice(RULES),
            "item_id": str(1 + number % 5),
            "severity": dice.choice(SEVERITIES),
            "state": dice.choice(STATES),
            "tags": dice.choice([[], ["toys"], ["red", "toys"]]),
            "raised_at": at,
        }
        made.append(one)
    await database[ALERTS].insert_many([dict(one) for one in made])
    return sorted(made, key=lambda one: (one["raised_at"], one["_id"]), reverse=True)


CHOICES = [
    Wanted(),
    Wanted(item_id="1"),
    Wanted(item_id="1", tag="toys"),
    *(
        Wanted(state, rule, None, severity, tag)
        for state, rule, severity, tag in itertools.product(
            (None, "open"), (None, "r"), (None, "critical"), (None, "toys")
        )
        if rule is None or tag is None
    ),
    Wanted(rule="r", tag="toys"),
]


@pytest.mark.parametrize("wanted", CHOICES, ids=str)
async def test_every_page_of_every_filter_is_read_from_an_index(
    database: Any, wanted: Wanted
) -> None:
    """Each alert once, newest first; no scan, no sort, and deep pages cost what the first does."""
    alerts = await fill(database, 300)
    due = [
        one["_id"]
        for one in alerts
        if all(getattr(wanted, name) in (None, one[name]) for name in ("state", "rule", "item_id"))
        and wanted.severity in (None, one["severity"])
        and (wanted.tag is None or wanted.tag in one["tags"])
    ]
    # Of both, the one is looked for among the other's.
    is_exact = wanted.tag is None or (wanted.rule is None and wanted.item_id is None)
    seen: list[str] = []
    after = None
    while page := await find_alerts(database, wanted, 7, after):
        for query in ranges(wanted, after):
            cursor = database[ALERTS].find(query, sort=NEWEST_FIRST)
            explained = await cursor.limit(7).explain()
            plan = str(explained["queryPlanner"]["winningPlan"])
            assert "IXSCAN" in plan
            assert "COLLSCAN" not in plan
            assert "'SORT'" not in plan
            # Of each part of the index that is merged, one key more, and some seeks.
            if is_exact:
                assert explained["executionStats"]["totalKeysExamined"] <= 7 + 3 * 9
        seen += [one["_id"] for one in page]
        after = Place(page[-1]["raised_at"], page[-1]["_id"])

    assert seen == due


async def test_an_alert_has_the_tags_of_its_item(database: Any) -> None:
    """Those of when it was stored; without an item there are none."""
    await database[ITEMS].insert_one({"_id": "1", "tags": ["red", "toys"]})

    await store_steps(database, [step(RAISED, 1), step(RAISED, 2)])

    found = {one["item_id"]: one["tags"] for one in await find_alerts(database, Wanted(), 5)}
    assert found == {"1": ["red", "toys"], "2": []}
    (tagged,) = await find_alerts(database, Wanted(tag="toys", state="open"), 5)
    assert tagged["item_id"] == "1"
