"""A shop whose items are polled, and of half of which events tell: where the calls go."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hang import DEADLINE
from tests.pipeline.worker import Worker, until
from tests.polling.walmart import Walmart, open_walmart
from tests.seller.shop import SECRET, Shop
from walmart_stream.bootstrap import seller_client
from walmart_stream.sandbox import SellerConfig
from walmart_stream.sandbox.keys import save_private_key
from walmart_stream.settings import Settings, load_settings
from walmart_stream.walmart.seller.webhooks import Authentication, EventType

ITEMS = 40
# Two calls for all items; each has its turn every four seconds if all have the same.
EVEN = 4.0
CALLS_PER_DAY = int(2 / EVEN * 86_400)
# Polls by which a share is judged: five of each item.
LOOKED_AT = 5 * ITEMS
BUY_BOX = EventType("BUY_BOX_CHANGED", "PRICE")


@dataclass(frozen=True)
class EventsFirst:
    """A sandbox with ITEMS items, all of them the seller's; it tells of the first half of them.

    ``environment`` is what a worker needs to poll it and to take its events; ``seller`` are the
    settings by which its seller subscribes to them.
    """

    walmart: Walmart
    shop: Shop
    environment: dict[str, str]
    seller: Settings
    told: tuple[tuple[str, str], ...]

    async def share(self) -> float | None:
        """The share of the last polls that the told items had; ``None`` before there are enough.

        Without events it is a half.
        """
        last = await self.walmart.last()
        if last < LOOKED_AT:
            return None
        ids = {item_id for _, item_id in self.told}
        records = await self.walmart.served(last - LOOKED_AT)
        return sum(record["item_id"] in ids for record in records) / len(records)

    async def subscribe(self, worker: Worker) -> None:
        """Have the events posted to *worker*."""
        proof = Authentication("HMAC", SECRET)
        client = seller_client(self.seller)
        try:
            await client.webhooks.create(BUY_BOX, f"{worker.url}/webhooks/walmart", proof)
        finally:
            await client.close()

    async def silence(self) -> None:
        """End all subscriptions: the sender falls silent."""
        client = seller_client(self.seller)
        try:
            for one in await client.webhooks.all():
                await client.webhooks.delete(one.subscription_id)
        finally:
            await client.close()

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[None]:
        """One event a second of the told items, in turn."""

        async def tell() -> None:
            while True:
                for sku, _ in self.told:
                    await self.shop.happen("BUY_BOX_CHANGED", 1, sku)
                    await asyncio.sleep(1)

        task = asyncio.create_task(tell())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def latency(self, worker: Worker, number: int) -> float:
        """Seconds from an event to the web view of its item that shows it."""
        sku, item_id = self.told[number % len(self.told)]

        async def seen() -> Any:
            status, body = await worker.get(f"/api/items/{item_id}")
            return body["offers"].get("own", {}).get("observed_at") if status == 200 else None

        before = await seen()
        began = time.perf_counter()
        await self.shop.happen("BUY_BOX_CHANGED", 1, sku)
        # Looked for without the pauses of ``until``, which would be measured, too.
        while time.perf_counter() - began < DEADLINE:
            if await seen() != before:
                return time.perf_counter() - began
            await asyncio.sleep(0.005)
        raise AssertionError(f"the view of {item_id} does not show its event")


@asynccontextmanager
async def open_events_first(folder: Path) -> AsyncIterator[EventsFirst]:
    """The sandbox; its market stands nearly still, so that all events are those of the test."""
    seller = SellerConfig(skus=ITEMS)
    async with open_walmart(
        folder, calls_per_second=5, calls_per_day=CALLS_PER_DAY, items=ITEMS, seller=seller
    ) as walmart:
        shop = Shop(walmart.server, {})
        items = [(one["sku"], one["item_id"]) for one in await shop.items()]
        environment = {
            **walmart.environment,
            "POLL_INTERVAL_MIN": "1",
            "POLL_INTERVAL_MAX": "60",
            "WALMART_WEBHOOK_SECRET": SECRET,
            "WALMART_WEBHOOK_AUTH": "HMAC",
        }
        secret_file = folder / "client-secret"
        save_private_key(seller.client_secret, secret_file)
        own = {
            "KAFKA_BROKERS": "unreachable.invalid:9092",
            "MONGODB_URI": "mongodb://unreachable.invalid",
            "WALMART_SELLER_URL": walmart.server.seller_url,
            "WALMART_CLIENT_ID": seller.client_id,
            "WALMART_CLIENT_SECRET_FILE": str(secret_file),
        }
        settings = load_settings(own, env_file=folder / "no.env")
        yield EventsFirst(walmart, shop, environment, settings, tuple(items[: ITEMS // 2]))


async def until_share(what: EventsFirst, name: str, low: float, high: float) -> float:
    """Wait until the told items have between *low* and *high* of the polls; their share."""
    found: float | None = None

    async def look() -> bool:
        nonlocal found
        found = await what.share()
        return found is not None and low <= found <= high

    await until(f"{name}: the told items have {low:.0%} to {high:.0%} of the polls", look)
    assert found is not None
    return found
