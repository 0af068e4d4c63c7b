"""Voids what is stored of an item that is recomputed; what is right follows as other results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.item_writes import remake_items
from walmart_stream.storage.sealed import UNSEALED, FieldSeal


class Reset(NamedTuple):
    """Documents of an item to void: from the time ``since`` on, or of records from a place on."""

    item_id: str
    since: datetime
    topic: str
    partition: int
    offset: int

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Reset:
        """From an ``item_reset`` event's fields.

        Raises:
            ValueError: ``since`` is not a time.
        """
        source = fields["source"]
        since = to_datetime(parse_iso(fields["since"]))
        return cls(fields["item_id"], since, source["topic"], source["partition"], source["offset"])


async def void(database: Any, reset: Reset, seal: FieldSeal = UNSEALED) -> None:
    """Delete it; doing so again, before what follows is written, deletes nothing else.

    Raises:
        PyMongoError: see :func:`walmart_stream.storage.refusals.is_outage`.
    """
    of_item = {"item_id": reset.item_id}
    later = {
        "source.topic": reset.topic,
        "source.partition": reset.partition,
        "source.offset": {"$gte": reset.offset},
    }
    await database[PRICE_CHANGES].delete_many(
        {**of_item, "$or": [later, {"observed_at": {"$gte": reset.since}}]}
    )
    await database[PRICE_WINDOWS].delete_many({**of_item, "end": {"$gt": reset.since}})
    await database[OFFERS].delete_many({**of_item, "changed_at": {"$gte": reset.since}})
    await remake_items(database, [reset.item_id], seal)
