"""An own item as the item endpoints write it."""

from __future__ import annotations

from typing import Any

import orjson

from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.records import Said

MART = "WALMART_US"


def own_item_json(item: OwnItem, at: float) -> dict[str, Any]:
    """The item at market time *at*; keys without a value are left out.

    There is no numeric item id in it, and the shelf is JSON inside a text.
    """
    price, published = item.price.at(at), item.published(at)
    document: dict[str, Any] = {
        "mart": MART,
        "sku": item.sku,
        "condition": "New",
        "wpid": item.wpid,
        "upc": item.upc,
        "gtin": item.gtin,
        "productName": item.product.name,
        "shelf": orjson.dumps(["Home Page", *item.product.shelf.path]).decode(),
        "productType": item.product.shelf.name,
        "price": None if price is None else money(price),
        "publishedStatus": published,
        "unpublishedReasons": _reasons(item) if published == "UNPUBLISHED" else None,
        "lifecycleStatus": item.lifecycle,
    }
    return {key: value for key, value in document.items() if value is not None}


def said_of(item: OwnItem, payload: dict[str, Any], at: float) -> Said:
    """The content of :func:`own_item_json`."""
    reading = {"own_price_cents": item.price.at(at), "published": item.published(at)}
    return Said(item.sku, item.item_id, payload, reading)


def money(cents: int) -> dict[str, Any]:
    """An amount as most endpoints write it."""
    return {"currency": "USD", "amount": cents / 100}


def _reasons(item: OwnItem) -> dict[str, Any]:
    if item.lifecycle != "ACTIVE":
        return {"reason": ["Your item is unpublished because it was retired."]}
    return {"reason": ["Reasonable Price Not Satisfied: lower your price to be competitive."]}
