"""The sandbox as one aiohttp application, and running it: its parts are put together here."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from aiohttp import web

from walmart_stream.sandbox import control
from walmart_stream.sandbox.affiliate.auth import Authenticator, KeyRing
from walmart_stream.sandbox.affiliate.endpoints import PREFIX, Affiliate, BatchMode, Endpoint
from walmart_stream.sandbox.affiliate.gateway import AffiliateGateway
from walmart_stream.sandbox.affiliate.item_json import ItemWriter
from walmart_stream.sandbox.affiliate.quota import Quota
from walmart_stream.sandbox.affiliate.stats import Stats
from walmart_stream.sandbox.affiliate.truth import Truth
from walmart_stream.sandbox.control import Control
from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.market.catalogue import generate_catalogue
from walmart_stream.sandbox.market.market import Market
from walmart_stream.sandbox.refusals import error_body
from walmart_stream.sandbox.seller.api import make_seller_side
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.gateway import LARGEST_BODY
from walmart_stream.sandbox.seller.offers import choose_items
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.shop import Shop


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """The configuration of a sandbox. Times are seconds.

    ``public_keys`` maps key versions to PEM. ``speed`` multiplies the market's pace, both
    quotas and the seller side's limits; signatures keep to the real *clock* (epoch seconds).
    ``truth_capacity`` is how many served items are kept.
    """

    consumer_id: str
    public_keys: Mapping[str, str]
    items: int = 200
    seed: int = 1
    speed: float = 1.0
    batch_mode: BatchMode = "fail"
    empty_items_key: bool = True
    calls_per_second: float = 5.0
    calls_per_day: float = 5000
    truth_capacity: int = 2_000_000
    seller: SellerConfig = field(default_factory=SellerConfig)
    clock: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class RunningSandbox:
    """A sandbox that listens."""

    host: str
    port: int
    runner: web.AppRunner

    @property
    def url(self) -> str:
        """Base of the Affiliate API, for ``WALMART_AFFILIATE_URL``."""
        return f"http://{self.host}:{self.port}{PREFIX}"

    @property
    def seller_url(self) -> str:
        """Base of the Marketplace API, for ``WALMART_SELLER_URL``."""
        return f"http://{self.host}:{self.port}"

    @property
    def control_url(self) -> str:
        """Base of the control endpoints."""
        return f"http://{self.host}:{self.port}{control.PREFIX}"

    async def stop(self) -> None:
        """Closes the port and every connection."""
        await self.runner.cleanup()


def build_app(config: SandboxConfig) -> web.Application:
    """The application; the market opens now, by the configured clock.

    Raises:
        ValueError: a public key cannot be read.
    """
    opened = config.clock()

    def market_time() -> float:
        return (config.clock() - opened) * config.speed

    catalogue = generate_catalogue(config.items, config.seed)
    market = Market(catalogue.products, config.seed)
    shop = Shop(
        market,
        choose_items(catalogue, config.seller.skus, config.seed),
        config.seller.seller_name,
    )
    keys = KeyRing(config.clock, config.public_keys)
    quota = Quota(
        config.calls_per_second * config.speed, config.calls_per_day * config.speed, config.clock
    )
    faults = Faults(Random(f"faults:{config.seed}"))  # noqa: S311 - a simulation, not a secret
    truth, stats = Truth(config.truth_capacity), Stats()
    gateway = AffiliateGateway(
        clock=config.clock,
        market_time=market_time,
        # Who looks at the affiliate side sees the seller's offers where they win.
        market=shop,
        authenticator=Authenticator(config.consumer_id, keys),
        quota=quota,
        faults=faults,
        truth=truth,
        stats=stats,
        writer=ItemWriter(),
    )
    app = web.Application(middlewares=[control.loopback_only], client_max_size=LARGEST_BODY + 1)
    affiliate = Affiliate(catalogue, config.batch_mode, config.empty_items_key)
    for name, endpoint in affiliate.endpoints.items():
        app.router.add_get(f"{PREFIX}/{name}", _handler(gateway, name, endpoint))
    app.router.add_get(f"{PREFIX}/{{tail:.*}}", _not_found)
    Control(
        clock=config.clock,
        market_time=market_time,
        catalogue=catalogue,
        market=market,
        keys=keys,
        quota=quota,
        faults=faults,
        truth=truth,
        stats=stats,
    ).add_routes(app.router)
    random = Random(f"seller-side:{config.seed}")  # noqa: S311 - a simulation, not a secret
    pace = Pace(config.clock, market_time, config.speed, random)
    seller = make_seller_side(config.seller, catalogue, shop, pace)
    seller.add_routes(app.router)
    app.cleanup_ctx.append(seller.background)
    return app


async def serve(config: SandboxConfig, host: str = "127.0.0.1", port: int = 0) -> RunningSandbox:
    """Starts a sandbox; port 0 takes a free one.

    Raises:
        OSError: the port cannot be listened on.
    """
    # Whoever stops the sandbox is done with it: no connection is waited for.
    runner = web.AppRunner(build_app(config), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return RunningSandbox(host=host, port=runner.addresses[0][1], runner=runner)


def _handler(
    gateway: AffiliateGateway, name: str, endpoint: Endpoint
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        return await gateway.answer(request, name, endpoint)

    return handle


async def _not_found(request: web.Request) -> web.Response:
    return web.Response(
        status=404, body=error_body(404, "Not Found"), content_type="application/json"
    )
