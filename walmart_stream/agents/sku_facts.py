"""Facts about item ids that a worker learns, sent to the owner of the table of own items."""

from __future__ import annotations

from collections.abc import Callable

from walmart_stream import topics
from walmart_stream.agents.known_ids import Known, encode_known, gtin_key, sku_key
from walmart_stream.agents.own_items import PARTITION
from walmart_stream.domain.reading.sent import read_sent
from walmart_stream.engine.outbox import Outbox

# Pairs already published, so that they are not published twice. Some tens of megabytes; beyond
# that, pairs are published again.
MOST_TOLD = 200_000


class ItemNews:
    """Says each thing once. *clock* gives epoch milliseconds."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._told: dict[bytes, str] = {}

    def add_sku(self, outbox: Outbox, sku: str, item_id: str) -> None:
        """Walmart named *sku* and *item_id* together."""
        self._add(outbox, sku_key(sku), item_id, told=True)

    def add_answer(self, outbox: Outbox, item_id: str, payload: bytes) -> None:
        """Publish the id of an item by its UPC, which may be that of an own item."""
        key = gtin_key(read_sent(payload).get("upc"))
        if key is not None:
            self._add(outbox, key, item_id, told=False)

    def forget(self) -> None:
        """Publish all pairs again: an outbox failed, and it is unknown what of it has arrived."""
        self._told.clear()

    def _add(self, outbox: Outbox, key: bytes, item_id: str, *, told: bool) -> None:
        if self._told.get(key) == item_id:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told[key] = item_id
        value = encode_known(Known(item_id, told, self._clock()))
        outbox.add(topics.SELLER_NEWS.name, key, value, partition=PARTITION)
