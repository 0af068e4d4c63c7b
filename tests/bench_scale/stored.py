"""Commands that read all that is stored: ``verify`` of a log, ``history`` of one item."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.bench_scale import child
from tests.bench_scale.servers import servers
from tests.chaos.prefilled import item_id, observe
from tests.export.documents import many
from tests.pipeline.pipeline import RAW, Pipeline
from walmart_stream.kafka.producing import produce
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES
from walmart_stream.storage.mongo import INDEXES

# Observations of each item that is verified, unless another number is asked for.
EACH = 10
CHUNK = 20_000
MINUTE_MS = 60_000
# For the largest size on a busy machine; nothing waits for it to pass (seconds).
DEADLINE = 1800.0


async def verify(observations: int, folder: Path, each: int = EACH) -> dict[str, float]:
    """Seconds and memory of ``verify`` of *observations* observations that a worker processed.

    There are *each* of every item, a minute apart.
    """
    async with AsyncExitStack() as stack:
        environment = {
            **await stack.enter_async_context(servers(folder)),
            # A week: no window waits for a worker to end it, when that has stopped.
            "WINDOW_SIZE": "604800",
        }
        pipeline = Pipeline(environment, folder)
        stack.push_async_callback(pipeline.stop)
        await pipeline.create_topics()
        at = time.time_ns() // 1_000_000 - each * MINUTE_MS
        numbers = range(observations // each)
        for turn in range(each):
            for first in range(0, len(numbers), CHUNK):
                part = numbers[first : first + CHUNK]
                seen = [observe(number, at + turn * MINUTE_MS) for number in part]
                await produce(pipeline.settings, RAW, seen)
        worker = pipeline.start()
        await pipeline.until_settled(DEADLINE)
        counted = await worker.counted("walmart_observations_total")
        assert counted["applied"] == len(numbers) * each, counted
        await worker.terminate()
        found = await asyncio.to_thread(
            *(child.measure, "verify", "--json"), environment=pipeline.environment, folder=folder
        )
        return {f"verify_{name}": value for name, value in found.items()}


async def history(changes: int, folder: Path) -> dict[str, float]:
    """Seconds and memory of ``history`` of an item with *changes* changes."""
    mongod = EmbeddedMongod(folder / "mongod")
    await mongod.start()
    try:
        await asyncio.to_thread(_fill, mongod.uri, changes)
        environment = {"MONGODB_URI": mongod.uri}
        found = await asyncio.to_thread(
            *(child.measure, "history", item_id(0)), environment=environment, folder=folder
        )
    finally:
        await mongod.stop()
    return {f"history_{name}": value for name, value in found.items()}


def _fill(uri: str, changes: int) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        collection = client["walmart"][PRICE_CHANGES]
        collection.create_indexes(INDEXES[PRICE_CHANGES])
        documents = many(items=1, changes=changes)
        # By which the item is known; nothing else of it is read here.
        offer = {"_id": f"{item_id(0)}:featured", "item_id": item_id(0), "offer": "featured"}
        client["walmart"][OFFERS].insert_one(offer)
        for first in range(0, changes, CHUNK):
            part = documents[first : first + CHUNK]
            for document in part:
                document["_id"] = f"{item_id(0)}:featured:{document['_id'].rsplit(':', 1)[1]}"
                document["item_id"] = item_id(0)
            collection.insert_many(part, ordered=False)
