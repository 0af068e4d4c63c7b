"""Items of Walmart's whole catalogue, as the seller side finds them: rivals' prices among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.walmart.answer_json import payload_of
from walmart_stream.walmart.errors import ContentNotFound
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import SEARCH


@dataclass(frozen=True, slots=True)
class Hit:
    """An item of the catalogue, with the price of whoever sells it now.

    The price arrives with the noise of a float and is rounded to cents; shipping is not named.
    ``third_party`` is whether somebody else than Walmart sells it. ``payload`` is the JSON
    object, values unchanged.
    """

    item_id: str
    title: str | None
    brand: str | None
    price_cents: int | None
    third_party: bool | None
    condition: str | None
    product_type: str | None
    rating: float | None
    reviews: int | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class Hits:
    """One response with hits; ``observed_at`` in epoch seconds when it had arrived."""

    request_id: str
    observed_at: float
    hits: tuple[Hit, ...]
    malformed: int = 0


class SellerSearch:
    """``GET /v3/items/walmart/search``: some 20 to 40 hits, no pages."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def query(self, words: str) -> Hits:
        """Items by words; an empty result is not an error.

        Raises:
            WalmartError: the call failed.
        """
        return await self._find("query", words)

    async def upc(self, upc: str) -> Hits:
        """Items by their UPC of 12 digits; raises as ``query``."""
        return await self._find("upc", upc)

    async def gtin(self, gtin: str) -> Hits:
        """Items by their GTIN of 14 digits; raises as ``query``."""
        return await self._find("gtin", gtin)

    async def _find(self, name: str, value: str) -> Hits:
        # Walmart refuses two of them at once, so there is a method for each.
        if not value.strip():
            raise ValueError(f"{name} is empty")
        try:
            return await self._calls.call(
                SEARCH, "/v3/items/walmart/search", _read, params={name: value.strip()}
            )
        except ContentNotFound:
            return Hits("", 0.0, ())


def _read(reply: Reply) -> Hits:
    found = read.document(reply.document, "search")
    entries = read.objects(found.get("items"), "items")
    hits = tuple(hit for entry in entries if (hit := _read_hit(entry)) is not None)
    return Hits(reply.request_id, reply.observed_at, hits, len(entries) - len(hits))


def _read_hit(entry: Any) -> Hit | None:
    found = read.fields(entry)
    item_id = read.text(found.get("itemid"))
    if item_id is None or not ITEM_ID.fullmatch(item_id):
        return None
    properties = read.fields(found.get("properties"))
    return Hit(
        item_id=item_id,
        title=read.plain(found.get("title")),
        brand=read.plain(found.get("brand")),
        price_cents=read.price(found.get("price")),
        third_party=read.flag(found.get("ismarketplaceitem")),
        condition=read.text(found.get("condition")),
        product_type=read.text(found.get("producttype")),
        rating=read.real(found.get("customerrating")),
        reviews=read.count(properties.get("numreviews", found.get("numreviews"))),
        payload=payload_of(entry),
    )
