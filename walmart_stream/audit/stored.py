"""Reads the documents of some items, item by item and in order, or those under ids of no item."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import Any

from walmart_stream.audit.course import UTC_CODEC
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.sealed import FieldSeal

Document = Mapping[str, Any]

# Documents of an answer. The server would put up to 16 MB in one: half a million item ids.
BATCH = 500

COLLECTIONS = (PRICE_CHANGES, OFFERS, PRICE_WINDOWS, ITEMS)

# The fields of each collection's index, so that the server need not sort.
_ORDER = {
    PRICE_CHANGES: ("item_id", "observed_at", "offer"),
    OFFERS: ("item_id", "offer"),
    PRICE_WINDOWS: ("item_id", "start", "offer"),
    ITEMS: ("_id",),
}
# Of an item that is watched and was never observed there is a document, which says nothing else.
_JUDGED: Mapping[str, Mapping[str, Any]] = {ITEMS: {"revision": {"$exists": True}}}


class ByItem:
    """Documents in order of their items, taken item by item."""

    def __init__(self, documents: AsyncIterator[Document]) -> None:
        self._documents = documents
        self._next: Document | None = None

    async def take(self, item_id: str) -> AsyncIterator[Document]:
        """Those of *item_id*; what is left of the items before it is passed over."""
        while True:
            if self._next is None:
                self._next = await anext(self._documents, None)
            if self._next is None or self._next["item_id"] > item_id:
                return
            document, self._next = self._next, None
            if document["item_id"] == item_id:
                yield document


class StoredResults:
    """Reads a *database* (motor) with its sealed fields opened."""

    def __init__(self, database: Any, seal: FieldSeal) -> None:
        self._database = database
        self._seal = seal

    def of_items(self, collection: str, item_ids: Iterable[str]) -> ByItem:
        """The documents of these items, to be taken in order of item ids."""
        order = [(name, 1) for name in _ORDER[collection]]
        (named, *_) = _ORDER[collection]
        wanted = {**_JUDGED.get(collection, {}), named: {"$in": sorted(item_ids)}}
        cursor = self._collection(collection).find(wanted)
        cursor = cursor.sort(order).allow_disk_use(True).batch_size(BATCH)
        return ByItem(self._opened(collection, cursor))

    async def _opened(self, collection: str, cursor: Any) -> AsyncIterator[Document]:
        async for document in cursor:
            yield self._seal.open(collection, document)

    async def item_ids(self, collection: str) -> AsyncIterator[Any]:
        """All item ids, each once; ``None`` where documents have none."""
        (named, *_) = _ORDER[collection]
        distinct: list[dict[str, Any]] = [
            {"$match": _JUDGED.get(collection, {})},
            {"$sort": {named: 1}},
            {"$group": {"_id": f"${named}"}},
        ]
        cursor = self._collection(collection).aggregate(
            distinct, allowDiskUse=True, batchSize=BATCH
        )
        async for found in cursor:
            yield found["_id"]

    async def names(self, collection: str, item_ids: Collection[Any]) -> AsyncIterator[str]:
        """The ``_id`` of each document with one of *item_ids*, as text."""
        (named, *_) = _ORDER[collection]
        cursor = self._collection(collection).find({named: {"$in": list(item_ids)}}, {"_id": 1})
        async for document in cursor:
            name = document["_id"]
            yield name if isinstance(name, str) else repr(name)

    def _collection(self, name: str) -> Any:
        return self._database[name].with_options(codec_options=UTC_CODEC)
