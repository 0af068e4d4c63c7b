"""The documented limits: token buckets, what the headers tell, and what is counted."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.sandbox.seller_caller import code
from walmart_stream.sandbox.seller.limits import LIMITS, Bucket, Limit


async def test_twenty_polls_an_hour_and_the_next_is_refused(open_seller):
    """The field's experience with report status: poll 21 gets 429, and a token every 3 min."""
    seller = await open_seller()
    path = "/v3/reports/reportRequests/none"

    polls = [(await seller.get(path)).status for _ in range(20)]
    refused = await seller.get(path)
    seller.clock.now += 179
    early = (await seller.get(path)).status
    seller.clock.now += 1
    due = (await seller.get(path)).status

    assert polls == [404] * 20
    assert (refused.status, code(refused)) == (429, "REQUEST_THRESHOLD_VIOLATED")
    assert refused.json()["error"][0]["category"] == "REQUEST"
    assert refused.headers["x-current-token-count"] == "0"
    assert (early, due) == (429, 404)


async def test_refusals_are_counted_by_endpoint_and_limit_and_take_nothing(open_seller):
    """``refused`` tells whether anybody sent a call beyond a limit."""
    seller = await open_seller()

    for _ in range(5):
        await seller.call("POST", "/v3/price/getPricingInsights", json={})
    await seller.get("/v3/items")

    stats = await seller.stats()
    assert stats["endpoints"]["pricing_insights"] == {
        "calls": 5,
        "refused": 3,
        "statuses": {"200": 2, "429": 3},
    }
    assert stats["endpoints"]["items"]["refused"] == 0
    assert stats["limits"]["pricing_insights"]["taken"] == 2
    assert stats["limits"]["pricing_insights"]["refused"] == stats["refused"] == 3


async def test_a_call_that_waits_for_the_time_told_is_not_refused(open_seller):
    """``x-next-replenish-time`` is when the next token is there, never before."""
    seller = await open_seller(sandbox={"speed": 7.0}, token_seconds=1e6)

    statuses = []
    for _ in range(150):
        reply = await seller.put_price("none", 5)
        statuses.append(reply.status)
        if reply.headers["x-current-token-count"] == "0":
            seller.clock.now = int(reply.headers["x-next-replenish-time"]) / 1000

    assert statuses == [404] * 150
    assert (await seller.stats())["refused"] == 0


@pytest.mark.parametrize(
    ("style", "count", "due", "read"),
    [
        ("ms", "x-current-token-count", "x-next-replenish-time", lambda t: int(t) / 1000),
        ("seconds", "X-Current-Token-Count", "X-Next-Replenish-Time", int),
        (
            "iso",
            "X-Current-Token-Count",
            "X-Next-Replenishment-Time",
            lambda t: datetime.fromisoformat(t).timestamp(),
        ),
    ],
)
async def test_the_state_of_a_limit_is_told_in_the_form_configured(
    open_seller, style, count, due, read
):
    """Epoch milliseconds, epoch seconds or ISO 8601, under the names that go with them."""
    seller = await open_seller(limit_headers=style)

    reply = await seller.put_price("none", 5)

    assert reply.headers[count] == "99"
    assert read(reply.headers[due]) == seller.clock() + 36


async def test_limits_may_go_untold(open_seller):
    """Some answers have no such headers at all."""
    seller = await open_seller(limit_headers="none")

    reply = await seller.put_price("none", 5)

    assert not [name for name in reply.headers if "token-count" in name.lower()]


async def test_the_item_list_is_limited_more_with_parameters(open_seller):
    """300 a minute without, 60 with; two buckets."""
    seller = await open_seller()

    plain = await seller.get("/v3/items")
    with_parameters = await seller.get("/v3/items?limit=5")

    assert plain.headers["x-current-token-count"] == "299"
    assert with_parameters.headers["x-current-token-count"] == "59"


async def test_price_feeds_share_a_limit_and_inventory_feeds_have_another(open_seller):
    """10 an hour for all price feeds together."""
    seller = await open_seller()

    for kind, left in (("price", "9"), ("PRICE_AND_PROMOTION", "8"), ("inventory", "9")):
        reply = await seller.call("POST", f"/v3/feeds?feedType={kind}", json={})

        assert reply.headers["x-current-token-count"] == left


def test_the_documented_limits():
    """As in Walmart's table: calls and seconds."""
    documented = {
        "price": (100, 3600),
        "price_feeds": (10, 3600),
        "report_status": (20, 3600),
        "report_download": (20, 3600),
        "pricing_insights": (2, 60),
        "listing_quality_items": (1, 60),
        "webhook_patch": (5, 60),
    }

    assert {name: tuple(LIMITS[name]) for name in documented} == documented


def test_a_bucket_never_gives_more_than_its_limit_and_what_has_grown_since():
    """Over any time t from a full start: at most calls + t · rate."""
    now = 0.0
    bucket = Bucket(Limit(10, 60), 2.0, lambda: now)

    for step in range(1000):
        now = step * 0.7
        bucket.take()

        assert bucket.taken <= 10 + now * 2 * 10 / 60 + 1e-3
    assert bucket.taken + bucket.refused == 1000
    assert bucket.taken >= 240
