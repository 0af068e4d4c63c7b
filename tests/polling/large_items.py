"""A Walmart whose answers may be as large as it likes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from walmart_stream.sandbox.keys import generate_keypair, save_private_key

SMALL, LARGE = "10000001", "10000002"
# More than a record of a topic may have.
LARGE_BYTES = 2_100_000


@asynccontextmanager
async def large_walmart(folder: Path) -> AsyncIterator[dict[str, str]]:
    """Serves any item; that of LARGE has a long description. Gives a worker's settings."""

    async def items(request: web.Request) -> web.Response:
        found: list[dict[str, Any]] = []
        for item_id in request.query["ids"].split(","):
            item: dict[str, Any] = {"itemId": int(item_id), "name": "Tea", "salePrice": 5.0}
            if item_id == LARGE:
                item["longDescription"] = "x" * LARGE_BYTES
            found.append(item)
        return web.json_response({"items": found})

    app = web.Application()
    app.router.add_get("/items", items)
    private, _ = generate_keypair()
    key = folder / "key.pem"
    save_private_key(private, key)
    async with TestServer(app) as server:
        yield {
            "WALMART_AFFILIATE_URL": str(server.make_url("/")),
            "WALMART_CONSUMER_ID": "00000000-0000-0000-0000-000000000000",
            "WALMART_PRIVATE_KEY_FILE": str(key),
            "WALMART_AFFILIATE_CALLS_PER_SECOND": "5",
            "WALMART_AFFILIATE_DAILY_CALLS": "100000",
            "POLL_INTERVAL_MIN": "1",
            "POLL_INTERVAL_MAX": "2",
        }
