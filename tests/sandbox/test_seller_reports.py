"""Buy-box reports, pricing insights and listing quality."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile

import pytest

from tests.sandbox.seller_caller import code

REQUESTS = "/v3/reports/reportRequests"


async def ask(seller):
    path = f"{REQUESTS}?reportType=BUYBOX&reportVersion=v1"
    return (await seller.call("POST", path, json={})).json()


async def ready(seller):
    """A report that is ready, and its link."""
    request_id = (await ask(seller))["requestId"]
    seller.clock.now += 800
    await seller.log_in()
    return (await seller.get(f"/v3/reports/downloadReport?requestId={request_id}")).json()


async def download(seller, url):
    async with seller.http.get(url) as response:
        return response.status, response.content_type, await response.read()


def unpacked(body):
    if body[:2] == b"PK":
        archive = zipfile.ZipFile(io.BytesIO(body))
        [name] = archive.namelist()
        body = archive.read(name)
    elif body[:2] == b"\x1f\x8b":
        body = gzip.decompress(body)
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


async def test_a_report_is_asked_for_waited_for_and_downloaded(open_seller):
    """RECEIVED, SUBMITTED, INPROGRESS, READY; the link needs no headers."""
    seller = await open_seller(report_seconds=(800, 800))
    asked = await ask(seller)
    path = f"{REQUESTS}/{asked['requestId']}"

    statuses = []
    for _ in range(9):
        statuses.append((await seller.get(path)).json()["requestStatus"])
        seller.clock.now += 100
        await seller.log_in()
    link = await seller.get(f"/v3/reports/downloadReport?requestId={asked['requestId']}")
    status, content_type, body = await download(seller, link.json()["downloadURL"])

    assert asked["requestStatus"] == statuses[0] == "RECEIVED"
    assert list(dict.fromkeys(statuses)) == ["RECEIVED", "SUBMITTED", "INPROGRESS", "READY"]
    assert (status, content_type) == (200, "application/zip")
    assert len(unpacked(body)) == 40


@pytest.mark.parametrize("style", ["zip", "gzip", "plain"])
@pytest.mark.parametrize("columns", ["documented", "legacy"])
async def test_the_file_says_how_every_item_stands(open_seller, style, columns):
    """However it is packed and its headings are spelled; winners as Yes/No or true/false."""
    seller = await open_seller(file_format=style, column_style=columns, report_seconds=(800, 800))
    link = await ready(seller)

    _, _, body = await download(seller, link["downloadURL"])

    own = {item["sku"]: item for item in await seller.own()}
    rows = [
        {key.lower().replace(" ", ""): text for key, text in row.items()} for row in unpacked(body)
    ]
    assert {row["sku"] for row in rows} == set(own)
    for row in rows:
        item = own[row["sku"]]
        assert row["itemid"] == item["item_id"]
        assert row["issellerbuyboxwinner"] in ("Yes", "No", "true", "false")
        assert (row["issellerbuyboxwinner"] in ("Yes", "true")) == item["winning"]
        assert cents(row["selleritemprice"]) == item["price_cents"]
        assert cents(row["sellershipprice"]) == item["shipping_cents"]
        assert cents(row["buyboxitemprice"]) == item["buy_box_price_cents"]
        assert cents(row["buyboxshipprice"]) == item["buy_box_shipping_cents"]


def cents(text):
    return round(float(text) * 100) if text else None


async def test_headings_are_spelled_as_they_were_seen(open_seller):
    """The documented spelling and the older one with second and third offers."""
    documented = await open_seller(file_format="plain", report_seconds=(800, 800))
    legacy = await open_seller(
        file_format="plain", column_style="legacy", report_seconds=(800, 800)
    )

    headings = []
    for seller in (documented, legacy):
        _, _, body = await download(seller, (await ready(seller))["downloadURL"])
        headings.append(body.decode().splitlines()[0])

    assert headings[0] == (
        "SKU,Item ID,Product Name,Product Category,Seller Item Price,Seller Ship Price,"
        "isSellerBuyBoxWinner,BuyBox Item Price,BuyBox Ship Price"
    )
    assert headings[1].startswith("Sku,Item Id,")
    assert headings[1].endswith("Offer3 Item Price,Offer3 Ship Price")


async def test_a_link_expires(open_seller):
    """410 afterwards; a link that was never given is a 404."""
    seller = await open_seller(report_seconds=(800, 800))
    url = (await ready(seller))["downloadURL"]

    seller.clock.now += 3600
    expired, _, _ = await download(seller, url)
    invented, _, _ = await download(seller, url + "x")

    assert (expired, invented) == (410, 404)


async def test_a_report_that_is_not_ready_has_no_link(open_seller):
    """404, and so has one that does not exist."""
    seller = await open_seller()
    request_id = (await ask(seller))["requestId"]

    replies = [
        (await seller.get(f"/v3/reports/downloadReport?requestId={one}")).status
        for one in (request_id, "none")
    ]

    assert replies == [404, 404]


async def test_a_report_can_fail(open_seller):
    """With a fault it ends as ERROR."""
    seller = await open_seller(report_seconds=(800, 800))
    await seller.arm(kind="failed_report", remaining=1)
    asked = await ask(seller)

    seller.clock.now += 800
    reply = await seller.get(f"{REQUESTS}/{asked['requestId']}")

    assert reply.json()["requestStatus"] == "ERROR"


@pytest.mark.parametrize(
    "query", ["", "reportType=MOON&reportVersion=v1", "reportType=BUYBOX&reportVersion=v9"]
)
async def test_other_reports_are_refused(open_seller, query):
    """400 that names the parameter."""
    seller = await open_seller()

    reply = await seller.call("POST", f"{REQUESTS}?{query}", json={})

    assert (reply.status, code(reply)) == (400, "INVALID_REQUEST_PARAM")


async def test_the_list_of_reports_has_a_query_string_for_cursor(open_seller):
    """Appended raw it turns the page; as a parameter it gives the first page again."""
    seller = await open_seller()
    for _ in range(5):
        await ask(seller)

    first = (await seller.get(f"{REQUESTS}?limit=2")).json()
    cursor = first["nextCursor"]
    raw = (await seller.get(f"{REQUESTS}?{cursor}")).json()
    parsed = (
        await seller.get(f"{REQUESTS}?limit=2&nextCursor={cursor.replace('&', '%26')}")
    ).json()

    assert raw["requests"] != first["requests"]
    assert parsed["requests"] == first["requests"]


async def test_pricing_insights_come_in_pages_of_25(open_seller):
    """Page numbers start at 0; the shape may be wrapped or not."""
    seller = await open_seller(sandbox={"items": 100, "speed": 50.0}, skus=60)
    bare = await open_seller(wrapped_insights=False)

    pages = []
    for number in range(3):
        seller.clock.now += 1
        body = {"pageNumber": number, "sort": {"sortField": "TRAFFIC", "sortOrder": "DESC"}}
        reply = await seller.call("POST", "/v3/price/getPricingInsights", json=body)
        pages.append(reply.json()["data"])
    unwrapped = await bare.call("POST", "/v3/price/getPricingInsights", json={})

    active = await seller.own(lifecycle="ACTIVE")
    rows = [row for page in pages for row in page["pricingInsightsResponseList"]]
    assert [page["pageContext"]["currentPageCount"] for page in pages][:2] == [25, 25]
    assert pages[0]["pageContext"]["totalCount"] == len(active)
    assert {row["sku"] for row in rows} == {item["sku"] for item in active}
    assert "pageContext" in unwrapped.json()


async def test_insights_give_shipping_as_a_difference_where_it_is_known(open_seller):
    """Total less base price is the winner's shipping; without it there is no total."""
    seller = await open_seller()
    own = {item["sku"]: item for item in await seller.own()}

    reply = await seller.call("POST", "/v3/price/getPricingInsights", json={})

    rows = reply.json()["data"]["pricingInsightsResponseList"]
    for row in rows:
        item = own[row["sku"]]
        if row["buyBoxTotalPrice"] is None:
            assert item["buy_box_shipping_cents"] is None
        else:
            shipping = round((row["buyBoxTotalPrice"] - row["buyBoxBasePrice"]) * 100)
            assert shipping == item["buy_box_shipping_cents"]


async def test_listing_quality_names_the_best_price_elsewhere(open_seller):
    """With its shipping where known; pages by cursor, one call a minute."""
    seller = await open_seller()
    path = "/v3/insights/items/listingQuality"

    score = (await seller.get(f"{path}/score")).json()
    first = (await seller.call("POST", f"{path}/items?limit=25", json={})).json()
    seller.clock.now += 60
    cursor = first["nextCursor"]
    rest = await seller.call("POST", f"{path}/items?limit=25&nextCursor={cursor}", json={})

    rows = first["payload"] + rest.json()["payload"]
    assert score["status"] == "OK"
    assert "nextCursor" not in rest.json()
    assert {row["sku"] for row in rows} == {i["sku"] for i in await seller.own(lifecycle="ACTIVE")}
    assert all("price" in row["scoreDetails"]["offer"] for row in rows)
    assert any("competitorPrice" in row["scoreDetails"]["offer"]["price"] for row in rows)


async def test_shipping_templates_tell_what_the_seller_asks(open_seller):
    """One for each rate; the charge is in the template itself."""
    seller = await open_seller()

    listed = (await seller.get("/v3/settings/shipping/templates")).json()["shippingTemplates"]
    charges = set()
    for template in listed:
        one = (await seller.get(f"/v3/settings/shipping/templates/{template['id']}")).json()
        [configuration] = one["shippingMethods"][0]["configurations"]
        charge = configuration["perShippingCharge"]["shippingAndHandling"]["amount"]
        charges.add(round(charge * 100))

    assert {item["shipping_cents"] for item in await seller.own()} <= charges
