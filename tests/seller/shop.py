"""A sandbox whose seller side workers read and hear from, and what it has to tell."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from walmart_stream.bootstrap import seller_client
from walmart_stream.sandbox import (
    RunningSandbox,
    SandboxConfig,
    SellerConfig,
    generate_keypair,
    serve,
)
from walmart_stream.sandbox.keys import save_private_key
from walmart_stream.settings import Settings
from walmart_stream.walmart.seller.webhooks import Authentication, EventType

SECRET = "the secret of the webhooks"
RESOURCES = {
    "BUY_BOX_CHANGED": "PRICE",
    "OFFER_PUBLISHED": "ITEM",
    "INVENTORY_OOS": "INVENTORY",
    "PO_CREATED": "ORDER",
}


@dataclass(frozen=True)
class Shop:
    """A running sandbox; ``environment`` is what a worker needs to read its seller side."""

    server: RunningSandbox
    environment: dict[str, str]

    async def stats(self) -> dict[str, Any]:
        """The counters of the seller side."""
        stats: dict[str, Any] = orjson.loads(await self.control("GET", "stats"))
        return stats

    async def items(self) -> list[dict[str, Any]]:
        """The seller's items as they stand."""
        listed = orjson.loads(await self.control("GET", "items", limit=100_000))
        items: list[dict[str, Any]] = listed["items"]
        return items

    async def served(self) -> list[dict[str, Any]]:
        """The served items, a record for each in an answer."""
        return await self._lines("truth")

    async def sent(self) -> list[dict[str, Any]]:
        """Every attempt to send a webhook."""
        return await self._lines("webhooks")

    async def arm(self, **fault: Any) -> None:
        """Go wrong from now on as *fault* says."""
        await self.control("POST", "faults", fault)

    async def happen(self, kind: str, count: int, *skus: str) -> list[str]:
        """So many events; their ids."""
        body = {"event_type": kind, "count": count, "skus": list(skus)}
        ids: list[str] = orjson.loads(await self.control("POST", "events", body))["event_ids"]
        return ids

    async def subscribe(
        self, settings: Settings, url: str, *kinds: str, method: Any = "HMAC"
    ) -> None:
        """Have events of *kinds* posted to the worker at *url*."""
        base = f"{url}/webhooks/walmart"
        proof = Authentication(method, SECRET, user="walmart", url=f"{base}/token")
        client = seller_client(settings)
        try:
            for kind in kinds:
                await client.webhooks.create(EventType(kind, RESOURCES[kind]), base, proof)
        finally:
            await client.close()

    async def control(self, verb: str, path: str, body: Any = None, **params: Any) -> bytes:
        """The body of a control endpoint's answer."""
        url = f"{self.server.control_url}/seller/{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(verb, url, json=body, params=params) as response,
        ):
            assert response.ok, await response.text()
            return await response.read()

    async def _lines(self, path: str) -> list[dict[str, Any]]:
        text = await self.control("GET", path, limit=1_000_000)
        return [orjson.loads(line) for line in text.splitlines()]


@asynccontextmanager
async def open_shop(
    folder: Path, *, items: int, skus: int, speed: float = 60.0, **seller: Any
) -> AsyncIterator[Shop]:
    """A sandbox with *items* items, of which the seller has *skus*."""
    _, public = generate_keypair()
    config = SandboxConfig(
        consumer_id="nobody",
        public_keys={"1": public},
        items=items,
        speed=speed,
        seller=SellerConfig.with_every_trap(skus=skus, **seller),
    )
    secret_file = folder / "client-secret"
    save_private_key(config.seller.client_secret, secret_file)
    server = await serve(config)
    environment = {
        "WALMART_SELLER_URL": server.seller_url,
        "WALMART_CLIENT_ID": config.seller.client_id,
        "WALMART_CLIENT_SECRET_FILE": str(secret_file),
    }
    try:
        yield Shop(server, environment)
    finally:
        await server.stop()
