"""The ground truth of the seller side, and its faults."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.sandbox.seller_caller import code
from walmart_stream.sandbox import SellerConfig


async def test_each_item_of_an_answer_is_recorded_as_it_was_served(open_seller):
    """Endpoint, correlation id, time, SKU, item id, payload, and what was meant by it."""
    seller = await open_seller()
    seller.correlation_id = "read-7"

    page = (await seller.get("/v3/items?limit=30")).json()["ItemResponse"]

    records, own = await seller.records("truth"), {i["sku"]: i for i in await seller.own()}
    assert [record["seq"] for record in records] == list(range(1, 31))
    assert [record["payload"] for record in records] == page
    assert {record["endpoint"] for record in records} == {"items"}
    assert {record["correlation_id"] for record in records} == {"read-7"}
    assert {record["served_at"] for record in records} == {int(seller.clock() * 1000)}
    for record in records:
        item = own[record["sku"]]
        assert record["item_id"] == item["item_id"]
        assert record["reading"]["own_price_cents"] == item["price_cents"]


async def test_each_kind_of_answer_says_what_it_speaks_about(open_seller):
    """Stock says a quantity, insights a buy box, a report all of it."""
    seller = await open_seller(report_seconds=(100, 100))
    path = "/v3/reports/reportRequests?reportType=BUYBOX&reportVersion=v1"
    request_id = (await seller.call("POST", path, json={})).json()["requestId"]
    seller.clock.now += 100

    await seller.get("/v3/inventories?limit=1")
    await seller.call("POST", "/v3/price/getPricingInsights", json={})
    link = (await seller.get(f"/v3/reports/downloadReport?requestId={request_id}")).json()
    async with seller.http.get(link["downloadURL"]) as response:
        await response.read()

    said = {record["endpoint"]: record["reading"] for record in await seller.records("truth")}
    assert set(said["inventories"]) == {"own_quantity"}
    assert {"winning", "buy_box_price_cents"} <= set(said["pricing_insights"])
    assert {"own_price_cents", "own_shipping_cents", "winning"} <= set(said["download"])


async def test_refused_and_failed_calls_leave_no_record(open_seller):
    """Truth is what was served whole."""
    seller = await open_seller()

    for kind in ("429", "5xx", "html", "xml", "forbidden", "missing", "locked", "truncated"):
        await seller.arm(kind=kind, remaining=1)
        await seller.get("/v3/items")
    await seller.arm(kind="truncated", how="close", remaining=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await seller.get("/v3/items")

    assert await seller.records("truth") == []
    assert (await seller.stats())["incomplete"] == 2


@pytest.mark.parametrize(
    ("fault", "status", "expected"),
    [
        ({"kind": "429"}, 429, "REQUEST_THRESHOLD_VIOLATED"),
        ({"kind": "5xx", "status": 500}, 500, "SYSTEM_ERROR"),
        ({"kind": "5xx", "status": 504}, 504, "DOWNSTREAM_SYSTEM_TIME_OUT"),
        ({"kind": "locked"}, 423, "RESOURCE_IS_LOCKED"),
        ({"kind": "forbidden"}, 403, "FORBIDDEN"),
        ({"kind": "missing"}, 404, "CONTENT_NOT_FOUND"),
    ],
)
async def test_faults_have_the_documented_codes(open_seller, fault, status, expected):
    """They strike the endpoint that they name and are not counted as beyond a limit."""
    seller = await open_seller()
    await seller.arm(endpoint="items", **fault)

    struck = await seller.get("/v3/items")
    spared = await seller.get("/v3/token/detail")

    assert (struck.status, code(struck), spared.status) == (status, expected, 200)
    assert (await seller.stats())["refused"] == 0


@pytest.mark.parametrize(
    ("fault", "status", "content_type", "text"),
    [
        ({"kind": "html"}, 503, "text/html", b"Reference #"),
        ({"kind": "5xx", "status": 520}, 520, "text/html", b"Reference #"),
        ({"kind": "xml"}, 500, "application/xml", b"500.SYSTEM_ERROR"),
    ],
)
async def test_errors_may_not_be_json_at_all(open_seller, fault, status, content_type, text):
    """The page of a delivery network, or XML although JSON was asked for."""
    seller = await open_seller()
    await seller.arm(**fault)

    reply = await seller.get("/v3/items")

    assert (reply.status, reply.headers["Content-Type"]) == (status, content_type)
    assert text in reply.body


async def test_429_may_say_when_to_come_back(open_seller):
    """``retry_after`` is sent as the header."""
    seller = await open_seller()
    await seller.arm(kind="429", retry_after=7)

    assert (await seller.get("/v3/items")).headers["Retry-After"] == "7"


async def test_a_token_can_expire_early_for_one_call_or_all(open_seller):
    """By a fault, from that call on; or all tokens at once."""
    seller = await open_seller()
    await seller.arm(kind="expired_token", remaining=1)

    struck = [(await seller.get("/v3/items")).status for _ in range(2)]
    await seller.log_in()
    renewed = (await seller.get("/v3/items")).status
    ended = (await seller.control("POST", "expire-tokens")).json()
    after = (await seller.get("/v3/items")).status

    assert (struck, renewed, after) == ([401, 401], 200, 401)
    assert ended == {"expired": 1}


async def test_latency_delays_an_answer_but_no_other(open_seller):
    """Others are answered meanwhile."""
    seller = await open_seller()
    await seller.arm(kind="latency", seconds=600, endpoint="items")

    slow = asyncio.create_task(seller.get("/v3/items"))
    quick = await seller.get("/v3/token/detail")

    assert quick.status == 200
    assert not slow.done()
    slow.cancel()


async def test_the_faults_of_both_sides_are_apart(open_seller, open_sandbox):
    """A fault for all endpoints of one side does not touch the other."""
    seller = await open_seller()
    caller = await open_sandbox()
    await seller.arm(kind="5xx")
    url = f"{seller.sandbox.control_url}/faults"
    async with seller.http.get(url) as response:
        affiliate_faults = (await response.json())["faults"]
    await caller.arm(kind="html")

    assert affiliate_faults == []
    assert (await seller.get("/v3/items")).status == 503


@pytest.mark.parametrize("body", [{}, {"kind": "plague"}, {"kind": "5xx", "status": 200}])
async def test_a_fault_that_makes_no_sense_is_refused(open_seller, body):
    """400 that says why."""
    seller = await open_seller()

    reply = await seller.control("POST", "faults", body)

    assert (reply.status, reply.json()["error"]["code"]) == (400, "bad_request")


async def test_faults_are_listed_and_disarmed(open_seller):
    """All, or one by its number."""
    seller = await open_seller()
    first = (await seller.arm(kind="5xx", probability=0)).json()["id"]
    await seller.arm(kind="duplicate", copies=3)

    await seller.control("DELETE", "faults", id=first)
    [left] = (await seller.control("GET", "faults")).json()["faults"]

    assert (left["kind"], left["copies"]) == ("duplicate", 3)


async def test_a_seller_can_be_made_with_every_trap(open_seller):
    """Errors, limits and files then come in all their forms."""
    seller = await open_seller(**traps())

    shapes, spellings = set(), set()
    for _ in range(60):
        reply = await seller.get("/v3/items/none")
        body = reply.json()
        shapes.add((next(iter(body)), type(next(iter(body.values()))).__name__))
        spellings |= {name for name in reply.headers if "replenish" in name.lower()}

    assert shapes == {("error", "list"), ("error", "dict"), ("errors", "list")}
    assert spellings == {
        "x-next-replenish-time",
        "X-Next-Replenish-Time",
        "X-Next-Replenishment-Time",
    }


def traps():
    """The settings of ``with_every_trap`` beside the credentials."""
    names = ("error_shape", "limit_headers", "expired_token_status", "file_format")
    config = SellerConfig.with_every_trap()
    return {name: getattr(config, name) for name in names}
