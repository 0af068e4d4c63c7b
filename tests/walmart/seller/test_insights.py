"""Pricing insights and listing quality: shapes known from the field only, read tolerantly."""

from __future__ import annotations

import orjson
import pytest

from tests.walmart.seller_server import NOTHING, fault, reply
from walmart_stream.walmart.errors import MalformedResponse, NotFound

ROW = {
    "itemName": "Kettle",
    "sku": "A",
    "currentPrice": 24.97,
    "buyBoxBasePrice": 23.49,
    "buyBoxTotalPrice": 29.48,
    "buyBoxWinRate": "45.5",
    "competitorPrice": "22.10",
    "comparisonPrice": None,
    "inventoryCount": 12,
    "priceCompetitive": "Yes",
    "traffic": "HIGH",
}
LISTING = {
    "sku": "A",
    "scoreDetails": {
        "offer": {
            "price": {
                "score": None,
                "walmartShipping": 0,
                "competitorShipping": 4.99,
                "competitorPrice": {"amount": 34.95, "currency": "USD"},
                "price": {"amount": 36.29, "currency": "USD"},
                "issueTitle": "Price Not Competitive",
                "asin": "B00",
            }
        }
    },
}


def pages_of(rows, size=25):
    def answer(asked):
        page = asked.document["pageNumber"]
        context = {"pageNo": page, "totalPages": -(-len(rows) // size)}
        return reply(
            {
                "status": "OK",
                "data": {
                    "pageContext": context,
                    "pricingInsightsResponseList": rows[page * size :][:size],
                },
            }
        )

    return answer


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: {"status": "OK", "data": {"pricingInsightsResponseList": rows}},
        lambda rows: {"pricingInsightsResponseList": rows, "pageContext": {"totalPages": 1}},
        lambda rows: {"payload": {"pricingInsightsResponseList": rows}},
        lambda rows: {"data": rows},
    ],
)
async def test_insights_are_read_wrapped_and_unwrapped(open_seller, wrap):
    """Shipping is the difference of two prices; what is null is unknown."""
    rows = [ROW]
    client, server = await open_seller(lambda asked: reply(wrap(rows and [rows.pop()])))

    (page,) = [page async for page in client.insights.prices("A")]

    (row,) = page.insights
    assert (row.sku, row.price_cents, row.box_price_cents) == ("A", 2497, 2349)
    assert (row.box_landed_cents, row.box_shipping_cents) == (2948, 599)
    assert (row.competitor_cents, row.comparison_cents) == (2210, None)
    assert (row.box_win_rate, row.competitive, row.stock) == (45.5, True, 12)
    assert orjson.loads(row.payload) == ROW
    assert server.asked[0].document["searchCriteria"] == {"sku": "A"}


async def test_all_pages_of_insights_come_two_a_minute(open_seller, clock):
    """Page numbers count from 0."""
    client, server = await open_seller(pages_of([ROW | {"sku": f"S{n}"} for n in range(60)]))

    found = [row.sku async for page in client.insights.prices() for row in page.insights]

    assert found == [f"S{n}" for n in range(60)]
    assert [asked.document["pageNumber"] for asked in server.asked] == [0, 1, 2]
    assert server.asked[2].at - server.asked[0].at >= 60


async def test_rows_without_sku_are_left_out(open_seller):
    """And a landed price below the price tells nothing of shipping."""
    odd = {"sku": "B", "buyBoxBasePrice": 9, "buyBoxTotalPrice": 8}
    client, _ = await open_seller(pages_of([{"sku": None}, "?", odd]))

    (page,) = [page async for page in client.insights.prices()]

    (row,) = page.insights
    assert (row.sku, row.box_shipping_cents, page.entries) == ("B", None, 3)


async def test_insights_that_are_not_offered_are_an_error(open_seller):
    """Unlike insights that are empty."""
    client, _ = await open_seller(lambda asked: fault(404, "URI_NOT_FOUND"))
    empty, _ = await open_seller(lambda asked: fault(404, *NOTHING))

    with pytest.raises(NotFound):
        [page async for page in client.insights.prices()]
    assert [page async for page in empty.insights.prices()] == []


@pytest.mark.parametrize(
    "document", [[], {"data": {"pricingInsightsResponseList": "none"}}, {"data": "?", "payload": 1}]
)
async def test_insights_of_another_shape_are_malformed_or_empty(open_seller, document):
    """Never a crash."""
    client, _ = await open_seller(lambda asked: reply(document), attempts=1)

    try:
        found = [page async for page in client.insights.prices()]
    except MalformedResponse:
        found = []

    assert found == []


async def test_pages_of_insights_that_repeat_end(open_seller):
    """Where the page number is not understood and no count of pages is there."""
    client, server = await open_seller(
        lambda asked: reply({"pricingInsightsResponseList": [ROW]}), attempts=1
    )

    with pytest.raises(MalformedResponse, match="repeat"):
        [page async for page in client.insights.prices()]

    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows, cursor: {"payload": rows, "nextCursor": cursor, "totalItems": 2},
        lambda rows, cursor: {"payload": {"items": rows, "nextCursor": cursor}},
        lambda rows, cursor: {"data": rows, "next_cursor": cursor},
    ],
)
async def test_listings_name_the_price_outside_of_walmart(open_seller, wrap):
    """By POST, page by page, one a minute."""
    cursors = {None: "c/1=", "c/1=": None}

    def answer(asked):
        return reply(wrap([LISTING], cursors[asked.query.get("nextCursor")]))

    client, server = await open_seller(answer)

    found = [row async for page in client.insights.listings() for row in page.listings]

    assert len(found) == len(server.asked) == 2
    row = found[0]
    assert (row.sku, row.price_cents, row.shipping_cents) == ("A", 3629, 0)
    assert (row.competitor_price_cents, row.competitor_shipping_cents) == (3495, 499)
    assert (row.asin, row.issue) == ("B00", "Price Not Competitive")
    assert {asked.method for asked in server.asked} == {"POST"}
    assert server.asked[1].at - server.asked[0].at >= 60


async def test_listings_without_details_are_there(open_seller):
    """With nothing known."""
    client, _ = await open_seller(lambda asked: reply({"payload": [{"sku": "A"}, {"sku": 1}]}))

    (page,) = [page async for page in client.insights.listings()]

    (row,) = page.listings
    assert (row.price_cents, row.competitor_price_cents, row.asin) == (None, None, None)


async def test_the_score_is_read(open_seller):
    """A missing part of it is unknown."""
    client, _ = await open_seller(
        lambda asked: reply(
            {"payload": {"score": {"offerScore": 70.5}, "overAllQuality": "44.7"}, "status": "OK"}
        )
    )

    score = await client.insights.score()

    assert (score.overall, score.offer, score.content) == (44.7, 70.5, None)
