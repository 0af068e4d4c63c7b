"""``walmart-stream replay --items``: the documents of items anew, of what else is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import OFFERS
from walmart_stream.storage.item_writes import remake_items
from walmart_stream.storage.sealed import FieldSeal

# Items at a time, each with four requests after one another: enough to keep a server of two cores
# busy, and leave it time for workers.
AT_ONCE = 8


class Remade(NamedTuple):
    """The figures of a run."""

    items: int
    seconds: float


async def remake(
    settings: Settings,
    *,
    into: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Remade:
    """Make ``items`` of all that ``offers`` and ``price_changes`` hold, beside live workers.

    *into* names another database. *progress* is told how many items are done, and of how many.

    Raises:
        PyMongoError: the database cannot be read or written.
    """
    started = time.monotonic()
    client = mongo.connect(settings)
    done = 0
    try:
        target = settings.model_copy(update={"mongodb_database": into}) if into else settings
        database = mongo.database(client, target)
        await mongo.create_indexes(database)
        seal = FieldSeal.of(settings)
        total = await database[OFFERS].estimated_document_count()
        names = _ItemIds(database)

        async def work() -> None:
            nonlocal done
            async for name in names:
                await remake_items(database, [name], seal)
                done += 1
                progress(min(done, total), total)

        await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        progress(total, total)
    finally:
        client.close()
    return Remade(done, time.monotonic() - started)


class _ItemIds:
    """All item ids that there are offers of, each once, for several takers."""

    def __init__(self, database: Any) -> None:
        self._turn = asyncio.Lock()
        # By the index of item ids, each of which it passes over once.
        self._cursor = database[OFFERS].aggregate(
            [{"$sort": {"item_id": 1, "offer": 1}}, {"$group": {"_id": "$item_id"}}],
            allowDiskUse=True,
        )

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        async with self._turn:
            found = await anext(self._cursor)
        name: str = found["_id"]
        return name
