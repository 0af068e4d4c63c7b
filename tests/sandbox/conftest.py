"""Sandboxes on loopback, each with a caller for its affiliate or its seller side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tests.sandbox.affiliate_caller import Caller
from tests.sandbox.replies import CONSUMER, HandClock
from tests.sandbox.seller_caller import Seller
from walmart_stream.sandbox import (
    RunningSandbox,
    SandboxConfig,
    SellerConfig,
    generate_keypair,
    serve,
)

OpenSandbox = Callable[..., Awaitable[Caller]]


@pytest.fixture(scope="session")
def keypair() -> tuple[str, str]:
    return generate_keypair()


@pytest.fixture(scope="session")
def other_keypair() -> tuple[str, str]:
    return generate_keypair()


@pytest.fixture
async def open_sandbox(keypair: tuple[str, str]) -> AsyncIterator[OpenSandbox]:
    """Starts a sandbox of 60 items with ample quota on a hand-moved clock, and a caller for it."""
    private_pem, public_pem = keypair
    running: list[RunningSandbox] = []
    async with aiohttp.ClientSession() as http:

        async def start(**settings: Any) -> Caller:
            clock = HandClock()
            given = {"items": 60, "calls_per_second": 1000.0, "clock": clock} | settings
            config = SandboxConfig(consumer_id=CONSUMER, public_keys={"1": public_pem}, **given)
            sandbox = await serve(config)
            running.append(sandbox)
            return Caller(sandbox, http, private_pem, clock)

        yield start
    for sandbox in running:
        await sandbox.stop()


@pytest.fixture
async def open_seller(keypair: tuple[str, str]) -> AsyncIterator[Callable[..., Awaitable[Seller]]]:
    """Starts a sandbox of 60 items, 40 of them the seller's, and logs the seller in.

    ``sandbox`` are settings of the sandbox, all others those of its seller side.
    """
    running: list[RunningSandbox] = []
    async with aiohttp.ClientSession() as http:

        async def start(sandbox: dict[str, Any] | None = None, **settings: Any) -> Seller:
            clock = HandClock()
            config = SellerConfig(**({"skus": 40} | settings))
            given: dict[str, Any] = {"items": 60, "clock": clock} | (sandbox or {})
            server = await serve(
                SandboxConfig(
                    consumer_id=CONSUMER, public_keys={"1": keypair[1]}, seller=config, **given
                )
            )
            running.append(server)
            return await Seller(server, http, config, clock).log_in()

        yield start
    for server in running:
        await server.stop()
