"""The ground truth: exactly what was served, read as the contract says."""

from __future__ import annotations

import asyncio
import socket
from decimal import Decimal

import orjson
import pytest

from tests.hang import DEADLINE
from walmart_stream.sandbox.market.listing import Listing, Offer


def cents(value):
    return None if value is None else int(Decimal(str(value)) * 100)


def read(item, price_key, default_seller):
    """The contract's reading of one offer's JSON, written here a second time."""
    price = item.get(price_key)
    if price is None or item.get("availableOnline") is False:
        return {"price_cents": None, "shipping_cents": None, "available": False, "seller": None}
    return {
        "price_cents": cents(price),
        "shipping_cents": cents(item.get("standardShipRate")),
        "available": True,
        "seller": item.get("sellerInfo", default_seller),
    }


def offers_of(item):
    rival = item.get("bestMarketplacePrice")
    return {
        "featured": read(item, "salePrice", "Walmart.com"),
        "marketplace": None if rival is None else read(rival, "price", None),
    }


async def test_each_item_of_an_answer_is_recorded_as_it_was_served(open_sandbox):
    """One record per item: number, correlation id, time, endpoint, payload, offers."""
    caller = await open_sandbox()
    caller.extra = {"WM_QOS.CORRELATION_ID": "request-1"}
    ids = await caller.ids(20)

    reply = await caller.get("items", ids=",".join(ids))

    records = await caller.truth()
    assert [record["seq"] for record in records] == list(range(1, 21))
    assert [record["item_id"] for record in records] == ids
    assert [record["payload"] for record in records] == reply.json()["items"]
    assert {record["correlation_id"] for record in records} == {"request-1"}
    assert {record["served_at"] for record in records} == {int(caller.clock() * 1000)}
    assert {record["endpoint"] for record in records} == {"items"}
    assert all(orjson.dumps(record["payload"]) in reply.body for record in records)


@pytest.mark.parametrize(
    "fields",
    [
        [],
        ["salePrice", "standardShipRate", "bestMarketplacePrice"],
        ["availableOnline", "sellerInfo", "marketplace", "name"],
        ["bestMarketplacePrice.price", "bestMarketplacePrice.standardShipRate"],
        ["bestMarketplacePrice.availableOnline", "bestMarketplacePrice.sellerInfo", "stock"],
    ],
)
async def test_the_offers_are_what_the_payload_says_whatever_is_missing(open_sandbox, fields):
    """Over moving prices and hidden fields, the truth equals a reading of the served JSON."""
    caller = await open_sandbox(items=200, speed=1000.0)
    if fields:
        await caller.arm(kind="missing_fields", fields=fields)
    ids = await caller.ids(200)

    for start in range(0, 200, 20):
        caller.clock.now += 10
        await caller.get("items", ids=",".join(ids[start : start + 20]))
    await caller.get("search", query="e", numItems=25)

    records = await caller.truth()
    assert len(records) == 225
    for record in records:
        assert record["offers"] == offers_of(record["payload"])
    for name in fields:
        outer, _, inner = name.partition(".")
        whole = [r["payload"][outer] for r in records if outer in r["payload"]]
        present = [value for value in whole if inner in value] if inner else whole
        assert 0 < len(present) < len(records)


async def test_refused_and_failed_calls_leave_no_record(open_sandbox):
    """Truth is what was served: not a 400, 401, 429 or 5xx."""
    caller = await open_sandbox()
    [item_id] = await caller.ids(1)

    await caller.get("items", ids="5")
    await caller.get("items", headers={}, ids=item_id)
    for kind in ("429", "5xx", "html"):
        await caller.arm(kind=kind, remaining=1)
        await caller.get("items", ids=item_id)

    assert await caller.truth() == []
    assert (await caller.stats())["truth"] == {"first": 1, "last": 0}


async def test_an_answer_that_its_client_did_not_wait_for_is_no_truth(open_sandbox):
    """A client that goes away in the middle of large answers was not served the last of them."""
    caller = await open_sandbox(items=2_000)
    head = "GET /api-proxy/service/affil/product/v2/paginated/items?count=1000 HTTP/1.1"
    lines = [head, "Host: sandbox", *(f"{name}: {text}" for name, text in caller.signed().items())]
    request = "\r\n".join([*lines, "", ""]).encode()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()

    # Two megabytes each: more than the kernel takes on behalf of a client that does not read.
    await loop.sock_connect(connection, (caller.sandbox.host, caller.sandbox.port))
    await loop.sock_sendall(connection, 4 * request)
    await loop.sock_recv(connection, 1)
    connection.close()

    async with asyncio.timeout(DEADLINE):
        while (stats := await caller.stats())["incomplete"] == 0:  # noqa: ASYNC110 - across HTTP
            await asyncio.sleep(0.01)
    assert stats["truth"]["last"] == stats["items_served"] == 1000 * (stats["ok"] - 1)


async def test_the_truth_is_read_in_pages(open_sandbox):
    """``after`` and ``limit`` select records by number."""
    caller = await open_sandbox()
    await caller.get("items", ids=",".join(await caller.ids(20)))

    page = await caller.truth(after=5, limit=3)
    rest = await caller.truth(after=19)
    beyond = await caller.truth(after=20)

    assert [record["seq"] for record in page] == [6, 7, 8]
    assert [record["seq"] for record in rest] == [20]
    assert beyond == []


async def test_the_oldest_records_go_when_the_truth_is_full(open_sandbox):
    """Numbers go on, and the stats say which records are left."""
    caller = await open_sandbox(truth_capacity=30)
    ids = ",".join(await caller.ids(20))

    for _ in range(2):
        await caller.get("items", ids=ids)

    records = await caller.truth()
    assert [record["seq"] for record in records] == list(range(11, 41))
    assert (await caller.stats())["truth"] == {"first": 11, "last": 40}


def test_an_offer_without_price_or_switched_off_reads_as_nothing():
    """Price, shipping and seller of an unavailable offer are unknown, not zero."""
    gone = {"price_cents": None, "shipping_cents": None, "available": False, "seller": None}

    no_price = Listing(False, Offer(None, 0, available=True)).reading()
    switched_off = Listing(True, Offer(999, 0, available=False, seller="Acme LLC")).reading()

    assert no_price == switched_off == {"featured": gone, "marketplace": None}


async def test_counts_add_up(open_sandbox):
    """Stats tell calls, answers by status, items served and the market's changes so far."""
    caller = await open_sandbox(speed=1000.0)
    ids = await caller.ids(20)

    await caller.get("items", ids=",".join(ids))
    await caller.get("items", ids="5")
    before = await caller.stats()
    caller.clock.now += 60
    after = await caller.stats()

    assert (before["calls"], before["ok"], before["items_served"]) == (2, 1, 20)
    assert before["statuses"] == {"200": 1, "400": 1}
    assert (before["market_changes"], before["incomplete"]) == (0, 0)
    assert after["market_changes"] > 0
