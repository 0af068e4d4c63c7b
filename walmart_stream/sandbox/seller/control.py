"""The seller side's control endpoints, under ``/_sandbox/seller/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from walmart_stream.sandbox.control_answers import (
    DEFAULT_LINES,
    bad_request,
    explain,
    json_response,
    stream_records,
    whole_number,
)
from walmart_stream.sandbox.fault_endpoints import FaultEndpoints
from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.seller.events import BUY_BOX_CHANGED, RESOURCES, Events
from walmart_stream.sandbox.seller.faults import SELLER_FAULT
from walmart_stream.sandbox.seller.limits import Limits
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.records import Records
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.stats import SellerStats
from walmart_stream.sandbox.seller.subscriptions import Subscriptions
from walmart_stream.sandbox.seller.tokens import Tokens
from walmart_stream.sandbox.seller.watcher import Watcher
from walmart_stream.sandbox.seller.webhooks import WebhookSender

PREFIX = "/_sandbox/seller"


class ItemChange(BaseModel):
    """Body of ``items``: what the seller's own systems change, at once and for all to see."""

    model_config = ConfigDict(extra="forbid")

    sku: str
    price_cents: int | None = Field(None, ge=1)
    quantity: int | None = Field(None, ge=0)


class EventsWanted(BaseModel):
    """Body of ``events``: a number of events of a type, about these SKUs or about all in turn."""

    model_config = ConfigDict(extra="forbid")

    event_type: str = BUY_BOX_CHANGED
    count: int = Field(1, ge=1, le=100_000)
    skus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SellerControl:
    """The control endpoints."""

    pace: Pace
    shop: Shop
    tokens: Tokens
    limits: Limits
    faults: Faults
    truth: Records
    stats: SellerStats
    subscriptions: Subscriptions
    events: Events
    sender: WebhookSender
    watcher: Watcher

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds every control endpoint to *router*."""
        for method, path, handler in (
            ("GET", "stats", self.get_stats),
            ("GET", "truth", self.get_truth),
            ("GET", "items", self.get_items),
            ("POST", "items", self.change_item),
            ("POST", "expire-tokens", self.expire_tokens),
            ("POST", "events", self.post_events),
            ("POST", "look", self.look),
            ("GET", "webhooks", self.get_webhooks),
        ):
            router.add_route(method, f"{PREFIX}/{path}", handler)
        FaultEndpoints(self.faults, SELLER_FAULT).add_routes(router, PREFIX)

    async def get_stats(self, request: web.Request) -> web.Response:
        """Counts since the start. ``refused`` are calls beyond a limit, by endpoint and limit."""
        stats, webhooks = self.stats, self.sender.stats
        endpoints = {
            name: {
                "calls": counted.calls,
                "refused": counted.refused,
                "statuses": {str(status): n for status, n in sorted(counted.statuses.items())},
            }
            for name, counted in sorted(stats.endpoints.items())
        }
        limits = {
            name: {
                "calls": bucket.limit.calls,
                "seconds": bucket.limit.seconds,
                "taken": bucket.taken,
                "refused": bucket.refused,
                "tokens": bucket.tokens,
            }
            for name, bucket in self.limits.buckets.items()
        }
        return json_response(
            {
                "calls": sum(counted.calls for counted in stats.endpoints.values()),
                "refused": sum(counted.refused for counted in stats.endpoints.values()),
                "incomplete": stats.incomplete,
                "endpoints": endpoints,
                "limits": limits,
                "tokens": {"issued": self.tokens.issued, "refused": self.tokens.refused},
                "items": len(self.shop.items.by_sku),
                "market_seconds": self.pace.market_time(),
                "truth": {"first": self.truth.first, "last": self.truth.last},
                "webhooks": {
                    "events": webhooks.events,
                    "accepted": webhooks.accepted,
                    "failed": webhooks.failed,
                    "given_up": webhooks.given_up,
                    "waiting": self.sender.waiting,
                    "first": self.sender.log.first,
                    "last": self.sender.log.last,
                },
            }
        )

    async def get_truth(self, request: web.Request) -> web.StreamResponse:
        """The served items, a line for each that an answer spoke of (see ``Said``)."""
        return await stream_records(request, self.truth)

    async def get_webhooks(self, request: web.Request) -> web.StreamResponse:
        """Every attempt to send a webhook, and what was answered."""
        return await stream_records(request, self.sender.log)

    async def get_items(self, request: web.Request) -> web.Response:
        """The seller's items as they stand now, at most ``limit``."""
        limit = whole_number(request, "limit", DEFAULT_LINES, None)
        items = list(self.shop.items.by_sku.values())[:limit]
        return json_response({"items": [self._item_json(item) for item in items]})

    async def change_item(self, request: web.Request) -> web.Response:
        """Sets an item's price or quantity without lag and without a call to the API."""
        try:
            change = ItemChange.model_validate_json(await request.read())
        except ValidationError as error:
            raise bad_request(explain(error)) from None
        item = self._item(change.sku)
        at = self.pace.market_time()
        if change.price_cents is not None:
            item.price.submit(change.price_cents, at, at)
        if change.quantity is not None:
            item.stock.submit(change.quantity, at, at)
        return json_response(self._item_json(item))

    async def expire_tokens(self, request: web.Request) -> web.Response:
        """Ends every token now."""
        return json_response({"expired": self.tokens.expire_all()})

    async def post_events(self, request: web.Request) -> web.Response:
        """Sends events about items as they stand now; answers with the event ids."""
        try:
            wanted = EventsWanted.model_validate_json(await request.read())
        except ValidationError as error:
            raise bad_request(explain(error)) from None
        if wanted.event_type not in RESOURCES:
            raise bad_request("event_type: unknown")
        items = [self._item(sku) for sku in wanted.skus] or list(self.shop.items.by_sku.values())
        if not items:
            raise bad_request("skus: the seller has no items")
        at, active, ids = self.pace.market_time(), self.subscriptions.active, []
        for number in range(wanted.count):
            event = self.events.make(wanted.event_type, items[number % len(items)], at)
            self.sender.publish(event, active)
            ids.append(event.event_id)
        return json_response({"event_ids": ids}, status=202)

    async def look(self, request: web.Request) -> web.Response:
        """Looks now for what has happened in the market, without waiting for the next time."""
        return json_response({"events": await self.watcher.look()})

    def _item(self, sku: str) -> OwnItem:
        item = self.shop.items.by_sku.get(sku)
        if item is None:
            raise bad_request("sku: unknown")
        return item

    def _item_json(self, item: OwnItem) -> dict[str, Any]:
        at = self.pace.market_time()
        standing = self.shop.standing(item, at)
        winner = standing.winner
        return {
            "sku": item.sku,
            "item_id": str(item.item_id),
            "upc": item.upc,
            "gtin": item.gtin,
            "lifecycle": item.lifecycle,
            "published": item.published(at),
            "price_cents": standing.own_price_cents,
            "shipping_cents": standing.own_shipping_cents,
            "quantity": item.stock.at(at),
            "changes_to_come": item.price.pending,
            "winning": standing.winning,
            "buy_box_seller": winner.seller if winner else None,
            "buy_box_price_cents": winner.price_cents if winner else None,
            "buy_box_shipping_cents": winner.shipping_cents if winner else None,
        }
