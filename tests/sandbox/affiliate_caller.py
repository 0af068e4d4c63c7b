"""A caller of the affiliate side that signs, written apart from the program's own client."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from tests.sandbox.replies import CONSUMER, HandClock, Reply
from walmart_stream.sandbox import RunningSandbox


@dataclass
class Caller:
    """Calls a sandbox with signed headers; ``headers`` given to a call win over the signed ones."""

    sandbox: RunningSandbox
    http: aiohttp.ClientSession
    private_pem: str
    clock: HandClock
    version: str = "1"
    consumer: str = CONSUMER
    extra: dict[str, str] = field(default_factory=dict)

    def signed(self, timestamp_ms: int | None = None, tail: str = "\n") -> dict[str, str]:
        stamp = str(int(self.clock() * 1000) if timestamp_ms is None else timestamp_ms)
        message = f"{self.consumer}\n{stamp}\n{self.version}{tail}".encode()
        key = serialization.load_pem_private_key(self.private_pem.encode(), None)
        signature = key.sign(message, padding.PKCS1v15(), hashes.SHA256())
        return {
            "WM_CONSUMER.ID": self.consumer,
            "WM_CONSUMER.INTIMESTAMP": stamp,
            "WM_SEC.KEY_VERSION": self.version,
            "WM_SEC.AUTH_SIGNATURE": base64.b64encode(signature).decode(),
        }

    async def get(
        self, path: str, headers: dict[str, str] | None = None, **params: str | int
    ) -> Reply:
        sent = self.signed() if headers is None else headers
        url = f"{self.sandbox.url}/{path}"
        async with self.http.get(url, params=params, headers=sent | self.extra) as response:
            return Reply(response.status, response.headers, await response.read())

    async def control(self, method: str, path: str, body: Any = None, **params: str | int) -> Reply:
        url = f"{self.sandbox.control_url}/{path}"
        async with self.http.request(method, url, params=params, json=body) as response:
            return Reply(response.status, response.headers, await response.read())

    async def ids(self, count: int) -> list[str]:
        reply = await self.control("GET", "items", limit=count)
        return [item["item_id"] for item in reply.json()["items"]]

    async def truth(self, after: int = 0, limit: int = 100_000) -> list[dict[str, Any]]:
        reply = await self.control("GET", "truth", after=after, limit=limit)
        return [orjson.loads(line) for line in reply.body.splitlines()]

    async def stats(self) -> dict[str, Any]:
        return (await self.control("GET", "stats")).json()

    async def arm(self, **fault: Any) -> Reply:
        return await self.control("POST", "faults", fault)
