"""Queries against a real mongod: pages that neither repeat nor skip, from indexes alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_datetime
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.queries import (
    CHANGES,
    WINDOWS,
    Position,
    Series,
    Span,
    is_known,
)
from walmart_stream.storage.writes import Results, store

START = 1_800_000_000_000


@pytest.fixture
async def database(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> AsyncIterator[Any]:
    """A database of this test's own, with the indexes."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    found = mongo.database(client, settings)
    await mongo.create_indexes(found)
    yield found
    client.close()


def change(item_id: str, at: int, offer: str = "featured", price: int = 100) -> dict[str, Any]:
    now = Offer(price, 0, None, True, "Walmart.com")
    event = PriceChange(
        item_id, offer, f"Item {item_id}", ("price",), now, None, START + at, Source("raw", 0, at)
    )
    return event.document()


def window(item_id: str, start: int, offer: str = "featured") -> dict[str, Any]:
    begin = START + start * 1000
    event = WindowClosed(
        item_id, offer, begin, begin + 1000, 1, 0, 1, 1, 1, 1, 1.0, 0.5, 3000, False, begin
    )
    return event.document()


async def save(database: Any, *events: dict[str, Any]) -> None:
    results = Results()
    for event in events:
        add = results.add_change if event["type"] == "price_change" else results.add_window
        add(event)
    await store(database, results)


async def all_pages(
    database: Any, span: Span, limit: int, series: Series = CHANGES
) -> list[list[str]]:
    pages, after = [], None
    while True:
        page = await series.page(database, span, after, limit)
        pages.append([document["_id"] for document in page.documents])
        after = page.next
        if after is None:
            return pages


def key(item_id: str, at: int, offer: str = "featured") -> str:
    return f"{item_id}:{offer}:{START + at}"


async def test_writes_wait_for_the_journal_of_a_majority(database: Any) -> None:
    """An acknowledged write survives a kill, on one server as on a replica set."""
    concern = database["price_changes"].write_concern

    assert concern.document == {"w": "majority", "j": True}
    assert (await database["x"].insert_one({"_id": 1})).acknowledged


async def test_times_come_back_aware(database: Any) -> None:
    """A naive time would be taken for local time somewhere."""
    await save(database, change("1", 0))

    document = await database["price_changes"].find_one()

    assert document["observed_at"] == datetime.fromtimestamp(START / 1000, UTC)
    assert document["observed_at"].tzinfo is not None


async def test_indexes_can_be_created_again(database: Any) -> None:
    """Every worker does at its start."""
    await mongo.create_indexes(database)

    assert set(await database["offers"].index_information()) == {"_id_", "item_id_1_offer_1"}


async def test_the_uri_says_more_than_the_defaults(
    make_unreachable_settings: Callable[..., Settings],
) -> None:
    """An operator's timeout in MONGODB_URI counts; here a tenth of a second."""
    uri = "mongodb://127.0.0.1:1/?serverselectiontimeoutms=100"
    client = mongo.connect(make_unreachable_settings(mongodb_uri=uri))

    with pytest.raises(ServerSelectionTimeoutError, match=r"Timeout: 0\.1s"):
        await client.admin.command("ping")

    client.close()


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_pages_hold_every_document_once_in_order(database: Any, limit: int) -> None:
    """Also where a page ends between two offers of the same time."""
    moments = [(0, "featured"), (0, "marketplace"), (5, "featured"), (5, "marketplace")]
    moments += [(5, "rival:a"), (6, "featured"), (7, "featured")]
    await save(database, *(change("1", at, offer) for at, offer in moments), change("2", 5))

    pages = await all_pages(database, Span("1"), limit)

    assert [found for page in pages for found in page] == [
        key("1", at, offer) for at, offer in moments
    ]
    assert all(len(page) == limit for page in pages[:-1])


async def test_inserts_between_pages_neither_repeat_nor_skip(database: Any) -> None:
    """Pages are cut where a document stands, not by counting: the backfill of the past is late."""
    await save(database, *(change("1", at) for at in (10, 20, 30, 40)))
    first = await CHANGES.page(database, Span("1"), None, 2)

    await save(database, change("1", 5), change("1", 15), change("1", 25), change("1", 50))
    rest = await CHANGES.page(database, Span("1"), first.next, 10)

    ids = [document["_id"] for document in rest.documents]
    assert ids == [key("1", at) for at in (25, 30, 40, 50)]


async def test_a_span_begins_inclusive_and_ends_exclusive(database: Any) -> None:
    """So that two spans side by side hold everything once."""
    await save(database, *(change("1", at) for at in (0, 1, 2, 3)))
    since, until = to_datetime(START + 1), to_datetime(START + 3)

    pages = await all_pages(database, Span("1", since, until), 10)

    assert pages == [[key("1", 1), key("1", 2)]]


async def test_a_span_can_be_one_offers(database: Any) -> None:
    """The others are left out, also behind a cursor."""
    await save(
        database, *(change("1", at, o) for at in (0, 1) for o in ("featured", "marketplace"))
    )

    pages = await all_pages(database, Span("1", offer="marketplace"), 1)

    assert pages == [[key("1", 0, "marketplace")], [key("1", 1, "marketplace")]]


@pytest.mark.parametrize(
    ("limit", "end", "has_more"), [(1, 0, True), (2, 1, True), (3, 2, False), (9, 2, False)]
)
async def test_the_end_of_a_page_is_known_before_it_is_read(
    database: Any, limit: int, end: int, has_more: bool
) -> None:
    """And what is read up to it is that page."""
    await save(database, *(change("1", at) for at in (0, 1, 2)))

    last, more = await CHANGES.end_of_page(database, Span("1"), None, limit)

    assert (last, more) == (Position(to_datetime(START + end), "featured"), has_more)
    read = [found async for found in CHANGES.between(database, Span("1"), None, last)]
    assert [found["_id"] for found in read] == [key("1", at) for at in range(end + 1)]


async def test_an_empty_page_has_no_end(database: Any) -> None:
    """Neither for an item without changes nor behind its last one."""
    await save(database, change("1", 0))
    behind = Position(to_datetime(START), "featured")

    assert await CHANGES.end_of_page(database, Span("2"), None, 5) == (None, False)
    assert await CHANGES.end_of_page(database, Span("1"), behind, 5) == (None, False)


async def test_windows_are_paged_by_their_start(database: Any) -> None:
    """As changes are by their time."""
    await save(database, *(window("1", n, o) for n in (0, 1, 2) for o in ("a", "b")))

    pages = await all_pages(database, Span("1"), 4, WINDOWS)

    assert [len(page) for page in pages] == [4, 2]
    assert pages[1] == [f"1:a:{START + 2000}:1", f"1:b:{START + 2000}:1"]


async def test_a_full_last_page_has_no_next(database: Any) -> None:
    """Nobody is sent for an empty page."""
    await save(database, change("1", 0), change("2", 0))

    assert (await CHANGES.page(database, Span("1"), None, 1)).next is None


async def test_an_item_is_known_once_it_has_an_offer(database: Any) -> None:
    """An empty history differs from a wrong id."""
    await save(database, change("1", 0))

    assert await is_known(database, "1")
    assert not await is_known(database, "2")


async def profiled(database: Any, query: Awaitable[Any]) -> dict[str, Any]:
    """How the server carried out *query*, as its profiler has it."""
    await database.command("profile", 2)
    await query
    await database.command("profile", 0)
    found = {"op": "query", "ns": {"$not": {"$regex": "profile"}}}
    record: dict[str, Any] = await database["system.profile"].find_one(found)
    return record


async def test_pages_are_index_scans(database: Any) -> None:
    """No sort, no collection scan, and no more keys than the page holds and a seek or two."""
    await save(database, *(change("1", at, o) for at in range(200) for o in ("a", "b")))
    after = Position(to_datetime(START + 100), "a")
    span = Span("1", until=to_datetime(START + 150))

    did = await profiled(database, CHANGES.page(database, span, after, 10))

    assert did["planSummary"] == "IXSCAN { item_id: 1, observed_at: 1, offer: 1 }"
    assert did.get("hasSortStage", False) is False
    assert did["nreturned"] == 11
    assert max(did["keysExamined"], did["docsExamined"]) <= 13


async def test_a_page_of_one_offer_looks_at_no_other(database: Any) -> None:
    """One in hundreds of an item's changes may be of the offer that is asked for."""
    others = [change("1", at, "b") for at in range(300)]
    await save(database, *others, *(change("1", at, "a") for at in range(0, 300, 30)))

    did = await profiled(database, CHANGES.page(database, Span("1", offer="a"), None, 10))

    assert did["planSummary"] == "IXSCAN { item_id: 1, offer: 1, observed_at: 1 }"
    assert did.get("hasSortStage", False) is False
    assert max(did["keysExamined"], did["docsExamined"]) <= 11


async def test_a_stream_can_be_left(database: Any) -> None:
    """The cursor is closed on the server, too: nothing stays open behind a caller who goes."""
    await save(database, *(change("1", at) for at in range(2_500)))
    documents = CHANGES.between(database, Span("1"))

    first = await anext(documents)
    await documents.aclose()

    assert first["_id"] == key("1", 0)
    status = await database.client.admin.command("serverStatus")
    assert status["metrics"]["cursor"]["open"]["total"] == 0
