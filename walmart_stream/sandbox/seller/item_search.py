"""The catalogue search: everybody's items, with the oddities of its own JSON."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from walmart_stream.sandbox.market.catalogue import Catalogue, Product
from walmart_stream.sandbox.market.listing import Listing
from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.refusals import ITEM_QUERY, invalid_param, not_found
from walmart_stream.sandbox.seller.shop import Shop

MOST_RESULTS = 40
KEYS = ("query", "upc", "gtin")


@dataclass(frozen=True, slots=True)
class ItemSearch:
    """``GET /v3/items/walmart/search``."""

    catalogue: Catalogue
    shop: Shop

    async def search(self, call: Call) -> SellerAnswer:
        """Items by exactly one of ``query``, ``upc`` and ``gtin``.

        Raises:
            SellerRefusal: 400 for none or several of them, 404 where nothing matches.
        """
        given = [key for key in KEYS if call.query.get(key)]
        if len(given) != 1:
            raise invalid_param("query", "Exactly one of query, upc, gtin is needed", ITEM_QUERY)
        text = call.query[given[0]]
        found = self._found(given[0], text)[:MOST_RESULTS]
        if not found:
            raise not_found("No item found", ITEM_QUERY)
        words = text.split() if given[0] == "query" else []
        said: list[Said] = []
        for product in found:
            listing = self.shop.listing(product.item_id, call.at)
            own = self.shop.items.by_item_id.get(product.item_id)
            price = listing.reading()["featured"]["price_cents"]
            said.append(
                Said(
                    sku=None if own is None else own.sku,
                    item_id=product.item_id,
                    payload=_result(product, listing, words),
                    reading={"buy_box_price_cents": price},
                )
            )
        return SellerAnswer({"items": [one.payload for one in said]}, tuple(said))

    def _found(self, key: str, text: str) -> list[Product]:
        if key == "upc":
            return list(self.catalogue.with_upc(text))
        if key == "gtin":
            return list(self.catalogue.with_gtin(text.zfill(14)))
        words = text.lower().split()
        return [
            product
            for product in self.catalogue.products
            if all(word in product.search_text for word in words)
        ]


def _result(product: Product, listing: Listing, words: list[str]) -> dict[str, Any]:
    price = listing.reading()["featured"]["price_cents"]
    # The two spellings of keys come and go; here an item keeps to one of them.
    snake = product.item_id % 3 != 0
    result: dict[str, Any] = {
        "itemId": str(product.item_id),
        "condition": "New",
        "isMarketPlaceItem": listing.third_party,
        "images": [{"url": f"https://i5.walmartimages.com/asr/{product.item_id:x}.jpeg"}],
        "customerRating": _noisy(product.rating),
        "title": _marked(product.name, words),
        "brand": product.brand,
        "productType": product.shelf.name,
        "properties": {
            "variant_items_num" if snake else "variantItemsNum": "1",
            "num_reviews" if snake else "numReviews": str(product.popularity),
            "categories": list(product.shelf.path),
        },
    }
    if price is not None:
        result["price"] = {"amount": _noisy(price / 100), "currency": "USD"}
    return result


def _noisy(number: float) -> str:
    """The number as text after a stay in 32 bits: ``12.99`` becomes ``12.989999771118164``."""
    single: float = struct.unpack("f", struct.pack("f", number))[0]
    return repr(single)


def _marked(text: str, words: list[str]) -> str:
    for word in words:
        start = text.lower().find(word.lower())
        if start >= 0:
            end = start + len(word)
            return f"{text[:start]}<mark>{text[start:end]}</mark>{text[end:]}"
    return text
