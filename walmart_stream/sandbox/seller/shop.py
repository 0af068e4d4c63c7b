"""The market with the seller in it: what both the affiliate and the seller side look at."""

from __future__ import annotations

from walmart_stream.sandbox.market.listing import Listing
from walmart_stream.sandbox.market.market import Market
from walmart_stream.sandbox.seller.offers import OwnItem, OwnItems
from walmart_stream.sandbox.seller.standing import Standing, stand


class Shop:
    """Listings of all items, and how the seller's own stand in them. Times are market seconds."""

    def __init__(self, market: Market, items: OwnItems, seller_name: str) -> None:
        self.items = items
        self._market = market
        self.seller = seller_name
        # What a listing was made from, and the listing.
        self._shown: dict[int, tuple[Listing, int | None, bool, Listing]] = {}

    def listing(self, item_id: int, at: float) -> Listing:
        """How the item is offered at *at*; the same object as long as nothing changes.

        Raises:
            KeyError: there is no such item.
        """
        own = self.items.by_item_id.get(item_id)
        if own is None:
            return self._market.listing(item_id, at)
        market = self._market.listing(item_id, at)
        price, can_sell = own.price.at(at), own.can_sell(at)
        last = self._shown.get(item_id)
        if last is None or last[0] is not market or last[1:3] != (price, can_sell):
            shown = stand(own, market, self.seller, at).listing
            last = self._shown[item_id] = (market, price, can_sell, shown)
        return last[3]

    def standing(self, item: OwnItem, at: float) -> Standing:
        """How one of the seller's own items stands at *at*."""
        return stand(item, self._market.listing(item.item_id, at), self.seller, at)
