"""An item as the Affiliate API writes it: the unchanging keys, then those of its listing.

The first part is kept as bytes for each product, so that an answer of 20 items costs little
and the ground truth can share what it stores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import orjson

from walmart_stream.sandbox.market.catalogue import NumberStyle, Product, written_number
from walmart_stream.sandbox.market.listing import Listing, Offer

Group = Literal["base", "full"]

# fmt: off
BASE_KEYS = frozenset({
    "itemId", "name", "msrp", "salePrice", "upc", "categoryPath", "shortDescription",
    "longDescription", "thumbnailImage", "mediumImage", "largeImage", "imageEntities",
    "productTrackingUrl", "standardShipRate", "marketplace", "availableOnline",
    "isTwoDayShippingEligible", "giftOptions", "offerType", "customerRating",
})
# fmt: on
NOT_IN_BASE = ("bestMarketplacePrice", "sellerInfo", "twoThreeDayShippingRate")

# Enough for a catalogue of 10,000 in both groups; an entry is one product's few kilobytes.
MOST_HEADS = 20_000

Payload = tuple[bytes, bytes]
"""An item's JSON object in two pieces; the whole is their concatenation."""


@dataclass(frozen=True, slots=True)
class ServedItem:
    """One item of an answer: its payload and the listing that the payload was made from."""

    item_id: int
    payload: Payload
    listing: Listing


class ItemWriter:
    """Writes items. Remembers the last of each, since most have not changed since."""

    def __init__(self) -> None:
        self._heads: dict[tuple[int, Group, str | None], bytes] = {}
        self._last: dict[tuple[int, Group, str | None], ServedItem] = {}

    def write(
        self,
        product: Product,
        listing: Listing,
        *,
        group: Group = "full",
        publisher: str | None = None,
        omitted: Collection[str] = (),
    ) -> ServedItem:
        """The item as served. *omitted* names keys to leave out.

        Those that belong to the listing have to be hidden there (``Listing.without``).
        """
        key = (product.item_id, group, publisher)
        last = self._last.get(key)
        if last is not None and last.listing is listing and not omitted:
            return last
        head, tail = self._head(product, group, publisher), _tail(product, listing, group)
        if omitted:
            return ServedItem(product.item_id, _without(head, tail, omitted), listing)
        item = self._last[key] = ServedItem(product.item_id, (head, tail), listing)
        return item

    def _head(self, product: Product, group: Group, publisher: str | None) -> bytes:
        key = (product.item_id, group, publisher)
        head = self._heads.get(key)
        if head is None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
                self._last.clear()
            head = self._heads[key] = _static_head(product, group, publisher)
        return head


def _static_head(product: Product, group: Group, publisher: str | None) -> bytes:
    """The unchanging keys as an open JSON object, ``{"itemId":…,…`` without the last brace."""
    head = product.static_json
    if group == "base":
        keys = orjson.loads(head)
        head = orjson.dumps({k: v for k, v in keys.items() if k in BASE_KEYS})
    if publisher:
        head = head.replace(b"|PUBID|", quote(publisher, safe="").encode())
    return head[:-1]


def _tail(product: Product, listing: Listing, group: Group) -> bytes:
    """The keys of the listing, ``,"marketplace":…}`` with the brace that ends the item."""
    return b"," + orjson.dumps(_listing_keys(product, listing, group))[1:]


def _without(head: bytes, tail: bytes, omitted: Collection[str]) -> Payload:
    keys = orjson.loads(head + tail)
    return orjson.dumps({k: v for k, v in keys.items() if k not in omitted}), b""


def _listing_keys(product: Product, listing: Listing, group: Group) -> dict[str, Any]:
    featured = listing.featured
    offer_id = f"{product.item_id}:{listing.third_party}:{featured.seller}"
    sold_out = featured.available is False
    keys: dict[str, Any] = {
        "marketplace": listing.third_party,
        "salePrice": _number(featured.price_cents, product.numbers),
        **_offer_keys(featured, product.numbers),
        "stock": "Not available" if sold_out else product.stock,
        "offerId": hashlib.md5(offer_id.encode(), usedforsecurity=False).hexdigest().upper(),
    }
    rival = listing.marketplace
    if rival is not None:
        keys["bestMarketplacePrice"] = _known(
            {
                "price": _number(rival.price_cents, product.numbers),
                **_offer_keys(rival, product.numbers),
                "clearance": False,
                "offerType": "ONLINE_ONLY",
            }
        )
    if group == "base":
        keys = {key: value for key, value in keys.items() if key in BASE_KEYS}
    return _known(keys)


def _offer_keys(offer: Offer, numbers: NumberStyle) -> dict[str, Any]:
    return {
        "sellerInfo": offer.seller,
        "standardShipRate": _number(offer.shipping_cents, numbers),
        "twoThreeDayShippingRate": _number(offer.two_day_cents, numbers),
        "availableOnline": offer.available,
    }


def _number(cents: int | None, style: NumberStyle) -> float | int | str | None:
    return None if cents is None else written_number(cents, style)


def _known(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}
