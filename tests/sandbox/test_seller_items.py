"""The seller's own items: paging with its traps, one item, search, and the same market."""

from __future__ import annotations

from urllib.parse import quote

import orjson
import pytest

from tests.sandbox.affiliate_caller import Caller
from tests.sandbox.seller_caller import code


async def test_pages_are_turned_by_the_offset_under_one_cursor(open_seller):
    """The cursor stays; whoever advances the offset gets every item once."""
    seller = await open_seller(skus=50)

    pages, cursor = [], "*"
    for offset in range(0, 50, 15):
        page = (await seller.get(f"/v3/items?nextCursor={cursor}&offset={offset}&limit=15")).json()
        cursor = page["nextCursor"]
        pages.append(page)
    again = (await seller.get(f"/v3/items?nextCursor={cursor}&limit=15")).json()

    skus = [item["sku"] for page in pages for item in page["ItemResponse"]]
    assert sorted(skus) == sorted(item["sku"] for item in await seller.own())
    assert len({page["nextCursor"] for page in pages}) == 1
    assert {page["totalItems"] for page in pages} == {50}
    # The cursor alone turns no page.
    assert again["ItemResponse"] == pages[0]["ItemResponse"]


async def test_a_cursor_ends_after_two_minutes(open_seller):
    """400 Invalid Cursor; a new session begins with the star."""
    seller = await open_seller()
    cursor = (await seller.get("/v3/items?nextCursor=*")).json()["nextCursor"]

    seller.clock.now += 119
    alive = await seller.get(f"/v3/items?nextCursor={cursor}&offset=20")
    seller.clock.now += 1
    ended = await seller.get(f"/v3/items?nextCursor={cursor}&offset=20")
    fresh = await seller.get("/v3/items?nextCursor=*")

    assert (alive.status, ended.status, fresh.status) == (200, 400, 200)
    assert ended.json()["error"][0]["description"] == "Invalid Cursor"


async def test_a_cursor_can_be_made_to_end_early(open_seller):
    """A fault ends the session in the middle of paging."""
    seller = await open_seller()
    cursor = (await seller.get("/v3/items?nextCursor=*")).json()["nextCursor"]
    await seller.arm(kind="expired_cursor", remaining=1)

    replies = [(await seller.get(f"/v3/items?nextCursor={cursor}")).status for _ in range(2)]

    assert replies == [400, 400]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("offset=10001", 400),
        ("limit=1001", 400),
        ("limit=x", 400),
        ("nextCursor=invented", 400),
        ("sku=none", 404),
        ("lifecycleStatus=ARCHIVED", 404),
        ("offset=40", 404),
    ],
)
async def test_what_cannot_be_paged_is_refused(open_seller, query, status):
    """Beyond the last offset 400; an empty list is a 404."""
    seller = await open_seller()

    assert (await seller.get(f"/v3/items?{query}")).status == status


async def test_lists_are_of_every_status_unless_one_is_asked_for(open_seller):
    """Retired items come too."""
    seller = await open_seller(sandbox={"items": 400}, skus=400)

    everything = (await seller.get("/v3/items?limit=1000")).json()["ItemResponse"]
    retired = (await seller.get("/v3/items?lifecycleStatus=RETIRED&limit=1000")).json()

    statuses = {item["lifecycleStatus"] for item in everything}
    assert statuses == {"ACTIVE", "RETIRED"}
    assert {item["lifecycleStatus"] for item in retired["ItemResponse"]} == {"RETIRED"}


async def test_items_have_the_oddities_of_the_real_ones(open_seller):
    """No numeric id, the shelf as JSON in a text, sometimes no price, sometimes no UPC."""
    seller = await open_seller(sandbox={"items": 400}, skus=400)

    items = (await seller.get("/v3/items?limit=1000")).json()["ItemResponse"]

    assert not any("itemId" in item for item in items)
    assert all(orjson.loads(item["shelf"])[0] == "Home Page" for item in items)
    assert 0 < sum("price" not in item for item in items) < 40
    assert 0 < sum("upc" not in item for item in items) < 80
    assert all(item["gtin"] == f"00{item['upc']}" for item in items if "upc" in item)
    assert any(set(item["sku"]) & set("/@ &+#%") for item in items)


async def test_every_item_is_found_by_each_of_its_identifiers(open_seller):
    """SKUs are percent-encoded in the path, whatever is in them."""
    seller = await open_seller(sandbox={"items": 200, "speed": 100.0}, skus=200)

    for number, own in enumerate(await seller.own()):
        # At a hundredfold speed a minute's 60 calls come back within 0.6 s.
        seller.clock.now += 0.6 * (number % 10 == 0)
        by_sku = await seller.get(f"/v3/items/{quote(own['sku'], safe='')}")
        by_id = await seller.get(f"/v3/items/{own['item_id']}?productIdType=ITEM_ID")

        [item] = by_sku.json()["ItemResponse"]
        assert item["sku"] == own["sku"]
        assert item.get("gtin") == own["gtin"]
        assert by_id.json()["ItemResponse"] == [item]


async def test_an_unknown_item_is_404(open_seller):
    """With the code of the service behind the gateway."""
    seller = await open_seller()

    reply = await seller.get("/v3/items/none")

    assert (reply.status, code(reply)) == (404, "CONTENT_NOT_FOUND")


async def test_the_search_finds_the_numeric_id_by_gtin(open_seller):
    """Prices are texts with the noise of 32-bit floats, ids are texts too."""
    seller = await open_seller()
    own = next(item for item in await seller.own() if item["gtin"])

    found = (await seller.get(f"/v3/items/walmart/search?gtin={own['gtin']}")).json()["items"]

    [hit] = [one for one in found if one["itemId"] == own["item_id"]]
    assert round(float(hit["price"]["amount"]) * 100) == own["buy_box_price_cents"]
    assert isinstance(hit["price"]["amount"], str)


@pytest.mark.parametrize(
    ("query", "status"),
    [("", 400), ("upc=1&gtin=2", 400), ("query=zzzz", 404), ("upc=000000000000", 404)],
)
async def test_a_search_needs_exactly_one_key_and_a_hit(open_seller, query, status):
    """Nothing found is a 404 here."""
    seller = await open_seller()

    assert (await seller.get(f"/v3/items/walmart/search?{query}")).status == status


async def test_the_seller_owns_as_many_items_as_asked_for(open_seller):
    """A thousand if told so, all of the catalogue at most, none if none; same seed, same SKUs."""
    thousand = await open_seller(sandbox={"items": 1200}, skus=1000)
    again = await open_seller(sandbox={"items": 1200}, skus=1000)
    few = await open_seller(sandbox={"items": 30}, skus=1000)
    none = await open_seller(skus=0)

    assert len(await thousand.own()) == 1000
    assert [i["sku"] for i in await thousand.own()] == [i["sku"] for i in await again.own()]
    assert len(await few.own()) == 30
    assert (await none.get("/v3/items")).status == 404


async def test_both_sides_speak_about_the_same_offers(open_seller, keypair):
    """Where the seller holds the buy box, the affiliate side features the seller's offer."""
    seller = await open_seller(sandbox={"items": 200, "calls_per_second": 1000.0}, skus=200)
    caller = affiliate_caller(seller, keypair)

    own = {item["item_id"]: item for item in await seller.own()}
    listed = []
    for start in range(0, 200, 20):
        ids = ",".join(list(own)[start : start + 20])
        listed += (await caller.get("items", ids=ids)).json()["items"]

    featured = {str(item["itemId"]): item.get("sellerInfo") for item in listed}
    name = seller.config.seller_name
    winning = {item_id for item_id, item in own.items() if item["winning"]}
    assert {item_id for item_id, by in featured.items() if by == name} == winning
    assert 20 < len(winning) < 180
    for item in listed:
        if str(item["itemId"]) in winning:
            cents = round(float(item["salePrice"]) * 100)
            assert cents == own[str(item["itemId"])]["price_cents"]


async def test_a_price_cut_wins_the_buy_box_on_both_sides(open_seller, keypair):
    """And a rise loses it again."""
    seller = await open_seller(sandbox={"calls_per_second": 1000.0}, skus=60)
    caller = affiliate_caller(seller, keypair)
    lost = (await seller.own(winning=False, published="PUBLISHED"))[0]
    await seller.change(sku=lost["sku"], quantity=10)

    cut = await seller.change(sku=lost["sku"], price_cents=100)
    [during] = (await caller.get("items", ids=lost["item_id"])).json()["items"]
    dear = await seller.change(sku=lost["sku"], price_cents=lost["price_cents"])
    [after] = (await caller.get("items", ids=lost["item_id"])).json()["items"]

    assert (cut["winning"], dear["winning"]) == (True, False)
    assert during["sellerInfo"] == seller.config.seller_name
    assert after.get("sellerInfo") != seller.config.seller_name


def affiliate_caller(seller, keypair):
    return Caller(seller.sandbox, seller.http, keypair[0], seller.clock)
