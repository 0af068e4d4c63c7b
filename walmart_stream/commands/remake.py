"""``walmart-stream replay --items``: documents of items rebuilt from the other collections.

Their tags, and whether they are watched, are those of the watchlist.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from walmart_stream import topics
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.watch import decode_entry
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS, OFFERS
from walmart_stream.storage.item_documents import watch_fields
from walmart_stream.storage.item_writes import remake_items, update_watched
from walmart_stream.storage.sealed import FieldSeal

# Items at a time, each with four requests after one another: enough to keep a server of two cores
# busy, and leave it time for workers.
AT_ONCE = 8
# Before every record: the topic has none of the item any more.
NOWHERE = -1


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

    *into* names another database. *progress* gets the number of items done, and of all.

    Raises:
        KafkaError, PyMongoError: the watchlist cannot be read, or the database not be written.
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
        await _note_watched(settings, database)
        progress(total, total)
    finally:
        client.close()
    return Remade(done, time.monotonic() - started)


async def _note_watched(settings: Settings, database: Any) -> None:
    """Have items say of the watchlist what it says now, whatever they knew of it."""
    said: dict[str, tuple[int, dict[str, Any]]] = {}
    async for record in read_topic(settings, topics.WATCHLIST.name):
        item_id = (record.key or b"").decode("utf-8", "replace")
        try:
            entry = decode_entry(item_id, record.value) if record.value else None
        except BadInput:
            continue
        said[item_id] = record.offset, watch_fields(entry)
    async for known in database[ITEMS].find({"watch_offset": {"$exists": True}}, {"_id": 1}):
        said.setdefault(known["_id"], (NOWHERE, watch_fields(None)))
    await update_watched(database, said, anew=True)


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
