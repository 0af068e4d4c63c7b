"""The seller client against the sandbox's seller side, which has Walmart's traps and limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from tests.walmart.prepared import CONSUMER, HandClock
from walmart_stream.sandbox import RunningSandbox, SandboxConfig, SellerConfig, serve
from walmart_stream.walmart.errors import CredentialsRefused, JobFailed
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.limits import SellerLimits
from walmart_stream.walmart.seller.webhooks import Authentication
from walmart_stream.walmart.transport import AiohttpTransport


@dataclass
class Shop:
    """A sandbox, the seller's client for it, and the clock that both go by."""

    sandbox: RunningSandbox
    client: SellerClient
    http: aiohttp.ClientSession
    clock: HandClock

    async def control(self, method: str, path: str, body: Any = None, **params: Any) -> bytes:
        url = f"{self.sandbox.control_url}/seller/{path}"
        async with self.http.request(method, url, json=body, params=params) as response:
            assert response.status < 300, await response.text()
            return await response.read()

    async def stats(self) -> Any:
        return orjson.loads(await self.control("GET", "stats"))

    async def own(self) -> dict[str, Any]:
        listed = orjson.loads(await self.control("GET", "items", limit=100_000))
        return {item["sku"]: item for item in listed["items"]}

    async def truth(self, endpoint: str) -> dict[tuple[str, str], Any]:
        """The served items, by correlation id and SKU."""
        lines = (await self.control("GET", "truth", limit=100_000)).splitlines()
        records = map(orjson.loads, lines)
        return {(r["correlation_id"], r["sku"]): r for r in records if r["endpoint"] == endpoint}

    async def arm(self, **fault: Any) -> None:
        await self.control("POST", "faults", fault)


OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_shop(keypair: tuple[str, str]) -> AsyncIterator[OpenShop]:
    opened: list[Shop] = []
    async with aiohttp.ClientSession() as http:

        async def start(
            *, items: int = 60, secret: str | None = None, seed: int = 1, **seller: Any
        ) -> Shop:
            clock = HandClock()
            config = SellerConfig.with_every_trap(**({"skus": items} | seller))
            sandbox = await serve(
                SandboxConfig(
                    consumer_id=CONSUMER,
                    public_keys={"1": keypair[1]},
                    items=items,
                    seed=seed,
                    clock=clock,
                    seller=config,
                )
            )
            numbers = count(1)
            client = SellerClient(
                AiohttpTransport("WALMART_SELLER_URL"),
                config.client_id,
                config.client_secret if secret is None else secret,
                base_url=sandbox.seller_url,
                limits=SellerLimits(clock=clock, sleep=clock.sleep),
                retry=RetryPolicy(
                    clock=clock,
                    sleep=clock.sleep,
                    random=Random(1).random,
                    attempts=8,
                    longest_total=600,
                ),
                clock=clock,
                new_request_id=lambda: f"request-{next(numbers)}",
            )
            opened.append(Shop(sandbox, client, http, clock))
            return opened[-1]

        yield start
        for shop in opened:
            await shop.client.close()
            await shop.sandbox.stop()


async def test_every_item_is_read_as_it_was_served(open_shop):
    """Under the id of the request that fetched it, with what the sandbox meant by it."""
    shop = await open_shop(items=700)

    pages = [page async for page in shop.client.items.all()]

    truth = await shop.truth("items")
    read = {(page.request_id, item.sku): item for page in pages for item in page.items}
    assert {sku for _, sku in read} == set(await shop.own())
    assert read.keys() == truth.keys()
    for key, item in read.items():
        assert orjson.loads(item.payload) == truth[key]["payload"]
        assert item.price_cents == truth[key]["reading"]["own_price_cents"]
        assert item.published == truth[key]["reading"]["published"]


async def test_one_item_is_found_whatever_its_sku_looks_like(open_shop):
    """Slashes, blanks, percent signs; and by other ids."""
    shop = await open_shop(items=300)
    own = await shop.own()
    odd = [sku for sku in own if not sku.replace("-", "").isalnum()]

    found = [await shop.client.items.get(sku) for sku in odd]
    by_id = await shop.client.items.get(own[odd[0]]["item_id"], "ITEM_ID")

    assert len(odd) > 5
    assert [item.sku for item in found] == odd
    assert by_id.sku == odd[0]
    assert (await shop.stats())["refused"] == 0


async def test_an_hour_with_every_trap_loses_nothing(open_shop):
    """Faults at every turn, tokens that end early: all 1,000 SKUs each time, no call too many."""
    shop = await open_shop(items=1000)
    own = set(await shop.own())
    for fault in (
        {"kind": "5xx", "status": 500},
        {"kind": "5xx", "status": 520},
        {"kind": "html", "status": 503},
        {"kind": "html", "status": 200},
        {"kind": "xml"},
        {"kind": "truncated", "how": "cut"},
        {"kind": "truncated", "how": "close"},
        {"kind": "locked"},
        {"kind": "expired_token"},
        {"kind": "429", "retry_after": 5},
    ):
        await shop.arm(probability=0.01, **fault)
    await shop.arm(kind="expired_cursor", probability=0.02)
    client, opened = shop.client, shop.clock.now
    request_id = await client.buy_box.request()
    rounds = 0

    while shop.clock.now < opened + 3600:
        rounds += 1
        listed = [item async for page in client.items.all() for item in page.items]
        assert sorted(item.sku for item in listed) == sorted(own)
        stock = [stock.sku async for stock in client.inventory.all()]
        assert own.issuperset(stock)
        for item in listed[:8]:
            await client.items.get(item.sku)
        page = await anext(client.insights.prices())
        assert page.insights
        priced = next(item for item in listed[rounds:] if item.price_cents is not None)
        await client.prices.put(priced.sku, priced.price_cents + 1)
        await shop.clock.sleep(240)
    report = await client.buy_box.wait(request_id)

    stats = await shop.stats()
    assert {row.sku for row in report.rows} == own
    assert rounds > 5
    assert stats["refused"] == 0
    assert stats["tokens"]["refused"] == 0


async def test_many_tasks_stay_within_every_limit(open_shop):
    """The sandbox counts; headers come in all spellings, or not at all."""
    shop = await open_shop(items=60)
    skus = list(await shop.own())
    client = shop.client

    async def read(kind: int) -> None:
        for sku in skus[:40]:
            if kind % 2:
                await client.items.get(sku)
            else:
                await client.inventory.get(sku)

    await asyncio.gather(*(read(kind) for kind in range(6)))

    stats = await shop.stats()
    assert stats["refused"] == 0
    assert stats["limits"]["item?"]["taken"] == 120
    assert stats["tokens"]["issued"] <= 2


async def test_tokens_that_end_early_are_not_noticed(open_shop):
    """All tasks go on with one new token each time."""
    shop = await open_shop(items=60)
    skus = list(await shop.own())[:10]

    for _ in range(5):
        found = await asyncio.gather(*(shop.client.inventory.get(sku) for sku in skus))
        assert [stock.sku for stock in found] == skus
        await shop.control("POST", "expire-tokens")

    assert (await shop.stats())["tokens"]["issued"] == 5


@pytest.mark.parametrize("status", [400, 401])
async def test_wrong_credentials_are_tried_once(open_shop, status):
    """In both ways to say so."""
    shop = await open_shop(secret="of somebody else", bad_credentials_status=status)

    for _ in range(3):
        with pytest.raises(CredentialsRefused):
            await shop.client.items.get("A")

    stats = await shop.stats()
    assert stats["endpoints"]["token"]["calls"] == 1


async def test_a_price_that_was_put_is_seen_after_the_lag(open_shop):
    """Within five minutes of market time."""
    shop = await open_shop()
    (sku, before), *_ = (i for i in (await shop.own()).items() if i[1]["price_cents"])
    wanted = before["price_cents"] + 101

    receipt = await shop.client.prices.put(sku, wanted)
    await shop.clock.sleep(301)

    assert "Thank you" in receipt
    assert (await shop.client.items.get(sku)).price_cents == wanted


async def test_a_feed_says_of_each_price_what_became_of_it(open_shop):
    """There are 120 in several pages, two for SKUs that do not exist."""
    shop = await open_shop(items=200)
    skus = list(await shop.own())[:118]
    prices = {sku: 1000 + number for number, sku in enumerate(skus)}

    feed = await shop.client.prices.feed(prices | {"no/such": 500, "nor@this": 600})
    await shop.clock.sleep(301)

    assert (feed.status, feed.received, feed.succeeded, feed.failed) == ("PROCESSED", 120, 118, 2)
    assert {feed.items[sku].status for sku in skus} == {"SUCCESS"}
    assert feed.items["no/such"].status == "DATA_ERROR"
    assert "does not exist" in feed.items["nor@this"].errors[0]
    own = await shop.own()
    assert {sku: own[sku]["price_cents"] for sku in skus} == prices


async def test_stock_is_set_and_read(open_shop):
    """One by one and all together."""
    shop = await open_shop(items=120)
    own = await shop.own()
    sku = next(iter(own))

    await shop.client.inventory.put(sku, 7)
    found = {stock.sku: stock async for stock in shop.client.inventory.all()}

    assert (await shop.client.inventory.get(sku)).amount == 7
    assert found[sku].available == 7
    assert found.keys() == own.keys()


@pytest.mark.parametrize("file_format", ["zip", "gzip", "plain"])
@pytest.mark.parametrize("column_style", ["documented", "legacy"])
async def test_the_buy_box_report_is_read_as_it_was_meant(open_shop, file_format, column_style):
    """In each packing and spelling."""
    shop = await open_shop(file_format=file_format, column_style=column_style)

    report = await shop.client.buy_box.wait(await shop.client.buy_box.request())

    truth = {sku: record["reading"] for (_, sku), record in (await shop.truth("download")).items()}
    assert report.malformed == 0
    assert {row.sku for row in report.rows} == truth.keys()
    for row in report.rows:
        meant = truth[row.sku]
        assert row.wins == meant["winning"]
        assert (row.price_cents, row.shipping_cents) == (
            meant["own_price_cents"],
            meant["own_shipping_cents"],
        )
        assert (row.box_price_cents, row.box_shipping_cents) == (
            meant["buy_box_price_cents"],
            meant["buy_box_shipping_cents"],
        )


async def test_a_report_that_fails_is_said_to_have_failed(open_shop):
    """After its time."""
    shop = await open_shop()
    await shop.arm(kind="failed_report")

    with pytest.raises(JobFailed):
        await shop.client.buy_box.wait(await shop.client.buy_box.request())


@pytest.mark.parametrize("wrapped", [True, False])
async def test_insights_are_read_as_they_were_meant(open_shop, wrapped):
    """Wrapped or not; all pages."""
    shop = await open_shop(items=60, wrapped_insights=wrapped)

    pages = [page async for page in shop.client.insights.prices()]

    truth = await shop.truth("pricing_insights")
    read = {(page.request_id, row.sku): row for page in pages for row in page.insights}
    assert len(pages) == 3
    assert read.keys() == truth.keys()
    for key, row in read.items():
        meant = truth[key]["reading"]
        assert row.price_cents == meant["own_price_cents"]
        assert row.box_price_cents == meant["buy_box_price_cents"]
        assert row.box_shipping_cents == meant["buy_box_shipping_cents"]
        assert (row.stock, row.competitive) == (meant["own_quantity"], meant["winning"])


async def test_listings_are_read_as_they_were_meant(open_shop):
    """With the best price elsewhere."""
    shop = await open_shop(items=250)

    pages = [page async for page in shop.client.insights.listings()]

    truth = await shop.truth("listing_quality_items")
    read = {(page.request_id, row.sku): row for page in pages for row in page.listings}
    assert len(pages) == 2
    assert read.keys() == truth.keys()
    for key, row in read.items():
        meant = truth[key]["reading"]
        assert (row.price_cents, row.shipping_cents) == (
            meant["own_price_cents"],
            meant["own_shipping_cents"],
        )
        assert row.competitor_price_cents == meant.get("competitor_price_cents")
        assert row.competitor_shipping_cents == meant.get("competitor_shipping_cents")
    assert (await shop.client.insights.score()).overall is not None


async def test_the_catalogue_is_searched(open_shop):
    """By words, by UPC; and nothing is found where nothing is."""
    shop = await open_shop()
    upc = next(item["upc"] for item in (await shop.own()).values() if item["upc"])

    by_upc = await shop.client.search.upc(upc)
    (first, *_) = by_upc.hits
    by_words = await shop.client.search.query(first.title.split()[0])
    nothing = await shop.client.search.query("qqqqxyzzy")

    assert first.item_id in {hit.item_id for hit in by_words.hits}
    assert not [hit for hit in by_words.hits if "<" in hit.title]
    assert nothing.hits == ()


async def test_webhooks_are_subscribed_to_tested_and_ended(open_shop):
    """The sender proves itself to the receiver as was agreed."""
    received = []

    async def receive(request):
        received.append((request.headers.get("X-Signature"), await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/webhooks/walmart", receive)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/walmart"
    shop = await open_shop()
    webhooks = shop.client.webhooks
    proof = Authentication("HMAC", "a secret of both", header="X-Signature")

    kinds = {kind.event: kind for kind in await webhooks.event_types()}
    message = await webhooks.test(kinds["BUY_BOX_CHANGED"], url, proof)
    made = await webhooks.create(kinds["BUY_BOX_CHANGED"], url, proof)
    listed = await webhooks.all()
    await webhooks.delete(made.subscription_id)
    await webhooks.delete(made.subscription_id)
    await runner.cleanup()

    assert "validated" in message
    ((signature, event),) = received
    assert signature
    assert event["source"]["eventType"] == "BUY_BOX_CHANGED"
    assert [one.subscription_id for one in listed] == [made.subscription_id]
    assert "a secret of both" not in repr(listed)
    assert await webhooks.all() == ()
