"""A seller that calls the sandbox, written apart from the program's own client."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from tests.sandbox.replies import HandClock, Reply
from walmart_stream.sandbox import RunningSandbox, SellerConfig


@dataclass
class Seller:
    """Calls with all headers; those given to a call win, and ``None`` leaves one out."""

    sandbox: RunningSandbox
    http: aiohttp.ClientSession
    config: SellerConfig
    clock: HandClock
    token: str = ""
    correlation_id: str = "call-1"
    headers: dict[str, str] = field(default_factory=dict)

    async def call(
        self, method: str, path: str, headers: dict[str, str | None] | None = None, **body: Any
    ) -> Reply:
        sent: dict[str, str | None] = {
            "WM_SVC.NAME": "Walmart Marketplace",
            "WM_QOS.CORRELATION_ID": self.correlation_id,
            "WM_SEC.ACCESS_TOKEN": self.token,
            "Accept": "application/json",
            **(headers or {}),
        }
        # The client library would add an Accept of its own.
        skip = [name for name in ("Accept", "Content-Type") if name in (headers or {})]
        url = URL(f"{self.sandbox.seller_url}{path}", encoded=True)
        kept = {name: text for name, text in sent.items() if text is not None}
        async with self.http.request(
            method, url, headers=kept, skip_auto_headers=skip, **body
        ) as response:
            return Reply(response.status, response.headers, await response.read())

    async def get(self, path: str, **headers: str | None) -> Reply:
        return await self.call("GET", path, headers)

    async def ask_for_token(self, client_id: str, secret: str, **headers: str | None) -> Reply:
        pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        given = {"Authorization": f"Basic {pair}", "WM_SEC.ACCESS_TOKEN": None, **headers}
        form = {"grant_type": "client_credentials"}
        return await self.call("POST", "/v3/token", given, data=form)

    async def log_in(self) -> Seller:
        reply = await self.ask_for_token(self.config.client_id, self.config.client_secret)
        self.token = reply.json()["access_token"]
        return self

    async def put_price(self, sku: str, amount: float) -> Reply:
        return await self.call("PUT", "/v3/price", json={"sku": sku, "pricing": priced(amount)})

    async def price(self, sku: str) -> float | None:
        reply = await self.get(f"/v3/items/{quote(sku, safe='')}")
        [item] = reply.json()["ItemResponse"]
        return item["price"]["amount"] if "price" in item else None

    async def control(self, method: str, path: str, body: Any = None, **params: str | int) -> Reply:
        url = f"{self.sandbox.control_url}/seller/{path}"
        async with self.http.request(method, url, params=params, json=body) as response:
            return Reply(response.status, response.headers, await response.read())

    async def own(self, **wanted: Any) -> list[dict[str, Any]]:
        """The control endpoint's list of the seller's items that have the *wanted* values."""
        items = (await self.control("GET", "items", limit=100_000)).json()["items"]
        return [item for item in items if all(item[key] == wanted[key] for key in wanted)]

    async def change(self, **change: Any) -> dict[str, Any]:
        return (await self.control("POST", "items", change)).json()

    async def records(self, path: str, limit: int = 100_000) -> list[dict[str, Any]]:
        reply = await self.control("GET", path, limit=limit)
        return [orjson.loads(line) for line in reply.body.splitlines()]

    async def stats(self) -> dict[str, Any]:
        return (await self.control("GET", "stats")).json()

    async def arm(self, **fault: Any) -> Reply:
        return await self.control("POST", "faults", fault)


def priced(amount: float) -> list[dict[str, Any]]:
    current = {"currency": "USD", "amount": amount}
    return [{"currentPriceType": "BASE", "currentPrice": current}]


def code(reply: Reply) -> str:
    """The error's code without the service's suffix."""
    [error] = reply.json()["error"]
    return error["code"].partition(".")[0]
