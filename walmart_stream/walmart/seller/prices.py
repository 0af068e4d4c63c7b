"""Changing the seller's own prices: one at once, or many by a feed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.reading.amounts import MAX_CENTS
from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.feeds import (
    PATIENCE,
    POLL_EVERY,
    Feed,
    SellerFeeds,
    read_feed_id,
)
from walmart_stream.walmart.seller.limits import PRICE, SUBMIT_PRICES

# The most that Walmart takes in one feed.
MOST_PRICES = 10_000


class SellerPrices:
    """Prices without shipping, in cents of US dollars. They show after up to five minutes."""

    def __init__(self, calls: SellerCalls, feeds: SellerFeeds) -> None:
        self._calls = calls
        self._feeds = feeds

    async def put(self, sku: str, price_cents: int) -> str:
        """Changes the price of one item; what Walmart says to it. 100 an hour are allowed.

        Raises:
            ValueError: the price is none, or the SKU is empty.
            ContentNotFound: there is no such item, or it has not been taken in yet.
            WalmartError: the call failed; whether the price has changed is unknown unless the
                answer says so.
        """
        document = _entry(sku, price_cents)

        def receipt(reply: Reply) -> str:
            found = read.document(reply.document, "price")
            receipt = read.fields(found.get("itempriceresponse"))
            if receipt.get("sku") not in (None, sku):
                raise MalformedResponse("the answer to the price is about another SKU")
            return read.plain(receipt.get("message") or found.get("message")) or ""

        return await self._calls.call(PRICE, "/v3/price", receipt, document=document)

    async def submit(self, prices: Mapping[str, int]) -> str:
        """Hands in a feed of prices in cents by SKU; its id. Ten feeds an hour are allowed.

        Of several feeds the one handed in last counts, whichever is done last.

        Raises:
            ValueError: there are none or more than 10,000, or one is not a price.
            WalmartError: the call failed; where no answer arrived, the feed may be there.
        """
        if not 0 < len(prices) <= MOST_PRICES:
            raise ValueError(f"{len(prices)} prices; 1 to {MOST_PRICES:,} go into one feed")
        document = {
            "PriceHeader": {"version": "1.7"},
            "Price": [_entry(sku, price_cents) for sku, price_cents in prices.items()],
        }
        return await self._calls.call(
            SUBMIT_PRICES,
            "/v3/feeds",
            read_feed_id,
            params={"feedType": "price"},
            document=document,
        )

    async def feed(
        self, prices: Mapping[str, int], *, every: float = POLL_EVERY, within: float = PATIENCE
    ) -> Feed:
        """Hands in a feed and waits until it is done; the result says what became of each SKU.

        Raises:
            NotReady: it is not done within *within* seconds; ``submit`` and ``SellerFeeds.wait``
                leave its id with the caller.
            ValueError, WalmartError: as ``submit`` and ``SellerFeeds.wait``.
        """
        return await self._feeds.wait(await self.submit(prices), every=every, within=within)


def _entry(sku: str, price_cents: int) -> dict[str, Any]:
    if not sku.strip():
        raise ValueError("the SKU is empty")
    if not 0 < price_cents <= MAX_CENTS:
        raise ValueError(f"{price_cents} cents is not a price for {sku[:60]!r}")
    price = {"currency": "USD", "amount": read.dollars(price_cents)}
    return {"sku": sku, "pricing": [{"currentPriceType": "BASE", "currentPrice": price}]}
