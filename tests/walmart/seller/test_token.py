"""One token for all, renewed in time, and its secrets nowhere to be read."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from functools import partial

import pytest

from tests.walmart.prepared import NOON
from tests.walmart.seller_server import CLIENT_ID, CLIENT_SECRET, fault, reply
from walmart_stream.walmart.errors import (
    CredentialsRefused,
    MalformedResponse,
    ServerUnavailable,
    TokenRejected,
)

ITEM = {"ItemResponse": [{"sku": "A"}], "totalItems": 1}
UNAUTHORIZED = partial(fault, 401, "UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized")
INVALID_TOKEN = partial(fault, 400, "INVALID_TOKEN.GMP_GATEWAY_API", "Token expired")


def item(asked):
    return reply(ITEM)


def only(*tokens, refusal=UNAUTHORIZED):
    """Answers calls with these tokens, and no others."""

    def answer(asked):
        return item(asked) if asked.headers["WM_SEC.ACCESS_TOKEN"] in tokens else refusal()

    return answer


async def test_every_call_has_the_headers_that_walmart_needs(open_seller):
    """The token request authenticates by client id and secret, calls by token; ids are fresh."""
    client, server = await open_seller(item)

    await client.items.get("A")
    await client.items.get("A")

    (token,), calls = server.token_requests, server.asked
    basic = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    assert token.method == "POST"
    assert token.headers["Authorization"] == f"Basic {basic}"
    assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert token.body == b"grant_type=client_credentials"
    for asked in (token, *calls):
        assert asked.headers["WM_SVC.NAME"] == "Walmart Marketplace"
        assert asked.headers["Accept"] == "application/json"
    assert [asked.headers["Content-Type"] for asked in calls] == ["application/json"] * 2
    assert [asked.headers["WM_SEC.ACCESS_TOKEN"] for asked in calls] == ["token-1"] * 2
    ids = [asked.headers["WM_QOS.CORRELATION_ID"] for asked in (token, *calls)]
    assert len(set(ids)) == 3


async def test_many_tasks_share_one_fetch(open_seller):
    """Whoever comes while a token is being fetched waits for it."""
    client, server = await open_seller(lambda asked: reply({"quantity": {"amount": 1}}))

    await asyncio.gather(*(client.inventory.get(f"S{n}") for n in range(30)))

    assert len(server.asked) == 30
    assert len(server.token_requests) == 1


@pytest.mark.parametrize(
    ("life", "good", "too_long"), [(900, 839.9, 840.0), ("900", 839.9, 840.0), (20, 17.9, 18.0)]
)
async def test_the_token_is_renewed_before_its_end(open_seller, clock, life, good, too_long):
    """A minute before, or at nine tenths of a shorter life; no call sees the end."""
    client, server = await open_seller(
        item,
        on_token=lambda asked: reply({"access_token": f"t{asked.at:.1f}", "expires_in": life}),
    )

    for later in (0.0, good, too_long):
        clock.now = NOON + later
        await client.items.get("A")

    assert [asked.at for asked in server.token_requests] == [NOON, NOON + too_long]


@pytest.mark.parametrize("refusal", [UNAUTHORIZED, INVALID_TOKEN])
async def test_a_rejected_token_is_renewed_once(open_seller, refusal):
    """Walmart may end a token early; the caller sees nothing of it."""
    client, server = await open_seller(only("token-2", refusal=refusal))

    found = await client.items.get("A")

    assert found.sku == "A"
    assert len(server.asked) == len(server.token_requests) == 2


@pytest.mark.parametrize("refusal", [UNAUTHORIZED, INVALID_TOKEN])
async def test_a_new_token_that_is_rejected_too_is_an_error(open_seller, refusal):
    """Trying on would only make Walmart angry."""
    client, server = await open_seller(only(refusal=refusal))

    with pytest.raises(TokenRejected) as caught:
        await client.items.get("A")

    assert "WALMART_SELLER_URL" in str(caught.value)
    assert len(server.asked) == len(server.token_requests) == 2


async def test_another_400_does_not_renew_the_token(open_seller):
    """It is the request that is wrong."""
    client, server = await open_seller(lambda asked: fault(400, "INVALID_REQUEST_PARAM.GMP", "no"))

    with pytest.raises(Exception, match="INVALID_REQUEST_PARAM"):
        await client.items.get("A")

    assert (len(server.asked), len(server.token_requests)) == (1, 1)


async def test_tasks_with_the_same_rejected_token_fetch_one_new(open_seller):
    """The second to hear of it finds the new token already there."""
    client, server = await open_seller(
        lambda asked: (
            reply({"quantity": {"amount": 1}})
            if asked.headers["WM_SEC.ACCESS_TOKEN"] == "token-2"
            else UNAUTHORIZED()
        )
    )

    await asyncio.gather(*(client.inventory.get(f"S{n}") for n in range(20)))

    assert len(server.token_requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_refused_credentials_are_not_tried_again(open_seller, clock, status):
    """Not by any task, for as long as a good token would have lived."""
    client, server = await open_seller(
        item, on_token=lambda asked: fault(status, "UNAUTHORIZED.GMP_GATEWAY_API", "Unauthorized")
    )

    results = await asyncio.gather(
        *(client.inventory.get(f"S{n}") for n in range(10)), return_exceptions=True
    )
    clock.now += 890
    with pytest.raises(CredentialsRefused) as caught:
        await client.items.get("A")
    asked_until_then = len(server.token_requests)
    clock.now += 20
    with pytest.raises(CredentialsRefused):
        await client.items.get("A")

    assert {type(result) for result in results} == {CredentialsRefused}
    assert "WALMART_CLIENT_SECRET" in str(caught.value)
    assert caught.value.status == status
    assert (asked_until_then, len(server.token_requests)) == (1, 2)
    assert server.asked == []


async def test_the_token_is_of_the_moment_when_the_call_is_sent(open_seller, clock):
    """The wait for the limit may be longer than what is left of its life."""
    client, server = await open_seller(lambda asked: reply({"payload": {}, "quantity": {}}))
    await client.inventory.get("A")
    clock.now += 700

    await asyncio.gather(client.insights.score(), client.insights.score())

    _, early, late = server.asked
    assert late.at - early.at > 300
    assert early.headers["WM_SEC.ACCESS_TOKEN"] == "token-1"
    assert late.headers["WM_SEC.ACCESS_TOKEN"] == "token-2"


async def test_a_failing_token_request_is_made_again(open_seller):
    """Walmart's bad minutes hit this endpoint, too."""
    replies = [reply(b"", 503), fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP", retry_after="7")]
    client, server = await open_seller(
        item, on_token=lambda asked: replies.pop(0) if replies else server.give_token()
    )

    await client.items.get("A")

    assert len(server.token_requests) == 3


@pytest.mark.parametrize(
    "document", [{}, [], {"access_token": ""}, {"access_token": "a\nb"}, {"access_token": 7}, b"<"]
)
async def test_an_answer_without_usable_token_is_malformed(open_seller, document):
    """It is not sent on as a header."""
    client, server = await open_seller(item, on_token=lambda asked: reply(document), attempts=1)

    with pytest.raises(MalformedResponse):
        await client.items.get("A")

    assert server.asked == []


async def test_a_caller_that_gives_up_leaves_the_token_to_the_others(open_seller):
    """The first one started the fetch, and is cancelled in the middle of it."""
    client, server = await open_seller(item)
    first = asyncio.create_task(client.items.get("A"))
    # Until it waits for the token request.
    for _ in range(3):
        await asyncio.sleep(0)
    second = asyncio.create_task(client.inventory.get("B"))
    await asyncio.sleep(0)

    first.cancel()
    await asyncio.wait([first, second])

    assert first.cancelled()
    assert second.exception() is None
    assert len(server.token_requests) == 1


async def test_no_secret_is_in_any_text(open_seller, caplog):
    """Even from a server that repeats all it was sent."""
    caplog.set_level(logging.DEBUG)

    def echo(asked):
        sent = " ".join(f"{name}: {value}" for name, value in asked.headers.items())
        return fault(500, "SYSTEM_ERROR", sent)

    client, _ = await open_seller(echo, attempts=1)
    refusing, _ = await open_seller(
        item,
        on_token=lambda asked: fault(401, "X", f"{asked.headers} {CLIENT_ID} {CLIENT_SECRET}"),
    )

    with pytest.raises(ServerUnavailable) as broken:
        await client.items.get("A")
    with pytest.raises(CredentialsRefused) as refused:
        await refusing.items.get("A")

    basic = b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    texts = [str(broken.value), repr(broken.value), str(refused.value), caplog.text]
    texts += [repr(client), repr(vars(client)), repr(vars(client.items))]
    for secret in (CLIENT_ID, CLIENT_SECRET, basic, "token-1"):
        assert not [text for text in texts if secret in text]
