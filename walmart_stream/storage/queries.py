"""Queries to MongoDB. Pages are cut by key, so that inserts neither repeat nor skip any."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

from pymongo import ASCENDING

from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS

Document = Mapping[str, Any]
P = TypeVar("P")

# Milliseconds: longer than any of these queries takes with its index.
MAX_TIME_MS = 5_000
BATCH = 1_000


class Position(NamedTuple):
    """Where a document stands in the series of its item."""

    at: datetime
    offer: str


@dataclass(frozen=True, slots=True)
class Page(Generic[P]):
    """Some documents, and after which position the next ones come (``None``: there are none)."""

    documents: list[Document]
    next: P | None


@dataclass(frozen=True, slots=True)
class Span:
    """A choice of an item's documents: times in [since, until), one offer or all of them."""

    item_id: str
    since: datetime | None = None
    until: datetime | None = None
    offer: str | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """A collection of an item's documents in the order of time, then offer."""

    collection: str
    time: str

    async def page(
        self, database: Any, span: Span, after: Position | None, limit: int
    ) -> Page[Position]:
        """Up to *limit* documents of *span* that stand after *after*."""
        found = await self._find(database, span, after).limit(limit + 1).to_list(limit + 1)
        documents = found[:limit]
        return Page(documents, self.position(documents[-1]) if len(found) > limit else None)

    async def end_of_page(
        self, database: Any, span: Span, after: Position | None, limit: int
    ) -> tuple[Position | None, bool]:
        """Where a page of *limit* documents ends (``None``: it is empty), and if more follow.

        With :meth:`between` this reads a page without holding it.
        """
        cursor = self._find(database, span, after, {self.time: 1, "offer": 1, "_id": 0})
        last = await cursor.clone().skip(limit - 1).limit(2).to_list(2)
        if last:
            return self.position(last[0]), len(last) > 1
        newest = await cursor.sort([(self.time, -1), ("offer", -1)]).limit(1).to_list(1)
        return (self.position(newest[0]), False) if newest else (None, False)

    async def between(
        self,
        database: Any,
        span: Span,
        after: Position | None = None,
        through: Position | None = None,
    ) -> AsyncGenerator[Document, None]:
        """The documents of *span* after *after*, up to *through* inclusive, one by one."""
        cursor = self._find(database, span, after, through=through, timed=False)
        async with aclosing(_documents(cursor.batch_size(BATCH))) as documents:
            async for document in documents:
                yield document

    async def newest(self, database: Any, span: Span, limit: int) -> list[Document]:
        """The last *limit* documents of *span*, newest first."""
        cursor = self._find(database, span, None)
        found: list[Document] = (
            await cursor.sort([(self.time, -1), ("offer", -1)]).limit(limit).to_list(limit)
        )
        return found

    def position(self, document: Document) -> Position:
        return Position(document[self.time], document["offer"])

    def _find(
        self,
        database: Any,
        span: Span,
        after: Position | None,
        projection: Mapping[str, int] | None = None,
        *,
        through: Position | None = None,
        timed: bool = True,
    ) -> Any:
        cursor = database[self.collection].find(
            self._filter(span, after, through), projection, sort=self._order()
        )
        # The server counts the time of all batches, and a stream's reader may be slow.
        return cursor.max_time_ms(MAX_TIME_MS) if timed else cursor

    def _order(self) -> list[tuple[str, int]]:
        return [(self.time, ASCENDING), ("offer", ASCENDING)]

    def _filter(
        self, span: Span, after: Position | None, through: Position | None
    ) -> dict[str, Any]:
        # Every bound of time stands alone, beside the $or that settles ties: so all of them
        # become bounds of one index scan.
        conditions: list[dict[str, Any]] = [{"item_id": span.item_id}]
        if span.since is not None:
            conditions.append({self.time: {"$gte": span.since}})
        if span.until is not None:
            conditions.append({self.time: {"$lt": span.until}})
        if span.offer is not None:
            conditions.append({"offer": span.offer})
        if after is not None:
            conditions.append({self.time: {"$gte": after.at}})
            conditions.append(
                {"$or": [{self.time: {"$gt": after.at}}, {"offer": {"$gt": after.offer}}]}
            )
        if through is not None:
            conditions.append({self.time: {"$lte": through.at}})
            conditions.append(
                {"$or": [{self.time: {"$lt": through.at}}, {"offer": {"$lte": through.offer}}]}
            )
        return {"$and": conditions}


CHANGES = Series(PRICE_CHANGES, "observed_at")
WINDOWS = Series(PRICE_WINDOWS, "start")


async def is_known(database: Any, item_id: str) -> bool:
    """Whether anything is stored of the item."""
    found = await database[OFFERS].find_one({"item_id": item_id}, {"_id": 1})
    return found is not None


async def _documents(cursor: Any) -> AsyncGenerator[Document, None]:
    """The cursor's documents; it is closed also if they are not all taken."""
    try:
        async for document in cursor:
            yield document
    finally:
        await cursor.close()
