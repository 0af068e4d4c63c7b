"""Changing prices and stock: one by one, by feed, and when the change is seen."""

from __future__ import annotations

from random import Random
from urllib.parse import quote

import aiohttp
import pytest

from tests.sandbox.seller_caller import code, priced
from walmart_stream.sandbox.seller.offers import Lagged, Stock

MINUTES = 60


async def some_sku(seller):
    return next(i["sku"] for i in await seller.own(published="PUBLISHED") if i["price_cents"])


async def feed_of(seller, feed_id):
    path = f"/v3/feeds/{quote(feed_id, safe='')}?includeDetails=true"
    return (await seller.get(path)).json()


async def send_prices(seller, *prices):
    feed = {
        "PriceHeader": {"version": "1.7"},
        "Price": [{"sku": sku, "pricing": priced(amount)} for sku, amount in prices],
    }
    reply = await seller.call("POST", "/v3/feeds?feedType=price", json=feed)
    return reply.json()["feedId"]


async def test_a_price_is_accepted_now_and_seen_later(open_seller):
    """Read back within five minutes, not at once; the market sees it when readers do."""
    seller = await open_seller(read_back_seconds=(200, 200))
    sku = await some_sku(seller)
    before = await seller.price(sku)

    accepted = await seller.put_price(sku, 14.8)
    at_once = await seller.price(sku)
    seller.clock.now += 199
    still = await seller.price(sku)
    seller.clock.now += 1
    seen = await seller.price(sku)

    assert accepted.status == 200
    assert accepted.json()["ItemPriceResponse"]["sku"] == sku
    assert (at_once, still, seen) == (before, before, 14.8)


async def test_the_lag_passes_with_the_speed_of_the_market(open_seller):
    """At a hundredfold speed five minutes are three seconds."""
    seller = await open_seller(sandbox={"speed": 100.0}, read_back_seconds=(300, 300))
    sku = await some_sku(seller)

    await seller.put_price(sku, 14.8)
    seller.clock.now += 3

    assert await seller.price(sku) == 14.8


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"sku": None},
        {"sku": "{sku}"},
        {"sku": "{sku}", "pricing": []},
        {"sku": "{sku}", "pricing": priced(14.805)},
        {"sku": "{sku}", "pricing": priced(0)},
        {"sku": "{sku}", "pricing": priced(-1)},
        {"sku": "{sku}", "pricing": "cheap"},
        {"sku": "{sku}", "price": 14.8},
    ],
)
async def test_a_price_in_a_wrong_form_is_400(open_seller, body):
    """More than two decimals, nothing, less than nothing, or the form of an older version."""
    seller = await open_seller()
    sku = await some_sku(seller)

    sent = {key: sku if value == "{sku}" else value for key, value in body.items()}
    reply = await seller.call("PUT", "/v3/price", json=sent)

    assert (reply.status, code(reply)) == (400, "INVALID_REQUEST_CONTENT")


async def test_a_price_for_an_item_that_is_not_there_is_404(open_seller):
    """Before it is ingested an item has no price to change."""
    seller = await open_seller()

    assert (await seller.put_price("none", 5)).status == 404


async def test_a_body_that_is_no_json_is_400(open_seller):
    """As malformed."""
    seller = await open_seller()

    reply = await seller.call(
        "PUT", "/v3/price", {"Content-Type": "application/json"}, data=b"[1, 2"
    )

    assert (reply.status, code(reply)) == (400, "MALFORMED_REQUEST_CONTENT")


async def test_a_feed_goes_from_received_to_processed(open_seller):
    """RECEIVED, INPROGRESS, PROCESSED; items get their results at the end."""
    seller = await open_seller(feed_seconds=(600, 600), read_back_seconds=(0, 0))
    sku = await some_sku(seller)
    feed_id = await send_prices(seller, (sku, 14.8))

    statuses, prices = [], []
    for _ in range(3):
        feed = await feed_of(seller, feed_id)
        [item] = feed["itemDetails"]["itemIngestionStatus"]
        statuses.append((feed["feedStatus"], feed["itemsProcessing"], item["ingestionStatus"]))
        prices.append(await seller.price(sku))
        seller.clock.now += 5 * MINUTES

    assert "@" in feed_id
    assert statuses == [
        ("RECEIVED", 1, "INPROGRESS"),
        ("INPROGRESS", 1, "INPROGRESS"),
        ("PROCESSED", 0, "SUCCESS"),
    ]
    assert prices[0] == prices[1] != prices[2] == 14.8


async def test_a_processed_feed_can_have_failed_items(open_seller):
    """Unknown and repeated SKUs and bad values fail alone; others are done."""
    seller = await open_seller(feed_seconds=(60, 60), read_back_seconds=(0, 0))
    good, twice, bad = [item["sku"] for item in (await seller.own(published="PUBLISHED"))[:3]]
    before = await seller.price(twice)

    feed_id = await send_prices(
        seller, (good, 9.99), ("none", 5), (twice, 6), (twice, 7), (bad, 1.234)
    )
    seller.clock.now += 60
    feed = await feed_of(seller, feed_id)

    results = [
        (item["sku"], item["ingestionStatus"])
        for item in feed["itemDetails"]["itemIngestionStatus"]
    ]
    assert feed["feedStatus"] == "PROCESSED"
    assert (feed["itemsReceived"], feed["itemsSucceeded"], feed["itemsFailed"]) == (5, 1, 4)
    assert results == [
        (good, "SUCCESS"),
        ("none", "DATA_ERROR"),
        (twice, "DATA_ERROR"),
        (twice, "DATA_ERROR"),
        (bad, "DATA_ERROR"),
    ]
    assert (await seller.price(good), await seller.price(twice)) == (9.99, before)


async def test_the_newest_submission_wins_whichever_is_worked_off_last(open_seller):
    """An older feed that ends later does not overwrite a newer price."""
    seller = await open_seller(feed_seconds=(600, 600), read_back_seconds=(0, 0))
    sku = await some_sku(seller)

    await send_prices(seller, (sku, 11.0))
    seller.clock.now += 60
    await seller.put_price(sku, 12.0)
    seller.clock.now += 600

    assert await seller.price(sku) == 12.0


@pytest.mark.parametrize(
    ("kind", "feed", "read"),
    [
        (
            "PRICE_AND_PROMOTION",
            lambda sku: {
                "MPItemFeedHeader": {"businessUnit": "WALMART_US"},
                "MPItem": [{"Promo&Discount": {"sku": sku, "price": 7.5}}],
            },
            lambda item: item["price_cents"] == 750,
        ),
        (
            "inventory",
            lambda sku: {
                "InventoryHeader": {"version": "1.4"},
                "Inventory": [{"sku": sku, "quantity": {"unit": "EACH", "amount": 777}}],
            },
            lambda item: 750 < item["quantity"] <= 777,
        ),
    ],
)
async def test_other_feeds_change_prices_and_stock(open_seller, kind, feed, read):
    """Promotions wrap their items once more; inventory has a header and list of its own."""
    seller = await open_seller(feed_seconds=(60, 60), read_back_seconds=(0, 0))
    sku = await some_sku(seller)

    await seller.call("POST", f"/v3/feeds?feedType={kind}", json=feed(sku))
    seller.clock.now += 60

    [item] = await seller.own(sku=sku)
    assert read(item)


async def test_a_misspelled_list_makes_the_whole_feed_fail(open_seller):
    """``inventory`` in lower case is accepted and ends as ERROR."""
    seller = await open_seller(feed_seconds=(60, 60))
    feed = {"InventoryHeader": {"version": "1.4"}, "inventory": []}

    reply = await seller.call("POST", "/v3/feeds?feedType=inventory", json=feed)
    seller.clock.now += 60

    assert (await feed_of(seller, reply.json()["feedId"]))["feedStatus"] == "ERROR"


async def test_a_feed_can_be_the_file_of_a_form(open_seller):
    """Multipart with the part ``file``."""
    seller = await open_seller()
    form = aiohttp.FormData()
    form.add_field("file", b'{"PriceHeader": {}, "Price": []}', filename="prices.json")

    reply = await seller.call("POST", "/v3/feeds?feedType=price", data=form)

    assert (await feed_of(seller, reply.json()["feedId"]))["itemsReceived"] == 0


async def test_feeds_are_listed_the_newest_first(open_seller):
    """No feed yet is a 404."""
    seller = await open_seller()
    empty = await seller.get("/v3/feeds")

    ids = [await send_prices(seller, ("none", 5)) for _ in range(3)]
    page = (await seller.get("/v3/feeds?limit=2")).json()

    assert empty.status == 404
    assert page["totalResults"] == 3
    assert [feed["feedId"] for feed in page["results"]["feed"]] == [ids[2], ids[1]]


async def test_feeds_can_get_stuck_and_items_fail_for_no_reason(open_seller):
    """Two faults: INPROGRESS for hours, and SYSTEM_ERROR or TIMEOUT_ERROR for a share."""
    seller = await open_seller(feed_seconds=(60, 60))
    await seller.arm(kind="stuck_feed", seconds=3600, remaining=1)
    stuck = await send_prices(seller, ("none", 5))
    skus = [item["sku"] for item in await seller.own(published="PUBLISHED")]
    await seller.arm(kind="failed_feed_items", status="TIMEOUT_ERROR", share=0.5)
    failing = await send_prices(seller, *((sku, 9) for sku in skus))

    seller.clock.now += 60
    feed = await feed_of(seller, failing)

    results = {i["ingestionStatus"] for i in feed["itemDetails"]["itemIngestionStatus"]}
    assert (await feed_of(seller, stuck))["feedStatus"] == "INPROGRESS"
    assert results == {"SUCCESS", "TIMEOUT_ERROR"}
    assert feed["itemsSucceeded"] + feed["itemsFailed"] == len(skus)


async def test_stock_is_read_and_stated(open_seller):
    """By the parameter ``sku``; page by page with a new cursor each time."""
    seller = await open_seller(read_back_seconds=(0, 0))
    sku = await some_sku(seller)
    path = f"/v3/inventory?sku={quote(sku, safe='')}"
    stated = {"sku": sku, "quantity": {"unit": "EACH", "amount": 42}}

    put = await seller.call("PUT", path, json=stated)
    got = (await seller.get(path)).json()
    cursors, skus, query = [], [], "limit=15"
    while query:
        page = (await seller.get(f"/v3/inventories?{query}")).json()
        skus += [one["sku"] for one in page["elements"]["inventories"]]
        cursors.append(page["meta"].get("nextCursor"))
        query = cursors[-1] and f"limit=15&nextCursor={cursors[-1]}"

    assert put.status == 200
    assert got == stated
    assert sorted(skus) == sorted(item["sku"] for item in await seller.own())
    assert len(set(cursors)) == 3


@pytest.mark.parametrize(("query", "status"), [("", 400), ("?sku=none", 404)])
async def test_stock_needs_a_known_sku(open_seller, query, status):
    """400 without one, 404 for an unknown one."""
    seller = await open_seller()

    assert (await seller.get(f"/v3/inventory{query}")).status == status


async def test_an_unreasonable_price_takes_the_offer_off_the_site(open_seller):
    """UNPUBLISHED with the reason; listed among the unpublished with texts for amounts."""
    seller = await open_seller()
    sku = await some_sku(seller)

    item = await seller.change(sku=sku, price_cents=9_999_900)
    listed = (await seller.get("/v3/items?publishedStatus=UNPUBLISHED")).json()["ItemResponse"]
    unpublished = (await seller.get("/v3/insights/items/unpublished/items")).json()["payload"]
    await seller.change(sku=sku, price_cents=100)

    assert (item["published"], item["winning"]) == ("UNPUBLISHED", False)
    assert (
        "Reasonable Price"
        in next(i for i in listed if i["sku"] == sku)["unpublishedReasons"]["reason"][0]
    )
    assert [one["price"]["amount"] for one in unpublished if one["sku"] == sku] == ["99999.00"]
    assert (await seller.own(sku=sku))[0]["published"] == "PUBLISHED"


def test_of_changes_that_are_effective_the_last_submitted_is_seen():
    """In whichever order they become effective."""
    value = Lagged("first")
    value.submit("slow", submitted=1, effective=30)
    value.submit("quick", submitted=2, effective=10)
    value.submit("last", submitted=3, effective=40)

    seen = [value.at(moment) for moment in (0, 9, 10, 30, 40)]

    assert seen == ["first", "first", "quick", "quick", "last"]


def test_stock_sells_out_and_is_filled_again():
    """Over weeks every shelf is empty for a while; the level is never below nothing."""
    levels = []
    for seed in range(20):
        stock = Stock(Random(seed))
        levels.append([stock.at(hour * 3600.0) for hour in range(24 * 60)])

    assert all(min(level) >= 0 for level in levels)
    assert sum(0 in level for level in levels) > 5
    assert all(level[-1] >= 0 and max(level) > 0 for level in levels)
