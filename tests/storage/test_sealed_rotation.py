"""``walmart-stream reseal``: keys are changed while workers write."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from click.testing import CliRunner

from tests.storage.own_offers import HOLDER, KEYS, own_change, results_of, stored_box
from walmart_stream.cli import cli
from walmart_stream.commands.reseal import Resealed, Resealing, reseal
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.storage.writes import store

OLD, NEW = FieldSeal([KEYS[0]]), FieldSeal([KEYS[1]])

MakeSettings = Callable[..., Settings]


@pytest.fixture
def settings_of(
    mongod: Any, mongodb_database: str, make_unreachable_settings: MakeSettings
) -> MakeSettings:
    """Settings of this test's database, with these keys."""

    def make(*keys: str) -> Settings:
        return make_unreachable_settings(
            mongodb_uri=mongod.uri,
            mongodb_database=mongodb_database,
            mongodb_field_keys=",".join(keys) or None,
        )

    return make


@pytest.fixture
async def database(settings_of: MakeSettings) -> AsyncIterator[Any]:
    settings = settings_of()
    client = mongo.connect(settings)
    yield mongo.database(client, settings)
    client.close()


async def found_by(settings: Settings, **options: Any) -> dict[str, Resealed]:
    return {collection: found async for collection, found in reseal(settings, **options)}


async def opened_by(seal: FieldSeal, database: Any) -> list[Any]:
    """The values that *seal* can read in all documents, ``None`` where it cannot."""
    return [
        seal.open(name, document).get("buy_box")
        for name in (OFFERS, PRICE_CHANGES)
        async for document in database[name].find(sort=[("_id", 1)])
    ]


async def fill(database: Any) -> list[Any]:
    """Items whose documents are plain, sealed with the old key and with the new one."""
    for number, seal in enumerate((UNSEALED, OLD, NEW) * 2):
        await store(database, results_of(own_change(str(number), number)), seal)
    return [stored_box(number) for number in range(6)] * 2


@pytest.mark.parametrize("span", [1, 2, 5, 1000])
async def test_afterwards_the_old_key_is_needed_no_more(
    settings_of: MakeSettings, database: Any, span: int
) -> None:
    """All are counted by what they were; a second time there is nothing to do."""
    values = await fill(database)
    settings = settings_of(KEYS[1], KEYS[0])

    first = await found_by(settings, span=span)
    second = await found_by(settings, span=span)

    for collection in (OFFERS, PRICE_CHANGES):
        assert first[collection] == Resealed(plain=2, older=2, newest=2, replaced=4)
        assert second[collection] == Resealed(newest=6)
    assert await opened_by(NEW, database) == values
    assert await opened_by(OLD, database) == [None] * 12


async def test_documents_without_anything_private_stay_as_they_are(
    settings_of: MakeSettings, database: Any
) -> None:
    """They get no field."""
    await database[OFFERS].insert_one({"_id": "1:featured", "seller": "Acme"})

    found = await found_by(settings_of(KEYS[0]))

    assert found[OFFERS] == Resealed()
    assert await database[OFFERS].find_one() == {"_id": "1:featured", "seller": "Acme"}


async def test_all_can_be_unsealed_again(settings_of: MakeSettings, database: Any) -> None:
    """Before the keys are taken away for good."""
    values = await fill(database)

    found = await found_by(settings_of(KEYS[1], KEYS[0]), plain=True)

    assert found[OFFERS].replaced == 4
    assert await opened_by(UNSEALED, database) == values


@pytest.mark.parametrize("before", [UNSEALED, OLD])
@pytest.mark.parametrize("after", [UNSEALED, OLD, NEW])
async def test_what_a_worker_wrote_after_it_was_read_stays(
    database: Any, before: FieldSeal, after: FieldSeal
) -> None:
    """An older value does not take its place; it is looked at once more, and sealed itself."""
    await store(database, results_of(own_change("1"), own_change("2")), before)
    work = Resealing(database[OFFERS], OFFERS, FieldSeal([KEYS[1], KEYS[0]]))
    documents = await database[OFFERS].find().to_list(None)
    await store(database, results_of(own_change("2", 9)), after)

    await work.replace(documents)

    boxes = await opened_by(NEW, database)
    assert boxes[:2] == [stored_box(), stored_box(9)]
    assert (work.found.plain, work.found.older) == ((2, 0) if before is UNSEALED else (0, 2))
    assert work.found.replaced == (1 if after is NEW else 2)


async def test_workers_write_while_keys_are_changed(
    settings_of: MakeSettings, database: Any
) -> None:
    """Some with the old key yet, others with the new one: nothing is lost, and all ends sealed."""
    items, done = 10, asyncio.Event()
    settings = settings_of(KEYS[1], KEYS[0])

    async def work() -> int:
        rounds = 0
        while not done.is_set():
            changes = (own_change(str(number), rounds) for number in range(items))
            await store(database, results_of(*changes), NEW if rounds % 2 else OLD)
            rounds += 1
        return rounds

    working = asyncio.create_task(work())
    for _ in range(4):
        await found_by(settings)
    done.set()
    rounds = await working
    await found_by(settings)

    assert rounds > 1
    stored = [NEW.open(OFFERS, document) async for document in database[OFFERS].find()]
    assert [document["buy_box"] for document in stored] == [stored_box(rounds - 1)] * items
    assert await database[PRICE_CHANGES].count_documents({}) == items * rounds
    async for document in database[PRICE_CHANGES].find():
        at = document["source"]["offset"]
        assert NEW.open(PRICE_CHANGES, document)["buy_box"] == stored_box(at)


async def test_two_at_once_do_no_harm(settings_of: MakeSettings, database: Any) -> None:
    """Each replaces what the other has not."""
    values = await fill(database)
    settings = settings_of(KEYS[1], KEYS[0])

    await asyncio.gather(*(found_by(settings, span=1) for _ in range(3)))

    assert await opened_by(NEW, database) == values


async def test_what_no_key_opens_is_named_and_left_as_it_is(
    mongodb_database: str, mongod: Any, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost by trying: the lost key may be found. The exit code is 1."""
    await fill(database)
    monkeypatch.setenv("KAFKA_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("MONGODB_URI", mongod.uri)
    monkeypatch.setenv("MONGODB_DATABASE", mongodb_database)
    monkeypatch.setenv("MONGODB_FIELD_KEYS", KEYS[1])

    result = await asyncio.to_thread(CliRunner().invoke, cli, ["reseal"])

    assert result.exit_code == 1
    assert result.output.splitlines()[:3] == [
        "offers: 2 plain, 0 sealed with an older key, 2 with the newest, 2 unreadable; 2 replaced",
        "  unreadable: 1:own (buy_box): it is sealed, and no key of MONGODB_FIELD_KEYS opens it",
        "  unreadable: 4:own (buy_box): it is sealed, and no key of MONGODB_FIELD_KEYS opens it",
    ]
    assert HOLDER not in result.output
    assert KEYS[1] not in result.output
    assert (await opened_by(OLD, database))[1] == stored_box(1)

    monkeypatch.setenv("MONGODB_FIELD_KEYS", f"{KEYS[1]}\n{KEYS[0]}")
    assert (await asyncio.to_thread(CliRunner().invoke, cli, ["reseal"])).exit_code == 0


def test_without_keys_there_is_nothing_to_do_it_with(
    settings_of: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says so, and touches nothing."""
    monkeypatch.setenv("KAFKA_BROKERS", "127.0.0.1:1")
    monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1")

    result = CliRunner().invoke(cli, ["reseal"])

    assert result.exit_code == 78
    assert "MONGODB_FIELD_KEYS: needed" in result.output
