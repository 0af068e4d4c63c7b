"""Documents of any number, page by page.

Each page is a query of its own that begins where the one before ended. So no cursor is open while
the reader is busy: the server would close one that idles, or that lasts longer than its session.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from walmart_stream.export.fields import Exported
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_documents import facet
from walmart_stream.storage.sealed import FieldSeal

Document = Mapping[str, Any]
Condition = Mapping[str, Any]

# Documents: some hundred kilobytes, which one answer holds; asking costs a millisecond.
PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Choice:
    """The documents to export: of these items or of all, with times in [since, until)."""

    items: tuple[str, ...] | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, kind: Exported) -> list[Condition]:
        """The conditions on *kind*'s own fields, but the items."""
        conditions: list[Condition] = []
        if self.since is not None:
            conditions.append({kind.time: {"$gte": self.since}})
        if self.until is not None:
            conditions.append({kind.time: {"$lt": self.until}})
        return conditions


async def pages(
    database: Any, kind: Exported, choice: Choice, seal: FieldSeal, size: int = PAGE
) -> AsyncGenerator[Sequence[Document], None]:
    """The chosen documents, opened, in *kind*'s order, at most *size* at a time.

    A document that is stored while this runs is there or not; none comes twice.

    Raises:
        PyMongoError: the database cannot be read.
    """
    collection = database[kind.collection]
    order = [(name, 1) for name in kind.order]
    wanted = choice.conditions(kind)
    for scope in _scopes(kind, choice):
        last: list[Document] = []
        rest: list[list[Condition]] = [[]]
        while True:
            found: list[Document] = []
            for conditions in rest:
                room = size - len(found)
                if not room:
                    break
                every = [*scope, *wanted, *conditions]
                cursor = collection.find(
                    {"$and": every} if every else {}, sort=order, limit=room, batch_size=room
                )
                found += await cursor.to_list(room)
            if not found:
                break
            yield [seal.open(kind.collection, document) for document in found]
            key = _key(kind, found[-1])
            if len(found) < size:
                break
            last = [one for one in (*last, *found) if _key(kind, one) == key]
            rest = list(_after(kind, key, [one["_id"] for one in last]))


async def tagged(database: Any, tag: str) -> tuple[str, ...]:
    """The ids of the items with *tag*, some ten bytes each.

    Raises:
        PyMongoError: the database cannot be read.
    """
    found = database[ITEMS].find({"facets": facet(tag, "")}, {"_id": 1})
    return tuple([document["_id"] async for document in found])


async def count(database: Any, kind: Exported, choice: Choice) -> int | None:
    """The number of documents chosen as of now; where all are, by the server's own count.

    ``None``: for more items than counting is quick for.

    Raises:
        PyMongoError: the database cannot be read, or counting takes too long.
    """
    collection = database[kind.collection]
    wanted = choice.conditions(kind)
    if choice.items is not None:
        if len(choice.items) > MOST_COUNTED:
            return None
        wanted.append({"item_id": {"$in": list(choice.items)}})
    if not wanted:
        return int(await collection.estimated_document_count(maxTimeMS=COUNT_MS))
    return int(await collection.count_documents({"$and": wanted}, maxTimeMS=COUNT_MS))


# Milliseconds. Only the time left is computed of it: more is not worth waiting for.
COUNT_MS = 5_000
MOST_COUNTED = 1_000


def _scopes(kind: Exported, choice: Choice) -> Iterator[list[Condition]]:
    if choice.items is None:
        yield []
    elif kind.order[0] == "item_id":
        # One after the other, each by its own part of the index.
        for item_id in sorted(choice.items):
            yield [{"item_id": item_id}]
    else:
        yield [{"item_id": {"$in": list(choice.items)}}]


def _key(kind: Exported, document: Document) -> tuple[Any, ...]:
    return tuple(document[name] for name in kind.order)


def _after(kind: Exported, key: tuple[Any, ...], seen: list[Any]) -> Iterator[list[Condition]]:
    """The parts of the index after *key*, in order: first those that share most of it.

    Documents may share all of it (two windows of other widths): those *seen* are left out.
    """
    deepest = len(key) - 1
    yield [
        *({name: value} for name, value in zip(kind.order, key, strict=True)),
        {"_id": {"$nin": seen}},
    ]
    for depth in range(deepest, -1, -1):
        yield [
            *({name: value} for name, value in zip(kind.order[:depth], key, strict=False)),
            {kind.order[depth]: {"$gt": key[depth]}},
        ]
