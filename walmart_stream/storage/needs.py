"""Items that need their seller: some of each kind, the newest or the worst, by an index each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pymongo import ASCENDING, DESCENDING

from walmart_stream.domain.standing import LOST, SUPPRESSED
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_documents import facet, state_facet
from walmart_stream.storage.sealed import FieldSeal

Document = Mapping[str, Any]

# Counted up to here: enough to know that it is not a handful.
MOST_COUNTED = 1_000
# Milliseconds. A page that has all but these rows is better than one that waits.
MAX_TIME_MS = 1_000


class Need(NamedTuple):
    """A kind of need: which items have it, in which order they are shown."""

    filter: Mapping[str, Any]
    order: tuple[str, int]
    # The kind can be looked up although states are sealed.
    is_plain: bool = False


_LOST, _SUPPRESSED, _ANY = (
    facet(None, state_facet(LOST)),
    facet(None, state_facet(SUPPRESSED)),
    facet(None, ""),
)
# In the order in which they are urgent.
NEEDS: Mapping[str, Need] = {
    "lost": Need({"facets": _LOST, "own.available": True}, ("changed_at", DESCENDING)),
    "suppressed": Need({"facets": _SUPPRESSED}, ("changed_at", DESCENDING)),
    "unpublished": Need(
        {"facets": _LOST, "own.landed_cents": None, "own.available": False},
        ("own.landed_cents", ASCENDING),
    ),
    "undercut": Need({"facets": _ANY, "gap_pct": {"$gt": 0}}, ("gap_pct", DESCENDING), True),
}


async def needing(
    database: Any, seal: FieldSeal, kind: str, most: int
) -> tuple[list[Document], int]:
    """Up to *most* items (opened) with the need *kind*, and how many there are.

    The count ends at :data:`MOST_COUNTED`.

    Raises:
        PyMongoError: the database cannot be asked.
    """
    need = NEEDS[kind]
    collection = database[ITEMS]
    found = await (
        collection.find(need.filter, max_time_ms=MAX_TIME_MS)
        .sort([need.order, ("_id", need.order[1])])
        .limit(most)
        .to_list(most)
    )
    if len(found) < most:
        return [seal.open(ITEMS, one) for one in found], len(found)
    count = await collection.count_documents(need.filter, limit=MOST_COUNTED, maxTimeMS=MAX_TIME_MS)
    return [seal.open(ITEMS, one) for one in found], count
