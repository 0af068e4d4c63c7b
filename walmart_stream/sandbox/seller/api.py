"""The seller side put together: its parts, its routes and its background work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from aiohttp import web

from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.market.catalogue import Catalogue
from walmart_stream.sandbox.seller.calls import Route, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.control import SellerControl
from walmart_stream.sandbox.seller.events import Events
from walmart_stream.sandbox.seller.feeds import Feeds
from walmart_stream.sandbox.seller.gateway import SellerGateway
from walmart_stream.sandbox.seller.insights import Insights
from walmart_stream.sandbox.seller.inventory import Inventory
from walmart_stream.sandbox.seller.item_search import ItemSearch
from walmart_stream.sandbox.seller.items import Items
from walmart_stream.sandbox.seller.limits import make_limits
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.prices import Prices
from walmart_stream.sandbox.seller.records import Records
from walmart_stream.sandbox.seller.refusals import SellerRefusal
from walmart_stream.sandbox.seller.reports import DOWNLOAD_PATH, Reports
from walmart_stream.sandbox.seller.routes import Authentication, Endpoints
from walmart_stream.sandbox.seller.shipping import ShippingTemplates
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.stats import SellerStats
from walmart_stream.sandbox.seller.subscriptions import Subscriptions
from walmart_stream.sandbox.seller.tokens import Tokens
from walmart_stream.sandbox.seller.watcher import Watcher
from walmart_stream.sandbox.seller.webhooks import WebhookSender
from walmart_stream.sandbox.sending import sent_whole

DOWNLOAD = "download"


@dataclass(frozen=True, slots=True)
class SellerSide:
    """Everything of the seller side that the application needs."""

    gateway: SellerGateway
    endpoints: Endpoints
    control: SellerControl
    watcher: Watcher
    sender: WebhookSender

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds the seller's endpoints, the downloads and the control endpoints."""
        routes = self.endpoints.routes()
        for route in routes:
            router.add_route(route.method, route.path, self._handler(route))
        for path in dict.fromkeys(route.path for route in routes):
            router.add_route("*", path, self.gateway.not_allowed)
        router.add_route("*", "/v3/{tail:.*}", self.gateway.not_found)
        router.add_get(f"{DOWNLOAD_PATH}/{{id}}", self._download)
        self.control.add_routes(router)

    async def background(self, app: web.Application) -> AsyncIterator[None]:
        """Sends webhooks while the application runs (a cleanup context of aiohttp)."""
        tasks = [asyncio.create_task(work()) for work in (self.sender.run, self.watcher.run)]
        yield
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self.gateway.answer(request, route)

        return handle

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A report's file: no headers are asked for, the link itself is the key."""
        gateway = self.gateway
        counted = gateway.stats.endpoints[DOWNLOAD]
        counted.calls += 1
        try:
            at = gateway.pace.market_time()
            body, content_type, answer = self.endpoints.reports.file(request, at)
        except SellerRefusal as refusal:
            counted.statuses[refusal.status] += 1
            return web.Response(status=refusal.status, text=refusal.description)
        counted.statuses[200] += 1
        response = web.Response(body=body, content_type=content_type)
        if await sent_whole(request, response):
            gateway.record(request, DOWNLOAD, SellerAnswer(None, answer.said))
        else:
            gateway.stats.incomplete += 1
        return response


def make_seller_side(
    config: SellerConfig, catalogue: Catalogue, shop: Shop, pace: Pace
) -> SellerSide:
    """The seller side of *shop*."""
    faults = Faults(Random(f"seller-faults:{pace.random.random()}"))  # noqa: S311 - a simulation
    tokens, limits = Tokens(config, pace), make_limits(config.limit_headers, pace)
    truth, stats = Records(config.truth_capacity), SellerStats()
    events = Events(config, pace, shop)
    sender = WebhookSender(config, pace, faults)
    subscriptions = Subscriptions(config, shop, events, sender)
    watcher = Watcher(pace, shop, events, subscriptions, sender)
    return SellerSide(
        gateway=SellerGateway(config, pace, tokens, limits, faults, truth, stats),
        endpoints=Endpoints(
            authentication=Authentication(tokens),
            items=Items(config, pace, shop, faults),
            search=ItemSearch(catalogue, shop),
            prices=Prices(config, pace, shop),
            feeds=Feeds(config, pace, shop, faults),
            inventory=Inventory(config, pace, shop),
            reports=Reports(config, pace, shop, faults),
            insights=Insights(config, pace, shop),
            shipping=ShippingTemplates(),
            subscriptions=subscriptions,
        ),
        control=SellerControl(
            pace=pace,
            shop=shop,
            tokens=tokens,
            limits=limits,
            faults=faults,
            truth=truth,
            stats=stats,
            subscriptions=subscriptions,
            events=events,
            sender=sender,
            watcher=watcher,
        ),
        watcher=watcher,
        sender=sender,
    )
