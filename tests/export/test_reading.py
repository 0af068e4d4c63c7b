"""Reading page by page gives every document once, in order."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.documents import AT, START, documents, many
from walmart_stream.domain.alerts.steps import CLOSED, RAISED, Step
from walmart_stream.domain.events import Source
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.export.fields import EXPORTED
from walmart_stream.export.reading import Choice, count, pages, tagged
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.item_documents import facets
from walmart_stream.storage.sealed import UNSEALED


@pytest.fixture
async def database(mongod: Any, mongodb_database: str, make_unreachable_settings: Any) -> Any:
    settings: Settings = make_unreachable_settings(
        mongodb_uri=mongod.uri, mongodb_database=mongodb_database
    )
    client = mongo.connect(settings)
    found = mongo.database(client, settings)
    await mongo.create_indexes(found)
    yield found
    client.close()


async def ids(database: Any, what: str, choice: Choice, size: int) -> list[str]:
    found = pages(database, EXPORTED[what], choice, UNSEALED, size)
    return [one["_id"] async for page in found for one in page]


@pytest.mark.parametrize("what", sorted(EXPORTED))
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_every_document_comes_once(database: Any, what: str, size: int) -> None:
    """Also two windows of one start, wherever the page ends."""
    stored = documents(what)[: 3 if what == "windows" else None]
    await database[EXPORTED[what].collection].insert_many([dict(one) for one in stored])

    found = await ids(database, what, Choice(), size)

    assert sorted(found) == sorted(one["_id"] for one in stored)
    assert len(found) == await count(database, EXPORTED[what], Choice())


async def test_stored_alerts_have_no_other_fields(database: Any) -> None:
    """Those of :func:`documents` are written by hand."""
    place = Source("walmart-data-processing", 1, 3)
    at = to_iso(START)
    parts = (1, *("cheap:42:own:0", "cheap", "42", "own", at, at))
    raised = Step(parts[0], RAISED, *parts[1:], source=place, severity="info", text="t", name="n")
    closed = Step(parts[0], CLOSED, *parts[1:], source=place, why="ended")
    await store_steps(database, [raised, closed])

    (page,) = [one async for one in pages(database, EXPORTED["alerts"], Choice(), UNSEALED)]

    assert page[0].keys() == documents("alerts")[1].keys()


async def test_the_order_is_item_then_time(database: Any) -> None:
    """Whatever the pages are."""
    stored = [dict(one) for one in many(items=5, changes=7)]
    await database.price_changes.insert_many(stored)
    order = [one["_id"] for one in stored]

    assert [await ids(database, "changes", Choice(), size) for size in (4, 7, 9)] == [order] * 3


async def test_a_choice_of_items_and_times(database: Any) -> None:
    """From inclusive, to exclusive; items that are not there disturb nobody."""
    await database.price_changes.insert_many([dict(one) for one in many(items=4, changes=5)])
    choice = Choice(("3", "1", "9"), AT, to_datetime(START + 2))

    found = await ids(database, "changes", choice, 3)

    assert found == [f"{item}:featured:{START + at}" for item in (1, 3) for at in (0, 1)]
    assert await count(database, EXPORTED["changes"], choice) == 4


async def test_what_is_stored_meanwhile_disturbs_no_page(database: Any) -> None:
    """It may be in the export or not; nothing else is repeated or left out."""
    stored = [dict(one) for one in many(items=4, changes=4)]
    even, odd = stored[::2], stored[1::2]
    await database.price_changes.insert_many(even)

    found = []
    async for page in pages(database, EXPORTED["changes"], Choice(), UNSEALED, 3):
        found += [one["_id"] for one in page]
        if odd:
            await database.price_changes.insert_many(odd)
            odd = []

    assert len(found) == len(set(found))
    assert {one["_id"] for one in even} <= set(found)


async def test_pages_are_read_by_the_index(database: Any) -> None:
    """No more of it than the page: an export of any length takes no longer a document."""
    await database.price_changes.insert_many([dict(one) for one in many(items=20, changes=50)])
    await database.command("profile", 2)

    await ids(database, "changes", Choice(), 100)

    await database.command("profile", 0)
    done = await database.system.profile.find({"op": "query"}).to_list(None)
    assert sum(query["keysExamined"] for query in done) < 1_100
    assert not any(query.get("hasSortStage") for query in done)


async def test_items_and_tags_are_found_by_an_index(database: Any) -> None:
    """The database looks at the few documents that are chosen, of a thousand."""
    stored = [dict(one) for one in many(items=20, changes=50)]
    await database.price_changes.insert_many(stored)
    alert = documents("alerts")[0]
    await database.alerts.insert_many(
        [
            {**alert, "_id": f"a:{n}", "item_id": str(n % 200), "raised_at": to_datetime(START + n)}
            for n in range(1_000)
        ]
    )
    await database.items.insert_many(
        [{"_id": str(n), "facets": facets(["toys"] if n < 3 else [], None)} for n in range(1_000)]
    )
    choice = Choice(("3", "7"), to_datetime(START + 10), to_datetime(START + 20))
    await database.command("profile", 2)

    assert len(await ids(database, "changes", choice, 100)) == 20
    assert len(await ids(database, "alerts", Choice(("3", "7")), 100)) == 10
    assert await tagged(database, "toys") == ("0", "1", "2")

    await database.command("profile", 0)
    done = await database.system.profile.find({"op": "query"}).to_list(None)
    assert all("COLLSCAN" not in query["planSummary"] for query in done), done
    assert sum(query["docsExamined"] for query in done) < 100
