"""Clients of a prepared Walmart on hand-moved time, and a real server that misbehaves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count

import pytest
from aiohttp import web
from hypothesis import HealthCheck, settings

from tests.walmart.prepared import (
    BASE,
    CONSUMER,
    Asked,
    HandClock,
    PreparedWalmart,
    Reply,
    items_of,
)
from tests.walmart.seller_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    SellerServer,
)
from tests.walmart.seller_server import (
    Answer as SellerAnswer,
)
from walmart_stream.sandbox import generate_keypair
from walmart_stream.walmart.affiliate.budget import DailyBudget
from walmart_stream.walmart.affiliate.client import AffiliateClient
from walmart_stream.walmart.affiliate.signing import Signer
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.limits import SellerLimits
from walmart_stream.walmart.transport import AiohttpTransport

# Profiles are global: the same as that of the domain's tests, whichever is loaded last.
settings.register_profile("any-speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-speed")


@pytest.fixture(scope="session")
def keypair() -> tuple[str, str]:
    return generate_keypair()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


OpenClient = Callable[..., tuple[AffiliateClient, PreparedWalmart]]


@pytest.fixture
def open_client(keypair: tuple[str, str], clock: HandClock) -> OpenClient:
    """A client of a prepared Walmart, all on the same hand-moved clock; ids are r1, r2, …"""

    def make(
        answer: Callable[[Asked], Reply] = items_of,
        *,
        latency: float = 0.0,
        rate: float = 1000.0,
        budget: DailyBudget | None = None,
        publisher_id: str | None = None,
        attempts: int = 4,
    ) -> tuple[AffiliateClient, PreparedWalmart]:
        walmart = PreparedWalmart(clock, answer, latency)
        numbers = count(1)
        client = AffiliateClient(
            walmart,
            Signer(CONSUMER, "1", keypair[0]),
            base_url=BASE,
            publisher_id=publisher_id,
            bucket=TokenBucket(rate, clock=clock, sleep=clock.sleep),
            budget=budget,
            retry=RetryPolicy(
                clock=clock, sleep=clock.sleep, random=lambda: 0.5, attempts=attempts
            ),
            clock=clock,
            new_request_id=lambda: f"r{next(numbers)}",
        )
        return client, walmart

    return make


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture
async def serve_once() -> AsyncIterator[Callable[[Handler], Awaitable[str]]]:
    """Starts an HTTP server on loopback that answers everything by a handler; gives its URL."""
    runners: list[web.AppRunner] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_get("/{tail:.*}", handler)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    yield start
    for runner in runners:
        await runner.cleanup()


OpenSeller = Callable[..., Awaitable[tuple[SellerClient, SellerServer]]]


@pytest.fixture
async def open_seller(clock: HandClock) -> AsyncIterator[OpenSeller]:
    """A seller's client of a real server with prepared answers; ids are r1, r2, …"""
    opened: list[tuple[SellerClient, web.AppRunner]] = []

    async def start(
        answer: SellerAnswer, *, on_token: SellerAnswer | None = None, attempts: int = 4
    ) -> tuple[SellerClient, SellerServer]:
        server = SellerServer(clock, answer, on_token)
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", server.handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        numbers = count(1)
        client = SellerClient(
            AiohttpTransport("WALMART_SELLER_URL"),
            CLIENT_ID,
            CLIENT_SECRET,
            base_url=server.url,
            download_hosts=("walmart.com",),
            limits=SellerLimits(clock=clock, sleep=clock.sleep),
            retry=RetryPolicy(
                clock=clock,
                sleep=clock.sleep,
                random=lambda: 0.5,
                attempts=attempts,
                longest_total=600,
            ),
            clock=clock,
            new_request_id=lambda: f"r{next(numbers)}",
        )
        opened.append((client, runner))
        return client, server

    yield start
    for client, runner in opened:
        await client.close()
        await runner.cleanup()
