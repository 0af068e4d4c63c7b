"""Subscriptions are made, listed, tested and ended, and their passwords stay where they are."""

from __future__ import annotations

import pytest

from tests.walmart.seller_server import NOTHING, fault, reply
from walmart_stream.walmart.errors import AccessDenied, BadRequest, NotFound, ServerUnavailable
from walmart_stream.walmart.seller.webhooks import Authentication, EventType

CHANGED = EventType("BUY_BOX_CHANGED", "PRICE")
URL = "https://shop.test/webhooks/walmart"
HMAC = Authentication("HMAC", "hush-hush", header="X-Signature")
SUBSCRIPTION = {
    "eventType": "BUY_BOX_CHANGED",
    "subscriptionId": "5b2f/1",
    "partnerId": "10001",
    "eventVersion": "V1",
    "resourceName": "PRICE",
    "eventUrl": URL,
    "authDetails": {"authMethod": "HMAC", "clientSecret": "hush-hush"},
    "status": "ACTIVE",
}


@pytest.mark.parametrize(
    ("authentication", "details"),
    [
        (
            HMAC,
            {"authMethod": "HMAC", "authHeaderName": "X-Signature", "clientSecret": "hush-hush"},
        ),
        (
            Authentication("BASIC_AUTH", "pw", user="me"),
            {
                "authMethod": "BASIC_AUTH",
                "authHeaderName": "Authorization",
                "userName": "me",
                "password": "pw",
            },
        ),
        (
            Authentication("OAUTH", "pw", user="me", url="https://shop.test/token"),
            {
                "authMethod": "OAUTH",
                "authHeaderName": "Authorization",
                "clientId": "me",
                "clientSecret": "pw",
                "authUrl": "https://shop.test/token",
            },
        ),
    ],
)
async def test_a_subscription_is_made(open_seller, authentication, details):
    """With what the chosen way of authentication needs."""
    client, server = await open_seller(lambda asked: reply({"events": [SUBSCRIPTION]}))

    made = await client.webhooks.create(CHANGED, URL, authentication)

    assert (made.subscription_id, made.status) == ("5b2f/1", "ACTIVE")
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v3/webhooks/subscriptions")
    (event,) = asked.document["events"]
    assert event == {
        "eventType": "BUY_BOX_CHANGED",
        "eventVersion": "V1",
        "resourceName": "PRICE",
        "eventUrl": URL,
        "authDetails": details,
        "headers": {"content-type": "application/json"},
        "status": "ACTIVE",
    }


@pytest.mark.parametrize(
    ("url", "authentication"),
    [
        ("http://shop.test/", HMAC),
        (URL, Authentication("BASIC_AUTH", "pw")),
        (URL, Authentication("OAUTH", "pw", user="me")),
        (URL, Authentication("HMAC", "")),
    ],
)
async def test_what_cannot_work_is_not_sent(open_seller, url, authentication):
    """No password travels to an address without TLS."""
    client, server = await open_seller(lambda asked: reply({}))

    with pytest.raises(ValueError, match=r"https|needs"):
        await client.webhooks.create(CHANGED, url, authentication)

    assert server.asked == []


async def test_a_subscription_is_not_made_twice(open_seller):
    """Everything would come twice then."""
    client, server = await open_seller(lambda asked: reply(b"", 504))

    with pytest.raises(ServerUnavailable):
        await client.webhooks.create(CHANGED, URL, HMAC)

    assert len(server.asked) == 1


async def test_subscriptions_are_listed_without_their_passwords(open_seller):
    """Walmart sends them back in plain text."""
    for document in ({"events": [SUBSCRIPTION, {}]}, {"subscriptions": SUBSCRIPTION}):
        client, _ = await open_seller(lambda asked, document=document: reply(document))

        (found,) = await client.webhooks.all()

        assert (found.subscription_id, found.event, found.url) == ("5b2f/1", CHANGED.event, URL)
        assert "hush" not in repr(found)


async def test_no_subscriptions_are_none(open_seller):
    """But a seller who is not let in is told so."""
    client, _ = await open_seller(lambda asked: fault(404, *NOTHING))
    stranger, _ = await open_seller(lambda asked: fault(404, "URI_NOT_FOUND"))

    assert await client.webhooks.all() == ()
    with pytest.raises(NotFound):
        await stranger.webhooks.all()


async def test_a_subscription_is_ended(open_seller):
    """Also where it has ended already, or nothing is said to it."""
    replies = [
        reply({"subscriptionId": "5b2f/1", "message": "Successfully deleted subscription"}),
        reply(b"", 204),
        fault(404, *NOTHING),
    ]
    client, server = await open_seller(lambda asked: replies.pop())

    for _ in range(3):
        await client.webhooks.delete("5b2f/1")

    assert {asked.method for asked in server.asked} == {"DELETE"}
    assert {asked.path for asked in server.asked} == {"/v3/webhooks/subscriptions/5b2f%2F1"}


async def test_a_test_says_what_walmart_found(open_seller):
    """Or why it failed."""
    replies = [
        fault(400, "INVALID_REQUEST_CONTENT", "eventUrl answered 500"),
        reply({"message": "Eventurl successfully validated"}),
    ]
    client, _ = await open_seller(lambda asked: replies.pop())

    assert await client.webhooks.test(CHANGED, URL, HMAC) == "Eventurl successfully validated"
    with pytest.raises(BadRequest, match="answered 500"):
        await client.webhooks.test(CHANGED, URL, HMAC)


async def test_event_types_are_read(open_seller):
    """Entries without a name are left out."""
    known = {"resourceName": "PRICE", "eventType": "BUY_BOX_CHANGED", "eventVersion": "V1"}
    client, _ = await open_seller(lambda asked: reply({"events": [known, {"eventType": "X"}]}))

    assert await client.webhooks.event_types() == (CHANGED,)


async def test_a_password_is_not_repeated_in_a_message(open_seller):
    """Nor shown by anything that shows values."""
    client, _ = await open_seller(lambda asked: fault(403, "FORBIDDEN", asked.body.decode()))

    with pytest.raises(AccessDenied) as caught:
        await client.webhooks.create(CHANGED, URL, HMAC)

    assert "hush-hush" not in str(caught.value) + repr(HMAC)
