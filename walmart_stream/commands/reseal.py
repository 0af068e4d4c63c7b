"""``walmart-stream reseal``: all that is to be sealed, with the newest key, beside live workers.

A field is replaced only if it still is what was read. So a worker's newer value stays, and this can
be ended at any time, be begun again, and run twice at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo import UpdateOne

from walmart_stream.settings import Settings, SettingsError
from walmart_stream.storage import mongo
from walmart_stream.storage.sealed import SEALED_FIELDS, FieldSeal, Unreadable

# Documents that a query looks at: few enough for an answer at once where none has such a field.
SPAN = 20_000
BULK = 1000

# Unreadable ones named one by one; more help nobody.
EXAMPLES = 20


@dataclass(slots=True)
class Resealed:
    """Counts of a collection's fields as they were read: plain, or sealed with which key.

    ``replaced`` counts those that were written; a worker may have been faster.
    """

    plain: int = 0
    older: int = 0
    newest: int = 0
    unreadable: int = 0
    replaced: int = 0
    first_unreadable: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"{self.plain} plain, {self.older} sealed with an older key, {self.newest} with the "
            f"newest, {self.unreadable} unreadable; {self.replaced} replaced"
        )


async def reseal(
    settings: Settings, *, plain: bool = False, span: int = SPAN
) -> AsyncIterator[tuple[str, Resealed]]:
    """Each collection with what was found in it, and sealed with the newest key.

    *plain*: unsealed instead. *span*: documents that a query looks at.

    Raises:
        SettingsError: there are no keys.
        PyMongoError: the database cannot be read or written.
    """
    seal = FieldSeal.of(settings)
    if not seal.is_on:
        raise SettingsError(["MONGODB_FIELD_KEYS: needed to encrypt fields"])
    client = mongo.connect(settings)
    try:
        database = mongo.database(client, settings)
        for collection in SEALED_FIELDS:
            work = Resealing(database[collection], collection, seal, plain)
            async for query in _spans(database[collection], span):
                await work.span(query)
            yield collection, work.found
    finally:
        client.close()


class Resealing:
    """One collection, motor's *documents*, called *name*; ``found`` is what was found so far."""

    def __init__(self, documents: Any, name: str, seal: FieldSeal, plain: bool = False) -> None:
        self.found = Resealed()
        self._documents = documents
        self._name = name
        self._seal = seal
        self._plain = plain
        self._fields = SEALED_FIELDS[name]

    async def span(self, query: Mapping[str, Any]) -> None:
        """Read the documents that *query* finds, and replace what is to be."""
        having = [{name: {"$exists": True}} for name in self._fields]
        found = self._documents.find({**query, "$or": having}, dict.fromkeys(self._fields, 1))
        documents = await found.to_list(None)
        for first in range(0, len(documents), BULK):
            await self.replace(documents[first : first + BULK])

    async def replace(self, documents: list[dict[str, Any]]) -> None:
        """Replace what is to be of *documents*, as they were read."""
        found: Resealed | None = self.found
        while True:
            updates = list(self._updates(documents, found))
            if not updates:
                return
            done = await self._documents.bulk_write(updates, ordered=False)
            self.found.replaced += done.matched_count
            if done.matched_count == len(updates):
                return
            # What has changed in between is looked at once more; the others are done by now.
            names = [document["_id"] for document in documents]
            documents = await self._documents.find(
                {"_id": {"$in": names}}, dict.fromkeys(self._fields, 1)
            ).to_list(None)
            found = None

    def _updates(
        self, documents: Iterable[Mapping[str, Any]], found: Resealed | None
    ) -> Iterator[UpdateOne]:
        """The values to replace; *found* counts all fields."""
        tally = Resealed() if found is None else found
        for document in documents:
            for name in self._fields:
                if name not in document:
                    continue
                value = document[name]
                try:
                    new = self._new((self._name, document["_id"], name), value, tally)
                except Unreadable as exc:
                    tally.unreadable += 1
                    if len(tally.first_unreadable) < EXAMPLES:
                        tally.first_unreadable.append(f"{document['_id']} ({name}): {exc}")
                    continue
                if new is not value:
                    unchanged = {"_id": document["_id"], name: {"$eq": value, "$exists": True}}
                    yield UpdateOne(unchanged, {"$set": {name: new}})

    def _new(self, place: tuple[str, Any, str], value: Any, tally: Resealed) -> Any:
        """The value to store in place of *value*; *value* itself if it is already right."""
        if not isinstance(value, bytes):
            tally.plain += 1
            return value if self._plain else self._seal.seal_value(place, value)
        content = self._seal.open_value(place, value)
        if self._seal.has_newest_key(value):
            tally.newest += 1
            return content if self._plain else value
        tally.older += 1
        return content if self._plain else self._seal.seal_value(place, content)


async def _spans(documents: Any, size: int) -> AsyncIterator[dict[str, Any]]:
    """Queries for all documents, of *size* each, by their ids."""
    after = ""
    while True:
        bounds = {"$gt": after}
        last = documents.find({"_id": bounds}, {"_id": 1}, sort=[("_id", 1)], skip=size - 1)
        ends = await last.limit(1).to_list(1)
        if not ends:
            yield {"_id": bounds}
            return
        after = ends[0]["_id"]
        yield {"_id": {**bounds, "$lte": after}}
