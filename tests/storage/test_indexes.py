"""Creating indexes on collections that are large already."""

from __future__ import annotations

from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.mongo import INDEXES, create_indexes

# Indexes of these documents take some hundred milliseconds.
DOCUMENTS = 5_000


async def test_a_build_may_take_longer_than_an_answer_of_the_driver(
    mongod: EmbeddedMongod, mongodb_database: str
) -> None:
    """The driver's limit for an answer does not end it: an upgrade may have millions to index."""
    filling: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongod.uri)
    await filling[mongodb_database][ITEMS].insert_many(
        {"_id": str(number), "facets": [str(number % 7), "all"], "name_key": f"name {number}"}
        for number in range(DOCUMENTS)
    )
    # Milliseconds: no answer that takes any work comes so soon.
    hasty: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongod.uri, socketTimeoutMS=2)

    await create_indexes(hasty[mongodb_database])

    made = await filling[mongodb_database][ITEMS].index_information()
    # The one of _id is there by itself.
    assert len(made) == len(INDEXES[ITEMS]) + 1
    filling.close()
    hasty.close()
