"""Webhooks: subscriptions, how the sender proves itself, and what it does to receivers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
from aiohttp import web

from tests.hang import DEADLINE
from tests.sandbox.seller_caller import code

SECRET = "receiver-secret"
SUBSCRIPTIONS = "/v3/webhooks/subscriptions"


@dataclass
class Receiver:
    """A server that keeps what it gets and answers what *status* says."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    tokens: int = 0
    status: Callable[[int], int] = lambda number: 200

    @property
    def events(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.got]

    @property
    def ids(self) -> list[str]:
        return [event["source"]["eventId"] for event in self.events]

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status(len(self.got)))

    async def give_token(self, request: web.Request) -> web.Response:
        form = await request.post()
        pair = base64.b64encode(f"me:{SECRET}".encode()).decode()
        if request.headers["Authorization"] != f"Basic {pair}" or not form["grant_type"]:
            return web.Response(status=401)
        self.tokens += 1
        return web.json_response({"access_token": f"token-{self.tokens}", "expires_in": 900})

    async def until(self, count: int) -> None:
        async def there() -> bool:
            return len(self.got) >= count

        await wait_until(there)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on loopback that takes bodies of any size."""
    receiver = Receiver()
    app = web.Application(client_max_size=100_000_000)
    app.router.add_post("/hook", receiver.take)
    app.router.add_post("/token", receiver.give_token)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


HMAC = {"authMethod": "HMAC", "authHeaderName": "X-Signature", "clientSecret": SECRET}


def subscription(receiver, auth=None, event_type="BUY_BOX_CHANGED"):
    return {
        "eventType": event_type,
        "eventVersion": "V1",
        "resourceName": "PRICE",
        "eventUrl": f"{receiver.url}/hook?from=walmart",
        "authDetails": HMAC if auth is None else auth,
        "headers": {"content-type": "application/json"},
        "status": "ACTIVE",
    }


async def subscribe(seller, receiver, *event_types, auth=None):
    types = event_types or ("BUY_BOX_CHANGED",)
    events = [subscription(receiver, auth, event_type) for event_type in types]
    reply = await seller.call("POST", SUBSCRIPTIONS, json={"events": events})
    return reply.json()["events"]


async def emit(seller, count=1, **wanted):
    reply = await seller.control("POST", "events", {"count": count, **wanted})
    return reply.json()["event_ids"]


async def wait_until(condition):
    """Ask again and again until *condition* is true."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.01)


async def failures(seller, count):
    async def there():
        return (await seller.stats())["webhooks"]["failed"] >= count

    await wait_until(there)


async def settled(seller):
    """Waits until nothing is on its way, and gives the log."""

    async def quiet():
        return not (await seller.stats())["webhooks"]["waiting"]

    await wait_until(quiet)
    return await seller.records("webhooks")


def signature(body):
    return hmac.new(SECRET.encode(), body, hashlib.sha256)


async def test_subscriptions_are_made_listed_changed_and_ended(open_seller, receiver):
    """The list echoes the whole subscription, its secret too."""
    seller = await open_seller()

    [made] = await subscribe(seller, receiver)
    path = f"{SUBSCRIPTIONS}/{made['subscriptionId']}"
    listed = (await seller.get(SUBSCRIPTIONS)).json()["events"]
    patched = await seller.call("PATCH", path, json={"events": [{"status": "INACTIVE"}]})
    ended = await seller.call("DELETE", path)
    left = (await seller.get(SUBSCRIPTIONS)).json()["events"]

    assert (made["eventType"], made["status"]) == ("BUY_BOX_CHANGED", "ACTIVE")
    assert listed[0]["authDetails"]["clientSecret"] == SECRET
    assert listed[0]["eventUrl"] == f"{receiver.url}/hook?from=walmart"
    assert patched.json()["events"][0]["status"] == "INACTIVE"
    assert ended.json()["message"] == "Successfully deleted subscription"
    assert left == []
    assert (await seller.call("DELETE", path)).status == 404


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"eventType": "PRICE_CHANGED"}, "eventType"),
        ({"eventType": []}, "eventType"),
        ({"eventUrl": None}, "eventUrl"),
        ({"eventUrl": "http://example.com/hook"}, "eventUrl"),
        ({"eventUrl": "https://example.com/hook"}, "eventUrl"),
        ({"authDetails": {"authMethod": "MAGIC"}}, "authMethod"),
        ({"authDetails": {"authMethod": "BASIC_AUTH", "userName": "me"}}, "password"),
    ],
)
async def test_a_subscription_that_makes_no_sense_is_refused(
    open_seller, receiver, change, culprit
):
    """400 that names what is wrong; addresses off this machine are refused."""
    seller = await open_seller()
    event = subscription(receiver) | change

    reply = await seller.call("POST", SUBSCRIPTIONS, json={"events": [event]})

    assert (reply.status, code(reply)) == (400, "INVALID_REQUEST_CONTENT")
    assert reply.json()["error"][0]["field"] == culprit


async def test_event_types_are_listed(open_seller):
    """None of them is a plain change of price."""
    seller = await open_seller()

    events = (await seller.get("/v3/webhooks/eventTypes")).json()["events"]

    types = {event["eventType"] for event in events}
    assert {"BUY_BOX_CHANGED", "OFFER_UNPUBLISHED", "INVENTORY_OOS"} <= types


async def test_an_address_can_be_tried_before_it_is_subscribed(open_seller, receiver):
    """One event is sent; 400 if it is not answered with 2xx."""
    seller = await open_seller()
    body = subscription(receiver)

    good = await seller.call("POST", "/v3/webhooks/test", json=body)
    receiver.status = lambda number: 500
    bad = await seller.call("POST", "/v3/webhooks/test", json=body)

    assert good.json() == {"message": "Eventurl successfully validated"}
    assert (bad.status, len(receiver.got)) == (400, 2)


@pytest.mark.parametrize("encoding", ["hex", "base64"])
async def test_hmac_is_over_the_raw_body(open_seller, receiver, encoding):
    """In the header asked for, hex or base64."""
    seller = await open_seller(hmac_encoding=encoding)
    await subscribe(seller, receiver)

    await emit(seller)
    await settled(seller)

    [(headers, body)] = receiver.got
    mac = signature(body)
    expected = mac.hexdigest() if encoding == "hex" else base64.b64encode(mac.digest()).decode()
    assert headers["X-Signature"] == expected


async def test_basic_sends_user_and_password(open_seller, receiver):
    """In ``Authorization`` where no other header is named."""
    seller = await open_seller()
    auth = {"authMethod": "BASIC_AUTH", "userName": "me", "password": SECRET}
    await subscribe(seller, receiver, auth=auth)

    await emit(seller)
    await settled(seller)

    pair = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert receiver.got[0][0]["Authorization"] == f"Basic {pair}"


async def test_oauth_fetches_a_token_first_and_a_new_one_after_401(open_seller, receiver):
    """The token is used for many events; a receiver that refuses it is asked for another."""
    seller = await open_seller(webhook_retry_seconds=(1, 1))
    auth = {
        "authMethod": "OAUTH",
        "authUrl": f"{receiver.url}/token",
        "clientId": "me",
        "clientSecret": SECRET,
    }
    receiver.status = lambda number: 401 if number == 3 else 200
    await subscribe(seller, receiver, auth=auth)

    for count in range(1, 4):
        await emit(seller)
        await receiver.until(count)
    await receiver.until(3)
    seller.clock.now += 1
    await receiver.until(4)
    await settled(seller)

    sent = [headers["Authorization"] for headers, _ in receiver.got]
    assert sent == ["Bearer token-1"] * 3 + ["Bearer token-2"]


async def test_a_signed_timestamp_can_go_beside_the_rest(open_seller, receiver):
    """Over method, path with query, time and the body's digest."""
    seller = await open_seller(signed_timestamp=True)
    await subscribe(seller, receiver)

    await emit(seller)
    await settled(seller)

    [(headers, body)] = receiver.got
    stamp = str(int(seller.clock()))
    digest = hashlib.sha256(body).hexdigest()
    message = f"POST\n/hook?from=walmart\n{stamp}\n{digest}".encode()
    mac = hmac.new(SECRET.encode(), message, hashlib.sha256).digest()
    assert headers["WM_SEC.TIMESTAMP"] == stamp
    assert headers["WM_SEC.SIGNATURE"] == base64.b64encode(mac).decode()


async def test_a_buy_box_event_says_how_the_item_stands(open_seller, receiver):
    """Own offer, winner and the best five by landed price, as the log means them."""
    seller = await open_seller()
    await subscribe(seller, receiver)
    selling = [i for i in await seller.own(published="PUBLISHED") if i["quantity"]]

    await emit(seller, count=len(selling), skus=[item["sku"] for item in selling])
    log = await settled(seller)

    readings = {record["event_id"]: record["reading"] for record in log}
    own = {item["item_id"]: item for item in selling}
    assert len(receiver.got) == len(selling)
    for event in receiver.events:
        info, offer = event["payload"]["itemInfo"], event["payload"]["offer"]
        item, reading = own[info["itemId"]], readings[event["source"]["eventId"]]
        assert (info["sku"], event["payload"]["partnerId"]) == (item["sku"], "10001234567")
        assert round(offer["currentOffer"]["sellerOfferPrice"] * 100) == item["price_cents"]
        assert reading["own"]["price_cents"] == item["price_cents"]
        assert reading["winning"] == item["winning"]
        names = [one["sellerName"] for one in offer["offers"]]
        assert names == [one["seller"] for one in reading["offers"]]
        landed = [
            round((o["sellerOfferPrice"] + o.get("sellerShippingPrice", 0)) * 100)
            for o in offer["offers"]
        ]
        assert landed == sorted(landed)
        assert len(landed) <= 5


async def test_the_market_drives_events(open_seller, receiver):
    """A price that wins, one that is unreasonable, and an empty shelf are told; once each."""
    seller = await open_seller()
    await subscribe(
        seller,
        receiver,
        "BUY_BOX_CHANGED",
        "OFFER_UNPUBLISHED",
        "OFFER_PUBLISHED",
        "INVENTORY_OOS",
    )
    lost = [i for i in await seller.own(winning=False, published="PUBLISHED") if i["quantity"]]
    cut, dear, empty = (item["sku"] for item in lost[:3])
    first = (await seller.control("POST", "look")).json()

    await seller.change(sku=cut, price_cents=100)
    await seller.change(sku=dear, price_cents=9_999_900)
    await seller.change(sku=empty, quantity=0)
    second = (await seller.control("POST", "look")).json()
    await seller.change(sku=dear, price_cents=100)
    await seller.control("POST", "look")
    log = await settled(seller)

    told = Counter((record["event_type"], record["sku"]) for record in log)
    assert (first, second) == ({"events": 0}, {"events": 3})
    assert told == {
        ("BUY_BOX_CHANGED", cut): 1,
        ("OFFER_UNPUBLISHED", dear): 1,
        ("INVENTORY_OOS", empty): 1,
        ("OFFER_PUBLISHED", dear): 1,
        ("BUY_BOX_CHANGED", dear): 1,
    }


async def test_rivals_that_move_are_told_without_being_asked(open_seller, receiver):
    """Time passes, the market moves, and the sandbox looks by itself."""
    seller = await open_seller(sandbox={"items": 400, "speed": 1000.0}, skus=400)
    await subscribe(seller, receiver)
    await seller.control("POST", "look")

    seller.clock.now += 100
    await receiver.until(1)

    assert {event["source"]["eventType"] for event in receiver.events} == {"BUY_BOX_CHANGED"}


async def test_what_is_not_answered_with_2xx_is_sent_again_three_times(open_seller, receiver):
    """After 5, 15 and 45 minutes, with the same id and body; then it is given up."""
    seller = await open_seller()
    receiver.status = lambda number: 503
    await subscribe(seller, receiver)

    await emit(seller)
    for attempt, minutes in ((1, 5), (2, 15), (3, 45)):
        await receiver.until(attempt)
        await failures(seller, attempt)
        seller.clock.now += 60 * minutes
    log = await settled(seller)

    assert [(record["attempt"], record["status"]) for record in log] == [
        (1, 503),
        (2, 503),
        (3, 503),
        (4, 503),
    ]
    assert len({body for _, body in receiver.got}) == 1
    assert (await seller.stats())["webhooks"]["given_up"] == 1


async def test_a_receiver_that_is_away_gets_it_when_it_is_back(open_seller, receiver):
    """A refused connection is like any other failure."""
    seller = await open_seller()
    await subscribe(seller, receiver)
    [listed] = (await seller.get(SUBSCRIPTIONS)).json()["events"]
    path = f"{SUBSCRIPTIONS}/{listed['subscriptionId']}"
    away = {"eventUrl": "http://127.0.0.1:9/hook"}
    await seller.call("PATCH", path, json=away)

    await emit(seller)
    await failures(seller, 1)

    [record] = await seller.records("webhooks")
    assert (record["status"], record["accepted"]) == (None, False)
    assert record["error"] == "ClientConnectorError"


async def test_duplicates_have_the_same_id(open_seller, receiver):
    """The receiver has to tell by the event id."""
    seller = await open_seller()
    await subscribe(seller, receiver)
    await seller.arm(kind="duplicate", copies=2)

    ids = await emit(seller, count=5)
    log = await settled(seller)

    assert Counter(receiver.ids) == dict.fromkeys(ids, 3)
    assert Counter(record["copy"] for record in log) == {0: 5, 1: 5, 2: 5}
    assert all(record["valid"] and record["accepted"] for record in log)


async def test_reordered_events_arrive_after_younger_ones(open_seller, receiver):
    """Each waits a while of its own."""
    seller = await open_seller()
    await subscribe(seller, receiver)
    await seller.arm(kind="reorder", seconds=600)

    ids = []
    for _ in range(20):
        ids += await emit(seller)
        seller.clock.now += 1
    held = len(receiver.got)
    seller.clock.now += 600
    await settled(seller)

    assert held < 20
    assert sorted(receiver.ids) == sorted(ids)
    assert receiver.ids != ids


@pytest.mark.parametrize(
    ("fault", "size"),
    [
        ({"kind": "bad_signature"}, None),
        ({"kind": "old_timestamp", "seconds": 7200}, None),
        ({"kind": "oversized", "bytes": 1_000_000}, 1_000_000),
    ],
)
async def test_forgeries_come_beside_the_real_event_under_an_id_of_their_own(
    open_seller, receiver, fault, size
):
    """So whoever takes one can be told: it is not valid, is sent once and names a cent."""
    seller = await open_seller()
    receiver.status = lambda number: 401
    await subscribe(seller, receiver)
    [sku] = [i["sku"] for i in await seller.own(published="PUBLISHED") if i["quantity"]][:1]
    await seller.arm(endpoint="BUY_BOX_CHANGED", **fault)

    [event_id] = await emit(seller, skus=[sku])
    await receiver.until(2)
    await failures(seller, 2)
    log = await seller.records("webhooks")

    [forged] = [record for record in log if not record["valid"]]
    [genuine] = [record for record in log if record["valid"]]
    sent = {event["source"]["eventId"]: event for event in receiver.events}
    headers, body = next(g for g in receiver.got if forged["event_id"].encode() in g[1])
    cheap = sent[forged["event_id"]]["payload"]["offer"]["currentOffer"]["sellerOfferPrice"]
    assert (genuine["event_id"], forged["fault"], cheap) == (event_id, fault["kind"], 0.01)
    assert forged["event_id"] != event_id
    proven = hmac.compare_digest(headers["X-Signature"], signature(body).hexdigest())
    assert proven == (fault["kind"] != "bad_signature")
    if fault["kind"] == "old_timestamp":
        assert int(headers["WM_SEC.TIMESTAMP"]) == int(seller.clock()) - 7200
    if size:
        assert len(body) == pytest.approx(size, abs=50)


async def test_a_thousand_events_with_every_trap_are_all_accounted_for(open_seller, receiver):
    """The log has each attempt; every valid event was taken, every forgery refused."""
    seller = await open_seller(sandbox={"speed": 3600.0})

    # Once each: whom chance lets fail four times is given up.
    failed = set()

    def judge(number):
        headers, body = receiver.got[number - 1]
        if len(body) > 1_000_000 or "WM_SEC.TIMESTAMP" in headers:
            return 400
        if headers["X-Signature"] != signature(body).hexdigest():
            return 401
        if number % 10 == 0 and body not in failed:
            failed.add(body)
            return 500
        return 204

    receiver.status = judge
    await subscribe(seller, receiver)
    for kind, chance in (
        ("duplicate", 0.2),
        ("reorder", 0.3),
        ("bad_signature", 0.05),
        ("old_timestamp", 0.05),
    ):
        await seller.arm(kind=kind, probability=chance)
    await seller.arm(kind="oversized", bytes=2_000_000, remaining=3)

    ids = await emit(seller, count=1000)

    async def quiet():
        # Late ones and retries come due as the clock goes on.
        seller.clock.now += 0.1
        return not (await seller.stats())["webhooks"]["waiting"]

    await wait_until(quiet)
    log = await seller.records("webhooks")

    valid = {record["event_id"] for record in log if record["valid"]}
    taken = {record["event_id"] for record in log if record["accepted"]}
    forged = [record for record in log if not record["valid"]]
    # The market adds events of its own.
    assert set(ids) <= valid == taken
    assert len(ids) == 1000 < len(log)
    assert len(forged) > 50
    assert not any(record["accepted"] for record in forged)


async def test_an_ended_subscription_gets_nothing_more(open_seller, receiver):
    """Events that still wait for it are forgotten."""
    seller = await open_seller()
    [made] = await subscribe(seller, receiver)
    await seller.arm(kind="reorder", seconds=86_400)
    await emit(seller, count=10)

    await seller.call("DELETE", f"{SUBSCRIPTIONS}/{made['subscriptionId']}")

    assert (await seller.stats())["webhooks"]["waiting"] == 0
