"""Writes of results to a real mongod: repeatable, only if newer, and shared by partitions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pymongo.errors import PyMongoError

from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.shared_writes import MOST_IN_FLIGHT, GroupedWrites
from walmart_stream.storage.writes import BULK, Results, store

START = 1_800_000_000_000


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


def closed(observations: int) -> Results:
    results = Results()
    event = WindowClosed("1", "featured", START, START + 1, observations, 0, 1, 1, 1, 1, 1.0, 0.5)
    results.add_window(event.document())
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
