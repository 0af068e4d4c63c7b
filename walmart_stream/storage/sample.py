"""A sample of all items with their recent changes: what a shop's figures are estimated from.

Of a shop that is small enough it is all of them, and the figures are exact. A larger one costs the
same: MongoDB picks documents at random without reading the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from walmart_stream.domain.figures import Moved
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_ms
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES
from walmart_stream.storage.queries import MAX_TIME_MS
from walmart_stream.storage.sealed import FieldSeal

Document = Mapping[str, Any]

# Items: a share is then right to within three per cent, nineteen times of twenty.
SAMPLE = 1_000
# Changes of the sample that are read: fifty an item.
MOST_CHANGES = 50_000


@dataclass(frozen=True, slots=True)
class Sampled:
    """One item: its offers now, its changes, and the steps of its buy box.

    ``ribbon`` is ``[epoch ms, holder, seller, suppressed]``, oldest first; empty where there is
    none, or where it is sealed and cannot be opened.
    """

    item_id: str
    offers: dict[str, Offer]
    changes: list[Moved]
    ribbon: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Sample:
    """Some items out of ``total``; ``is_cut``: they have more changes than were read."""

    total: int
    items: list[Sampled]
    is_cut: bool


async def sample(database: Any, seal: FieldSeal, since: datetime) -> Sample:
    """Up to :data:`SAMPLE` items with their changes from *since* on.

    Raises:
        PyMongoError: the database cannot be asked.
    """
    total = await database[ITEMS].estimated_document_count(maxTimeMS=MAX_TIME_MS)
    wanted = {"item_id": 1, "buy_box": 1}
    # A large collection is not read: random positions of it are.
    picked: list[dict[str, Any]] = [{"$sample": {"size": SAMPLE}}] if total > SAMPLE else []
    steps = [*picked, {"$limit": SAMPLE}, {"$project": wanted}]
    cursor = database[ITEMS].aggregate(steps, maxTimeMS=MAX_TIME_MS)
    documents = {one["_id"]: one for one in await cursor.to_list(SAMPLE)}
    names = list(documents)
    found = {name: Sampled(name, {}, [], _ribbon(documents[name], seal)) for name in names}
    offers = database[OFFERS].find({"item_id": {"$in": names}}, max_time_ms=MAX_TIME_MS)
    for offer in await offers.to_list(None):
        values = (offer[field] for field in Offer._fields)
        found[offer["item_id"]].offers[offer["offer"]] = Offer(*values)
    cursor = database[PRICE_CHANGES].find(
        {"item_id": {"$in": names}, "observed_at": {"$gte": since}},
        {"item_id": 1, "offer": 1, "observed_at": 1, "kinds": 1, "delta_cents": 1, "previous": 1},
        max_time_ms=MAX_TIME_MS,
    )
    changes = await cursor.limit(MOST_CHANGES).to_list(MOST_CHANGES)
    for change in changes:
        found[change["item_id"]].changes.append(_moved(change))
    return Sample(total, list(found.values()), len(changes) == MOST_CHANGES)


def _ribbon(document: Document, seal: FieldSeal) -> Sequence[Sequence[Any]]:
    opened = seal.open(ITEMS, document)
    steps: Sequence[Sequence[Any]] = (opened.get("buy_box") or {}).get("steps") or ()
    return steps


def _moved(change: Document) -> Moved:
    before = change["previous"]
    return Moved(
        change["offer"],
        to_ms(change["observed_at"]),
        tuple(change["kinds"]),
        change["delta_cents"],
        None
        if before is None
        else Offer(
            before["price_cents"],
            before["shipping_cents"],
            None,
            before["available"],
            before["seller"],
        ),
    )
