"""Writes of items to a real mongod: by several writers, repeated, reset, sealed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.storage.own_offers import HOLDER, KEYS, own_change, results_of
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.recent import MOST_CHANGES, MOST_STEPS
from walmart_stream.domain.time import to_datetime
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_writes import remake_items, update_watched
from walmart_stream.storage.resets import Reset, void
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.writes import Results, store

START = 1_800_000_000_000


@pytest.fixture
async def database(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> AsyncIterator[Any]:
    """A database of this test's own."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    found = mongo.database(client, settings)
    await mongo.create_indexes(found)
    yield found
    client.close()


def seen(item_id: str, offer: str, at: int, price: int) -> Results:
    now = Offer(price, 0, None, True, f"{offer} shop")
    event = PriceChange(
        item_id, offer, "Tea", ("price",), now, now, START + at, Source("raw", 0, at)
    )
    results = Results()
    results.add_change(event.document())
    return results


async def content(database: Any) -> list[dict[str, Any]]:
    found = [one async for one in database[ITEMS].find({}, {"edits": 0}).sort("_id")]
    return [dict(sorted(one.items())) for one in found]


async def test_writers_at_once_lose_nothing_of_each_other(database: Any) -> None:
    """Each offer by a writer of its own, and all of it twice."""
    news = [seen("1", offer, at, 1000 + at) for at in range(8) for offer in ("own", "featured")]
    await asyncio.gather(*(store(database, one) for one in news for _ in range(2)))

    (found,) = await content(database)
    assert found["own"]["landed_cents"] == found["featured"]["landed_cents"] == 1007
    assert found["recent"]["own"] == [[START + at, 1000 + at] for at in range(8)]
    assert len(found["recent"]["changes"]) == 16


async def test_steps_are_kept_in_order_and_bounded_however_they_come(database: Any) -> None:
    """One at a time, many at once, late, again: as if all had been written together."""
    every = range(2 * MOST_CHANGES)
    news = [seen("1", "own", at, 1000 + at) for at in every]
    late, rest = news[MOST_CHANGES - 3 : MOST_CHANGES], news[MOST_CHANGES:]
    for one in (*news[: MOST_STEPS + 2], rest[-3], *late, rest[-2], *rest, rest[-1]):
        await store(database, one)
    large = Results()
    for at in every:
        large.merge(seen("2", "own", at, 1000 + at))
    await store(database, seen("2", "own", 0, 1000))
    await store(database, large)

    first, second = (one["recent"] for one in await content(database))
    assert first == second
    assert first["own"] == [[START + at, 1000 + at] for at in every[-MOST_STEPS:]]
    assert len(first["changes"]) == MOST_CHANGES


async def test_repeated_writes_change_nothing(database: Any) -> None:
    """Nor is anything written."""
    news = [seen("1", "own", at, 1000 + at) for at in range(3)]
    for one in news:
        await store(database, one)
    before = await database[ITEMS].find_one()

    for one in news:
        await store(database, one)

    assert await database[ITEMS].find_one() == before


async def test_a_reset_makes_the_document_of_what_is_left(database: Any) -> None:
    """Nothing of what was void is in it; the watchlist's word stays."""
    await store(database, seen("1", "own", 0, 1000))
    due = await content(database)
    await update_watched(database, {"1": (5, {"watched": True, "tags": ["tea"]})})
    await store(database, seen("1", "own", 10**9, 1))

    await void(database, Reset("1", to_datetime(START + 1), "raw", 0, 10**9))
    # The offer's own document is gone with what was wrong; what is right follows.
    await store(database, seen("1", "own", 0, 1000))

    (found,) = await content(database)
    assert found["tags"] == ["tea"]
    assert {**found, "facets": 0} == {
        **due[0], "facets": 0, "tags": ["tea"], "watched": True, "watch_offset": 5
    }  # fmt: skip


async def test_documents_can_be_made_anew_of_the_other_collections(database: Any) -> None:
    """As after an upgrade from a release that had none."""
    for number in range(3):
        await store(database, seen("1", "own", number, 1000 + number))
        await store(database, seen(str(number), "featured", number, 900))
    due = await content(database)
    await database[ITEMS].delete_many({})

    await remake_items(database, ["0", "1", "2"])

    assert await content(database) == due


async def test_only_a_later_record_of_the_watchlist_counts(database: Any) -> None:
    """An item that was never observed has a document, too; what is observed keeps its tags."""
    await update_watched(database, {"1": (7, {"watched": True, "tags": ["a", "b"]})})
    await update_watched(database, {"1": (6, {"watched": False, "tags": []})})
    await store(database, seen("1", "own", 0, 1000))

    (found,) = await content(database)
    assert (found["watched"], found["tags"], found["watch_offset"]) == (True, ["a", "b"], 7)
    assert "t:a\ns:unknown" in found["facets"]

    await update_watched(database, {"1": (8, {"watched": False}), "2": (0, {"watched": False})})

    # What is not watched any more keeps its history and its tags.
    (found,) = await content(database)
    assert (found["watched"], found["tags"]) == (False, ["a", "b"])
    assert found["own"]["landed_cents"] == 1000

    await update_watched(database, {"1": (9, {"watched": True, "tags": []})})

    (found,) = await content(database)
    assert (found["watched"], found["facets"]) == (True, ["", "s:unknown"])


async def test_what_is_private_is_sealed_and_stays_repeatable(database: Any) -> None:
    """The state is a word about the buy box: neither it nor a filter by it is readable."""
    seal = FieldSeal(KEYS[:1])
    for at in (0, 5, 0):
        await store(database, results_of(own_change("1", at)), seal)
    await update_watched(database, {"1": (7, {"watched": True, "tags": ["a"]})})

    stored = await database[ITEMS].find_one()
    assert HOLDER not in str(stored)
    assert all(isinstance(stored[name], bytes) for name in ("state", "holder", "buy_box"))
    assert stored["facets"] == ["", "t:a\n"]
    opened = seal.open(ITEMS, stored)
    assert (opened["state"], opened["holder"]) == ("suppressed", "rival")
    assert [step[:3] for step in opened["buy_box"]["steps"]] == [
        [START, "rival", HOLDER],
        [START + 5, "rival", HOLDER],
    ]
    assert stored["edits"] == 3
