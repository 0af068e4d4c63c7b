"""Writes of results to a real mongod: repeatable, only if newer, and shared by partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from walmart_stream.domain.events import OfferUpdated, PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_datetime
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import offer_document
from walmart_stream.storage.shared_writes import MOST_IN_FLIGHT, GroupedWrites
from walmart_stream.storage.writes import BULK, Results, store

START = 1_800_000_000_000
HOUR = 3_600_000
# New ids of offers, and as many of windows, for two writers at once: of 30,000 the first release
# kept ten older documents.
NEW_IDS = 10_000


@pytest.fixture
async def database(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> AsyncIterator[Any]:
    """A database of this test's own."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    yield mongo.database(client, settings)
    client.close()


def changes(item_id: str, *prices: int) -> Results:
    """A change to each of *prices*, a millisecond after the other."""
    results = Results()
    for at, price in enumerate(prices):
        now = Offer(price, 0, None, True, "Walmart.com")
        source = Source("raw", 0, at)
        event = PriceChange(item_id, "featured", "Tea", ("price",), now, None, START + at, source)
        results.add_change(event.document())
    return results


def window(item_id: str, observations: int, carried: bool | None = False) -> WindowClosed:
    """A close that knows this number of observations, a second after the other."""
    seen_at = START + 1000 * observations
    return WindowClosed(
        item_id, "featured", START, START + HOUR, observations, 0, 1, 1, 1, 1, 1.0, 0.5, HOUR,
        carried, seen_at,
    )  # fmt: skip


def closed(observations: int, carried: bool | None = False) -> Results:
    """*carried* is ``None`` in windows of the first release."""
    results = Results()
    results.add_window(window("1", observations, carried).document())
    return results


async def test_what_was_written_before_is_left_as_it_is(database: Any) -> None:
    """A batch that is repeated, whole or in part, comes to the same."""
    await store(database, changes("1", 100, 200, 300))
    await store(database, changes("1", 100, 200))

    assert await database.price_changes.count_documents({}) == 3
    assert [doc["price_cents"] async for doc in database.offers.find()] == [300]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_of_two_closes_of_a_window_the_one_that_knows_more_stays(
    database: Any, order: tuple[int, int]
) -> None:
    """In whichever order they are written."""
    for observations in order:
        await store(database, closed(observations))

    assert [doc["observations"] async for doc in database.price_windows.find()] == [2]


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
async def test_closes_of_the_first_release_are_told_by_what_they_know(
    database: Any, order: tuple[int, int]
) -> None:
    """They have no time up to which they know."""
    for observations in order:
        await store(database, closed(observations, carried=None))

    (stored,) = await database.price_windows.find().to_list(2)
    assert (stored["observations"], "seen_at" in stored) == (2, False)


@pytest.mark.parametrize("order", [(None, False), (False, None)])
async def test_a_window_made_anew_replaces_that_of_the_first_release(
    database: Any, order: tuple[bool | None, bool | None]
) -> None:
    """As after a replay; whichever of the two is written last."""
    for carried in order:
        await store(database, closed(2, carried))

    (stored,) = await database.price_windows.find().to_list(2)
    assert (stored["width_s"], stored["carried"]) == (3600, False)


async def test_an_old_window_that_knows_more_is_kept(database: Any) -> None:
    """The log may have lost observations since: what is made of the rest does not replace it."""
    await store(database, closed(3, carried=None))

    await store(database, closed(2))

    (stored,) = await database.price_windows.find().to_list(2)
    assert (stored["observations"], "width_s" in stored) == (3, False)


async def test_an_old_window_of_another_width_leaves_its_id(database: Any) -> None:
    """The first release gave windows of all widths the same ids."""
    fields = window("1", 5, None).document()
    fields["end"] = "2027-01-15T08:01:00.000Z"
    old = Results()
    old.add_window(fields)
    await store(database, old)

    await store(database, closed(1))

    (stored,) = await database.price_windows.find().to_list(2)
    assert (stored["observations"], stored["width_s"]) == (1, 3600)


async def test_an_offer_of_the_first_release_is_replaced_by_what_is_as_new(database: Any) -> None:
    """It has no revision: a change of its name alone replaces it, an older price does not."""
    (change,) = changes("1", 100).latest.values()
    old = offer_document(change[1])
    del old["revision"]
    await database.offers.insert_one({**old, "changed_at": to_datetime(START + 5)})

    await store(database, changes("1", 50, 60))
    assert [doc["price_cents"] async for doc in database.offers.find()] == [100]

    renamed = Results()
    now = Offer(100, 0, None, True, "Walmart.com")
    event = OfferUpdated("1", "featured", "Green tea", now, START + 5, START + 9, START + 9)
    renamed.add_update(event.document())
    await store(database, renamed)
    assert [doc["name"] async for doc in database.offers.find()] == ["Green tea"]


async def test_names_that_look_like_expressions_are_stored_as_they_are(database: Any) -> None:
    """MongoDB evaluates the update of an offer, and a seller or an item may be named anything."""
    for at, name in enumerate(("$revision", "$$ROOT", "$price.")):
        results = Results()
        now = Offer(100, 0, None, True, name)
        results.add_update(
            OfferUpdated("1", "featured", name, now, START, START + at, START).document()
        )
        await store(database, results)

        (offer,) = await database.offers.find().to_list(2)
        (item,) = await database["items"].find().to_list(2)
        assert (offer["seller"], offer["name"]) == (name, name)
        assert (item["featured"]["seller"], item["name"]) == (name, name)


async def test_two_writers_who_meet_a_new_id_leave_the_newer_document(
    database: Any, mongod: Any, make_unreachable_settings: Callable[..., Settings]
) -> None:
    """Both upserts may miss: a duplicate key then means that somebody else inserted, maybe what is
    older. So workers and a replay beside them leave the same, whoever comes first."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=database.name)
    client = mongo.connect(settings)
    second = mongo.database(client, settings)

    def results(first: int, known: int) -> Results:
        batch = Results()
        for number in range(first, first + BULK):
            now = Offer(known, 0, None, True, None)
            at = START + known
            update = OfferUpdated(str(number), "featured", None, now, at, at, at)
            batch.add_update(update.document())
            batch.add_window(window(str(number), known).document())
        return batch

    for first in range(0, NEW_IDS, BULK):
        older, newer = results(first, 1), results(first, 2)
        await asyncio.gather(store(database, older), store(second, newer))

    client.close()
    assert await database.offers.count_documents({"price_cents": 2}) == NEW_IDS
    assert await database.price_windows.count_documents({"observations": 2}) == NEW_IDS


def test_merged_results_are_what_one_batch_would_have_been() -> None:
    """The newest change makes an offer's document, and the fuller close stays."""
    merged = changes("1", 100)
    for more in (changes("1", 100, 200), changes("2", 5), closed(2), closed(1)):
        merged.merge(more)

    assert len(merged.changes) == 3
    assert {offer["_id"]: offer["price_cents"] for offer in merged.offers()} == {
        "1:featured": 200,
        "2:featured": 5,
    }
    assert [window["observations"] for window in merged.windows.values()] == [2]
    assert len(merged) == 3


async def test_many_small_batches_at_once_are_all_written(database: Any) -> None:
    """Each returns when its own are there."""
    writes = GroupedWrites(database)

    async def write(number: int) -> None:
        await writes.write(changes(str(number), number + 1))
        assert await database.price_changes.find_one({"item_id": str(number)})

    await asyncio.gather(*(write(number) for number in range(200)))

    assert await database.offers.count_documents({}) == 200


async def test_large_batches_are_written_side_by_side_and_whole(database: Any) -> None:
    """One that is larger than a bulk is a group of its own."""
    writes = GroupedWrites(database)
    large = [changes(str(number), *range(1, BULK + 2)) for number in range(MOST_IN_FLIGHT + 1)]

    await asyncio.gather(*map(writes.write, large))

    assert await database.price_changes.count_documents({}) == len(large) * (BULK + 1)


async def test_a_write_that_fails_is_told_to_all_whose_results_were_in_it(database: Any) -> None:
    """Each of them tries again, which leaves no trace; none goes on as if it were stored."""
    writes = GroupedWrites(database)
    bad = changes("2", 7)
    (document,) = bad.changes.values()
    document["_id"] = ["the database takes no list as an id"]

    told = await asyncio.gather(
        writes.write(changes("1", 5)), writes.write(bad), return_exceptions=True
    )

    assert all(isinstance(one, PyMongoError) for one in told)
    await writes.write(changes("1", 5))
    assert await database.price_changes.count_documents({"item_id": "1"}) == 1


async def test_who_is_cancelled_leaves_the_others_what_they_wait_for(database: Any) -> None:
    """A rebalance takes one partition's batch away, not another's."""
    writes = GroupedWrites(database)
    first = asyncio.create_task(writes.write(changes("1", 5)))
    second = asyncio.create_task(writes.write(changes("2", 5)))
    await asyncio.sleep(0)

    first.cancel()
    await second

    assert first.cancelled()
    assert await database.offers.count_documents({"item_id": "2"}) == 1
