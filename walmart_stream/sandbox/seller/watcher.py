"""Watching the market on behalf of the subscribers: what has happened to each own item."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from walmart_stream.sandbox.seller.events import (
    BUY_BOX_CHANGED,
    INVENTORY_OOS,
    MOST_OFFERS,
    OFFER_PUBLISHED,
    OFFER_UNPUBLISHED,
    Events,
)
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.standing import RIVALS_INTERVAL, RankedOffer, rank
from walmart_stream.sandbox.seller.subscriptions import Subscriptions
from walmart_stream.sandbox.seller.webhooks import WebhookSender

# Market seconds between two looks, and the fewest real ones.
INTERVAL, SHORTEST_INTERVAL = 30.0, 0.5
# Calls are answered in between.
ITEMS_PER_TURN = 50


@dataclass(frozen=True, slots=True)
class _Sight:
    """An item as last seen: an inexpensive key first, then the fields that subscribers care for."""

    key: object
    winner: RankedOffer | None
    best: tuple[RankedOffer, ...]
    published: str
    in_stock: bool
    # Only who has an offer that can be ordered hears of the buy box.
    active: bool


class Watcher:
    """Turns changes of the market into events. :meth:`run` has to run."""

    def __init__(
        self,
        pace: Pace,
        shop: Shop,
        events: Events,
        subscriptions: Subscriptions,
        sender: WebhookSender,
    ) -> None:
        self._pace = pace
        self._shop = shop
        self._events = events
        self._subscriptions = subscriptions
        self._sender = sender
        self._seen: dict[str, _Sight] = {}

    async def run(self) -> None:
        """Looks again and again, until cancelled."""
        while True:
            await asyncio.sleep(max(SHORTEST_INTERVAL, self._pace.real(INTERVAL)))
            if self._subscriptions.active:
                await self.look()
            else:
                # Nobody hears of what happened before the subscription.
                self._seen.clear()

    async def look(self) -> int:
        """Looks at every item once; returns how many events there were.

        The first look at an item has nothing to compare with.
        """
        published = 0
        for index, item in enumerate(self._shop.items.by_sku.values()):
            at = self._pace.market_time()
            before = self._seen.get(item.sku)
            after = self._seen[item.sku] = self._sight(item, at, before)
            if before is not None and after is not before:
                for event_type in _happened(before, after):
                    event = self._events.make(event_type, item, at)
                    self._sender.publish(event, self._subscriptions.active)
                    published += 1
            if index % ITEMS_PER_TURN == 0:
                await asyncio.sleep(0)
        return published

    def _sight(self, item: OwnItem, at: float, before: _Sight | None) -> _Sight:
        standing = self._shop.standing(item, at)
        in_stock = item.stock.at(at) > 0
        key = (standing.own, standing.others, in_stock, int(at // RIVALS_INTERVAL))
        published = item.published(at)
        if before is not None and before.key == key and before.published == published:
            return before
        best = rank(item, standing, at)[:MOST_OFFERS]
        active = standing.own is not None
        return _Sight(key, standing.winner, best, published, in_stock, active)


def _happened(before: _Sight, after: _Sight) -> Iterator[str]:
    if before.published != after.published:
        yield OFFER_PUBLISHED if after.published == "PUBLISHED" else OFFER_UNPUBLISHED
    if before.in_stock and not after.in_stock:
        yield INVENTORY_OOS
    if after.active and (before.winner != after.winner or before.best != after.best):
        yield BUY_BOX_CHANGED
