"""Prices go out exactly, and what became of each is known; stock comes and goes alike."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.walmart.seller_server import NOTHING, fault, reply
from walmart_stream.walmart.errors import (
    ContentNotFound,
    MalformedResponse,
    NotReady,
    ServerUnavailable,
)
from walmart_stream.walmart.seller.feeds import FeedItem
from walmart_stream.walmart.seller.inventory import Stock

THANKS = {
    "ItemPriceResponse": {
        "mart": "WALMART_US",
        "message": "Thank you. Your price has been updated.",
        "sku": "A/1",
    }
}
FEED_ID = "14066B/63B@AVMBAgA"


@pytest.mark.parametrize(
    ("cents", "text"), [(1480, b"14.8"), (1, b"0.01"), (1999999, b"19999.99"), (700, b"7.0")]
)
async def test_a_price_is_put_exactly(open_seller, cents, text):
    """Two decimals at most, in the shape of today's API."""
    client, server = await open_seller(lambda asked: reply(THANKS))

    receipt = await client.prices.put("A/1", cents)

    (asked,) = server.asked
    assert (asked.method, asked.path) == ("PUT", "/v3/price")
    assert asked.body == (
        b'{"sku":"A/1","pricing":[{"currentPriceType":"BASE","currentPrice":'
        b'{"currency":"USD","amount":%s}}]}' % text
    )
    assert receipt == "Thank you. Your price has been updated."


@pytest.mark.parametrize(("sku", "cents"), [("A", 0), ("A", -5), (" ", 100), ("A", 10**12)])
async def test_what_is_no_price_is_not_sent(open_seller, sku, cents):
    """Alone or in a feed."""
    client, server = await open_seller(lambda asked: reply(THANKS))

    with pytest.raises(ValueError, match=r"SKU|price"):
        await client.prices.put(sku, cents)
    with pytest.raises(ValueError, match=r"SKU|price"):
        await client.prices.submit({sku: cents})

    assert server.asked == []


async def test_a_price_for_an_unknown_item_is_refused(open_seller):
    """404 until Walmart has taken the item in."""
    client, _ = await open_seller(lambda asked: fault(404, "CONTENT_NOT_FOUND.GMP_PRICE_API"))

    with pytest.raises(ContentNotFound):
        await client.prices.put("A", 100)


async def test_a_receipt_for_another_item_is_no_receipt(open_seller):
    """Something is very wrong then."""
    client, _ = await open_seller(lambda asked: reply(THANKS), attempts=1)

    with pytest.raises(MalformedResponse):
        await client.prices.put("B", 100)


async def test_a_price_is_put_again_after_a_bad_minute(open_seller):
    """The same price twice is the same price."""
    replies = [reply(b"", 520), fault(423, "RESOURCE_IS_LOCKED.GMP_RECEIVER_API")]
    client, server = await open_seller(lambda asked: replies.pop() if replies else reply(THANKS))

    await client.prices.put("A/1", 100)

    assert len(server.asked) == 3
    # Whoever holds the lock was given the time that Walmart asks for.
    assert server.asked[1].at - server.asked[0].at >= 20


class Feeds:
    """A feed that is PROCESSED when looked at for the *looks* + first time."""

    def __init__(self, outcomes, looks=0):
        self.outcomes, self.looks = outcomes, looks

    def answer(self, asked):
        if asked.method == "POST":
            return reply({"feedId": FEED_ID})
        self.looks -= asked.query["offset"] == "0"
        done = self.looks < 0
        page = self.outcomes[int(asked.query["offset"]) :][: int(asked.query["limit"])]
        return reply(
            {
                "feedStatus": "PROCESSED" if done else "INPROGRESS",
                "itemsReceived": len(self.outcomes),
                "itemsSucceeded": 1,
                "itemsFailed": len(self.outcomes) - 1,
                "itemsProcessing": 0 if done else len(self.outcomes),
                "itemDetails": {"itemIngestionStatus": page},
            }
        )


def outcome(sku, status="SUCCESS", *faults):
    return {
        "sku": sku,
        "ingestionStatus": status,
        "ingestionErrors": {"ingestionError": list(faults)} if faults else None,
    }


WRONG = {"type": "DATA_ERROR", "code": "ERR_1", "description": "too low", "field": "price"}


async def test_a_feed_tells_what_became_of_each_item(open_seller, clock):
    """PROCESSED with failed items is normal; looked at no more often than is advised."""
    outcomes = [outcome(f"S{n}") for n in range(118)]
    outcomes += [outcome("bad", "DATA_ERROR", WRONG), outcome("slow", "TIMEOUT_ERROR")]
    client, server = await open_seller(Feeds(outcomes, looks=2).answer)

    feed = await client.prices.feed({"S1": 1480, "bad": 1})

    assert (feed.feed_id, feed.status, feed.received) == (FEED_ID, "PROCESSED", 120)
    assert len(feed.items) == 120
    assert feed.items["S1"] == FeedItem("S1", "SUCCESS")
    assert feed.items["bad"] == FeedItem("bad", "DATA_ERROR", ("ERR_1: price: too low",))
    submitted, *looks = server.asked
    assert submitted.query == {"feedType": "price"}
    assert submitted.document["PriceHeader"] == {"version": "1.7"}
    assert [price["sku"] for price in submitted.document["Price"]] == ["S1", "bad"]
    assert {look.path for look in looks} == {"/v3/feeds/14066B%2F63B%40AVMBAgA"}
    first = [look.at for look in looks if look.query["offset"] == "0"]
    assert [later - sooner >= 300 for sooner, later in pairwise(first)] == [True, True]


async def test_a_sku_that_is_twice_in_a_feed_shows_its_failure(open_seller):
    """Whichever came first."""
    outcomes = [outcome("A"), outcome("A", "DATA_ERROR", WRONG), outcome("A")]
    client, _ = await open_seller(Feeds(outcomes).answer)

    feed = await client.feeds.get(FEED_ID)

    assert feed.items["A"].status == "DATA_ERROR"


async def test_a_failure_shows_through_a_success_on_a_later_page(open_seller):
    """Or on an earlier one."""
    others = [outcome(f"S{n}") for n in range(60)]
    failed = outcome("A", "DATA_ERROR", WRONG)

    for outcomes in ([failed, *others, outcome("A")], [outcome("A"), *others, failed]):
        client, _ = await open_seller(Feeds(outcomes).answer)
        assert (await client.feeds.get(FEED_ID)).items["A"].status == "DATA_ERROR"


async def test_a_feed_whose_items_are_under_way_is_not_done(open_seller):
    """Even if its own status says so already."""
    client, _ = await open_seller(Feeds([outcome("A"), outcome("B", "INPROGRESS")]).answer)

    assert not (await client.feeds.get(FEED_ID)).done


async def test_a_feed_that_is_stuck_is_given_back_to_the_caller(open_seller, clock):
    """With the feed's id in the message, to look again later."""
    client, server = await open_seller(Feeds([outcome("A")], looks=1000).answer)

    with pytest.raises(NotReady, match=FEED_ID) as caught:
        await client.prices.feed({"A": 100}, every=300, within=1000)

    assert caught.value.retriable
    assert len(server.asked) == 1 + 4


async def test_a_feed_is_waited_for_through_bad_minutes(open_seller):
    """Waiting for an hour must not end with one answer of 503."""
    feeds = Feeds([outcome("A")], looks=2)
    bad = [reply(b"", 503) for _ in range(5)]

    def answer(asked):
        return bad.pop() if bad and asked.method == "GET" else feeds.answer(asked)

    client, _ = await open_seller(answer)

    assert (await client.prices.feed({"A": 100})).status == "PROCESSED"


async def test_a_feed_is_not_handed_in_twice(open_seller):
    """Where nobody knows whether it arrived, the caller has to look."""
    broken, server = await open_seller(lambda asked: reply(b"", 502))

    with pytest.raises(ServerUnavailable):
        await broken.prices.submit({"A": 100})

    assert len(server.asked) == 1


async def test_a_feed_is_handed_in_again_if_it_was_turned_away(open_seller):
    """429 and 423 say that nothing was done."""
    replies = [
        fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP", retry_after="3"),
        fault(423, "RESOURCE_IS_LOCKED.GMP_RECEIVER_API"),
    ]
    client, server = await open_seller(
        lambda asked: replies.pop() if replies else reply({"feedId": "f"})
    )

    assert await client.prices.submit({"A": 100}) == "f"
    assert len(server.asked) == 3


async def test_a_token_that_is_hard_to_get_does_not_cost_the_feed(open_seller):
    """A feed that must not be made twice has not been made once then."""
    bad = [reply(b"", 503), reply(b"", 503)]
    client, server = await open_seller(
        lambda asked: reply({"feedId": "f"}),
        on_token=lambda asked: bad.pop() if bad else server.give_token(),
    )

    assert await client.prices.submit({"A": 100}) == "f"
    assert len(server.asked) == 1


@pytest.mark.parametrize("count", [0, 10_001])
async def test_a_feed_has_one_to_ten_thousand_prices(open_seller, count):
    """Walmart would refuse it as a whole."""
    client, server = await open_seller(lambda asked: reply({"feedId": "f"}))

    with pytest.raises(ValueError, match="10,000"):
        await client.prices.submit({f"S{n}": 100 for n in range(count)})

    assert server.asked == []


async def test_stock_is_read_and_written(open_seller):
    """The SKU is in the query, the amount in the body."""

    def answer(asked):
        amount = asked.document["quantity"]["amount"] if asked.body else "10"
        return reply({"sku": "a/b", "quantity": {"unit": "EACH", "amount": amount}})

    client, server = await open_seller(answer)

    assert await client.inventory.get("a/b") == Stock("a/b", 10)
    assert await client.inventory.put("a/b", 3, node="N1") == Stock("a/b", 3)
    read, written = server.asked
    assert read.query_string == "sku=a%2Fb"
    assert written.query == {"sku": "a/b", "shipNode": "N1"}
    with pytest.raises(ValueError, match="-1"):
        await client.inventory.put("a/b", -1)


def inventory(*skus, cursor=None):
    node = {
        "shipNode": "N1",
        "inputQty": {"unit": "EACH", "amount": 5},
        "availToSellQty": {"unit": "EACH", "amount": 4},
        "reservedQty": {"unit": "EACH", "amount": 1},
    }
    entries = [{"sku": sku, "nodes": [node]} for sku in skus]
    return reply({"meta": {"nextCursor": cursor}, "elements": {"inventories": entries}})


async def test_the_stock_of_all_items_is_paged_through(open_seller):
    """Here the cursor is a new one on each page; the end may be a 404."""
    for end in (lambda: inventory("C"), lambda: fault(404, *NOTHING), lambda: inventory()):
        pages = {None: inventory("A", cursor="x/="), "x/=": inventory("B", cursor="y")}
        client, server = await open_seller(
            lambda asked, pages=pages, end=end: pages.get(asked.query.get("nextCursor")) or end()
        )

        found = [stock async for stock in client.inventory.all()]

        assert [stock.sku for stock in found][:2] == ["A", "B"]
        assert found[0] == Stock("A", 5, 4, 1, "N1")
        assert len(server.asked) == 3


async def test_an_inventory_that_goes_round_in_circles_is_an_error(open_seller):
    """Instead of being read for ever."""
    client, server = await open_seller(lambda asked: inventory("A", cursor="c"), attempts=1)

    with pytest.raises(MalformedResponse, match="circles"):
        async for _ in client.inventory.all():
            pass

    assert len(server.asked) == 2
