"""The item endpoints: the seller's own items page by page or one by one.

Paging is a trap: the cursor of the first page stays the same on all pages, the offset turns
them, and both end – the cursor after two minutes, the offset at 10,000.
"""

from __future__ import annotations

import secrets
from collections import Counter
from dataclasses import dataclass

from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SHORTEST_CURSOR_LIFE, SellerConfig
from walmart_stream.sandbox.seller.faults import ExpiredCursor
from walmart_stream.sandbox.seller.item_json import own_item_json, said_of
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.refusals import ITEM_QUERY, invalid_param, not_found
from walmart_stream.sandbox.seller.shop import Shop

DEFAULT_LIMIT = 20
MOST_ITEMS = 1_000
FARTHEST_OFFSET = 10_000
FIRST_PAGE = "*"
ID_TYPES = ("SKU", "GTIN", "UPC", "EAN", "ISBN", "ITEM_ID")


@dataclass(frozen=True, slots=True)
class _Session:
    """The session behind a cursor: the items as they were chosen, until *expires_at* (epoch s)."""

    items: tuple[OwnItem, ...]
    expires_at: float


class Items:
    """``/v3/items`` and what is below it but the catalogue search."""

    def __init__(self, config: SellerConfig, pace: Pace, shop: Shop, faults: Faults) -> None:
        self._pace = pace
        self._shop = shop
        self._faults = faults
        self._cursor_life = max(SHORTEST_CURSOR_LIFE, pace.real(config.cursor_seconds))
        self._sessions: dict[str, _Session] = {}

    async def page(self, call: Call) -> SellerAnswer:
        """``GET /v3/items``: without parameters the first items of every status.

        Raises:
            SellerRefusal: 404 where nothing matches, 400 for an expired cursor or an offset
                beyond the last that Walmart allows.
        """
        offset = call.number("offset", 0)
        limit = call.number("limit", DEFAULT_LIMIT, MOST_ITEMS)
        if offset > FARTHEST_OFFSET:
            raise invalid_param("offset", f"offset is at most {FARTHEST_OFFSET}", ITEM_QUERY)
        cursor = call.query.get("nextCursor", FIRST_PAGE)
        if cursor == FIRST_PAGE:
            cursor = self._open(call)
        session = self._session(cursor)
        items = session.items[offset : offset + limit]
        if not items:
            raise not_found("No item found", ITEM_QUERY)
        written = [own_item_json(item, call.at) for item in items]
        return SellerAnswer(
            {
                "ItemResponse": written,
                "totalItems": len(session.items),
                "nextCursor": cursor,
            },
            tuple(said_of(i, json, call.at) for i, json in zip(items, written, strict=True)),
            root="ItemResponses",
        )

    async def one(self, call: Call) -> SellerAnswer:
        """``GET /v3/items/{id}``: the same wrapper around one item.

        Raises:
            SellerRefusal: 404, the seller has no such item.
        """
        kind = call.query.get("productIdType", "SKU").upper()
        if kind not in ID_TYPES:
            raise invalid_param("productIdType", f"{kind} is no product id type", ITEM_QUERY)
        item = self._shop.items.find(kind, call.path["id"])
        if item is None:
            raise not_found("No item found", ITEM_QUERY)
        written = own_item_json(item, call.at)
        document = {"ItemResponse": [written], "totalItems": 1}
        return SellerAnswer(document, (said_of(item, written, call.at),), root="ItemResponses")

    async def count(self, call: Call) -> SellerAnswer:
        """``GET /v3/items/count``: how many items have a published status."""
        counted = Counter(i.published(call.at) for i in self._shop.items.by_sku.values())
        wanted = call.query.get("status")
        if wanted is None:
            return SellerAnswer(dict(counted))
        return SellerAnswer({wanted: counted[wanted]})  # type: ignore[index]

    def _open(self, call: Call) -> str:
        now = self._pace.clock()
        live = {text: s for text, s in self._sessions.items() if s.expires_at > now}
        self._sessions = live
        items = tuple(i for i in self._shop.items.by_sku.values() if _matches(i, call))
        if not items:
            raise not_found("No item found", ITEM_QUERY)
        cursor = f"AoE{secrets.token_urlsafe(40)}"
        self._sessions[cursor] = _Session(items, now + self._cursor_life)
        return cursor

    def _session(self, cursor: str) -> _Session:
        session = self._sessions.get(cursor)
        if session is not None and self._faults.strike(ExpiredCursor, "items"):
            del self._sessions[cursor]
            session = None
        if session is None or session.expires_at <= self._pace.clock():
            raise invalid_param("nextCursor", "Invalid Cursor", ITEM_QUERY)
        return session


def _matches(item: OwnItem, call: Call) -> bool:
    query = call.query
    wanted = {
        "sku": item.sku,
        "lifecycleStatus": item.lifecycle,
        "publishedStatus": item.published(call.at),
        "condition": "New",
    }
    return all(name not in query or query[name] == value for name, value in wanted.items())
