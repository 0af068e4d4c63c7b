"""The market with the seller in it: what both the affiliate and the seller side look at."""

from __future__ import annotations

from walmart_stream.sandbox.listing import Listing
from walmart_stream.sandbox.market import Market
from walmart_stream.sandbox.seller.offers import OwnItem, OwnItems
from walmart_stream.sandbox.seller.standing import Standing, stand


class Shop:
    """Listings of all items, and how the seller's own stand in them. Times are market seconds."""

    def __init__(self, market: Market, items: OwnItems, seller_name: str) -> None:
        self.items = items
        self._market = market
        self._seller_name = seller_name
        self._shown: dict[int, Listing] = {}

    def listing(self, item_id: int, at: float) -> Listing:
        """How the item is offered at *at*; the same object as long as nothing changes.

        Raises:
            KeyError: there is no such item.
        """
        own = self.items.by_item_id.get(item_id)
        if own is None:
            return self._market.listing(item_id, at)
        listing = self.standing(own, at).listing
        # Whoever writes items remembers them by their listing.
        if self._shown.get(item_id) != listing:
            self._shown[item_id] = listing
        return self._shown[item_id]

    def standing(self, item: OwnItem, at: float) -> Standing:
        """How one of the seller's own items stands at *at*."""
        return stand(item, self._market.listing(item.item_id, at), self._seller_name, at)
