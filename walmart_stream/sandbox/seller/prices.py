"""Changing prices: what a price must look like, and one item at a time.

A price accepted now is seen after the read-back lag.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.item_json import MART
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.refusals import PRICE, invalid_content, not_found
from walmart_stream.sandbox.seller.shop import Shop

MESSAGE = (
    "Thank you. Your price has been updated. Please allow up to five minutes for this change "
    "to be reflected on the site."
)
MOST_CENTS = 100_000_000


def base_price(entry: Any) -> int | None:
    """The new base price (cents) in an object with ``pricing``, or ``None`` for nonsense."""
    try:
        pricing = next(p for p in entry["pricing"] if p.get("currentPriceType") == "BASE")
        current = pricing["currentPrice"]
        if current.get("currency", "USD") != "USD":
            return None
        return amount(current["amount"])
    except (KeyError, TypeError, AttributeError, StopIteration):
        return None


def amount(value: Any) -> int | None:
    """An amount of money as cents, if it is positive and has two decimals at most."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        cents = Decimal(str(value)) * 100
    except InvalidOperation:
        return None
    if not cents.is_finite() or cents != int(cents) or not 0 < cents <= MOST_CENTS:
        return None
    return int(cents)


@dataclass(frozen=True, slots=True)
class Prices:
    """``PUT /v3/price``."""

    config: SellerConfig
    pace: Pace
    shop: Shop

    async def put(self, call: Call) -> SellerAnswer:
        """Accepts one item's new base price.

        Raises:
            SellerRefusal: 400 for a body that is not understood, 404 for an unknown SKU.
        """
        document = call.json(PRICE)
        cents = base_price(document)
        sku = document.get("sku")
        if not isinstance(sku, str) or cents is None:
            # Walmart calls anything that it does not understand a matter of format.
            raise invalid_content("pricing", "Request has invalid data format", PRICE)
        item = self.shop.items.by_sku.get(sku)
        if item is None:
            raise not_found(f"Item {sku} is not ingested", PRICE)
        item.price.submit(
            cents, call.at, call.at + self.pace.between(self.config.read_back_seconds)
        )
        return SellerAnswer(
            {"ItemPriceResponse": {"mart": MART, "message": MESSAGE, "sku": sku}},
            root="ItemPriceResponse",
        )
