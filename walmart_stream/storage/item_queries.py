"""The list of items: a page in any order and with any filter, by indexes alone.

A page is cut by key, in up to three ranges of one index: what is equal to the place where the page
before ended, what comes behind it, and the items without a value, which come last in both
directions. Each range is exact: a page costs what is on it, however many items there are.

Words are looked up first, in their index alone, and the rarest of them decides: its items are few,
the other words are looked for in these, and what is left is sorted here. So a search costs what its
rarest word finds, and there is a limit to that.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING

from walmart_stream.domain.item_words import words_in
from walmart_stream.storage.documents import ITEMS, OFFERS
from walmart_stream.storage.item_documents import facet, state_facet
from walmart_stream.storage.mongo import ITEM_SORTS
from walmart_stream.storage.queries import MAX_TIME_MS, Document, Page

# Items that the rarest word of a search may find: reading their keys takes some 5 ms a word. Who
# finds more cannot look at them anyway, and gets the advice to write more.
MOST_FOUND = 5_000
MOST_WORDS = 8

# Keys of a word that are read first, to learn which one is rare: as many as a list of a thousand
# items has of a common word. Twice as many cost every search with a common word half a millisecond.
FEW = 250

# Before every value of its kind.
_TEXT, _NUMBER, _TIME = "", float("-inf"), datetime(1, 1, 1, tzinfo=UTC)
_LEAST: Mapping[str, Any] = {
    "item_id": _TEXT,
    "name": _TEXT,
    "state": _TEXT,
    "holder": _TEXT,
    "changed_at": _TIME,
}


class TooManyFound(Exception):
    """Every word of a search finds more than MOST_FOUND items."""


class Place(NamedTuple):
    """Where a page ended: what its last item is sorted by, and the item."""

    value: Any
    item_id: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A choice of items, and their order. *q*: words or beginnings of words, all to be there."""

    q: str | None = None
    tag: str | None = None
    state: str | None = None
    sort: str = "item_id"
    descending: bool = False

    @property
    def field(self) -> str:
        """The field that is sorted by."""
        return ITEM_SORTS[self.sort]

    @property
    def facet(self) -> str:
        """The filter, as items name it."""
        return facet(self.tag, "" if self.state is None else state_facet(self.state))


async def list_items(database: Any, choice: Choice, after: Place | None, limit: int) -> Page[Place]:
    """Up to *limit* ``items`` documents of *choice* behind *after*.

    Raises:
        TooManyFound: see there.
        PyMongoError: the database is away, or takes too long.
    """
    if choice.q is None:
        found = await _in_order(database, choice, after, limit + 1)
    else:
        found = await _found(database, choice, after, limit + 1)
    page = found[:limit]
    following = _place(choice, page[-1]) if len(found) > limit else None
    return Page(page, following)


async def offers_of(database: Any, item_ids: Sequence[str]) -> dict[str, dict[str, Document]]:
    """The ``offers`` documents of *item_ids*, by item and offer."""
    found: dict[str, dict[str, Document]] = {item_id: {} for item_id in item_ids}
    cursor = database[OFFERS].find(
        {"item_id": {"$in": list(item_ids)}},
        sort=[("item_id", ASCENDING), ("offer", ASCENDING)],
        max_time_ms=MAX_TIME_MS,
    )
    for one in await cursor.to_list(None):
        found[one["item_id"]][one["offer"]] = one
    return found


def ranges(choice: Choice, after: Place | None) -> list[dict[str, Any]]:
    """The filters of the ranges that follow upon *after*, in their order."""
    behind = "$lt" if choice.descending else "$gt"
    base: dict[str, Any] = {"facets": choice.facet}
    field = choice.field
    if field == "_id":
        return [base if after is None else {**base, "_id": {behind: after.item_id}}]
    nothing = {**base, field: None}
    if after is None:
        return [{**base, field: {"$gte": _LEAST.get(choice.sort, _NUMBER)}}, nothing]
    if after.value is None:
        return [{**nothing, "_id": {behind: after.item_id}}]
    bounds = {behind: after.value}
    if choice.descending:
        bounds["$gte"] = _LEAST.get(choice.sort, _NUMBER)
    same = {**base, field: after.value, "_id": {behind: after.item_id}}
    return [same, {**base, field: bounds}, nothing]


def order_of(choice: Choice) -> list[tuple[str, int]]:
    """The order that the database reads a range in."""
    direction = DESCENDING if choice.descending else ASCENDING
    return [(name, direction) for name in dict.fromkeys((choice.field, "_id"))]


def words_like(word: str) -> dict[str, Any]:
    """The filter of items with a word that begins so."""
    # A beginning, which is a range of the index: its keys say all, no document is read.
    return {"words": {"$regex": f"^{re.escape(word)}"}}


async def _in_order(
    database: Any, choice: Choice, after: Place | None, limit: int
) -> list[Document]:
    found: list[Document] = []
    for query in ranges(choice, after):
        cursor = database[ITEMS].find(query, sort=order_of(choice), max_time_ms=MAX_TIME_MS)
        left = limit - len(found)
        found += await cursor.limit(left).to_list(left)
        if len(found) == limit:
            break
    return found


async def _found(database: Any, choice: Choice, after: Place | None, limit: int) -> list[Document]:
    words = words_in(choice.q or "")[:MOST_WORDS]
    if not words:
        return []
    names, frequent = await _with_rare(database, words)
    if not names:
        return []
    wanted = {"_id": {"$in": names}, "facets": choice.facet}
    cursor = database[ITEMS].find(wanted, {choice.field: 1, "words": 1}, max_time_ms=MAX_TIME_MS)
    places = [
        _place(choice, one)
        for one in await cursor.hint([("_id", ASCENDING)]).to_list(None)
        if all(any(word.startswith(asked) for word in one["words"]) for asked in frequent)
    ]
    if after is not None:
        places = [place for place in places if _is_behind(place, after, choice.descending)]
    page = [place.item_id for place in _sorted(places, choice.descending)[:limit]]
    documents = await database[ITEMS].find({"_id": {"$in": page}}).to_list(None)
    by_name = {one["_id"]: one for one in documents}
    return [by_name[name] for name in page if name in by_name]


async def _with_rare(database: Any, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The ids of the items with all of *words* that few enough have, and the other words."""
    for most in (FEW, MOST_FOUND):
        answers = await asyncio.gather(*(_names(database, word, most + 1) for word in words))
        rare = [set(found) for found in answers if len(found) <= most]
        if rare:
            pairs = zip(words, answers, strict=True)
            frequent = [word for word, found in pairs if len(found) > most]
            return list(set.intersection(*rare)), frequent
    raise TooManyFound


async def _names(database: Any, word: str, limit: int) -> list[str]:
    """The ids of up to *limit* items with *word*."""
    cursor = database[ITEMS].find(words_like(word), {"_id": 1}, max_time_ms=MAX_TIME_MS)
    # In one answer: the driver's first one would have 101.
    cursor = cursor.limit(limit).batch_size(limit + 1)
    return [one["_id"] for one in await cursor.to_list(None)]


def _place(choice: Choice, document: Document) -> Place:
    value: Any = document
    for name in choice.field.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return Place(value, document["_id"])


def _sorted(places: Iterable[Place], descending: bool) -> list[Place]:
    """The order of the index, those without a value last."""
    known: list[Place] = []
    others: list[Place] = []
    for place in places:
        (others if place.value is None else known).append(place)
    return [
        *sorted(known, reverse=descending),
        *sorted(others, key=lambda place: place.item_id, reverse=descending),
    ]


def _is_behind(place: Place, after: Place, descending: bool) -> bool:
    if place.value is None or after.value is None:
        if place.value is not after.value:
            return place.value is None
        return (place.item_id < after.item_id) is descending and place.item_id != after.item_id
    return place != after and (place < after) is descending
