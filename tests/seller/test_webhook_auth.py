"""Authentication of webhooks: each way of proof, and refusals before anything is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator

import orjson
import pytest

from tests.web.conftest import NOW, OpenSite, Site, open_site
from walmart_stream.web import outputs
from walmart_stream.web.webhook_auth import basic
from walmart_stream.web.webhooks import LARGEST_BODY

__all__ = ["open_site"]

SECRET = "the shared sécret"
PATH = "/webhooks/walmart"
EVENT = orjson.dumps({"source": {"eventType": "OFFER_PUBLISHED"}, "payload": {"sku": "A"}})
STAMP = int(NOW.timestamp())


def mac(message: bytes, secret: str = SECRET) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def signed(body: bytes, stamp: int, target: str = PATH) -> dict[str, str]:
    """The headers with the signed time."""
    message = f"POST\n{target}\n{stamp}\n{hashlib.sha256(body).hexdigest()}"
    signature = base64.b64encode(mac(message.encode())).decode()
    return {"WM_SEC.TIMESTAMP": str(stamp), "WM_SEC.SIGNATURE": signature}


async def status(site: Site, body: bytes = EVENT, path: str = PATH, **headers: str) -> int:
    """The status that an event is answered with."""
    headers = {"Content-Type": "application/json", **headers}
    async with site.client.post(path, data=body, headers=headers) as response:
        return response.status


GOOD = {
    "BASIC_AUTH": basic("walmart", SECRET),
    "HMAC": mac(EVENT).hex(),
    "OAUTH": f"Bearer {SECRET}",
}


@pytest.mark.parametrize("method", ["BASIC_AUTH", "HMAC", "OAUTH"])
@pytest.mark.parametrize("proof", GOOD)
async def test_only_the_configured_way_counts(open_site: OpenSite, method: str, proof: str) -> None:
    """A proof of another kind is none, though it shows the same secret."""
    site = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_auth=method)

    answered = await status(site, Authorization=GOOD[proof])

    assert answered == (200 if proof == method else 401)
    assert site.live.events == [EVENT] * (proof == method)


@pytest.mark.parametrize(
    "proof", [*GOOD.values(), base64.b64encode(mac(EVENT)).decode(), mac(EVENT).hex().upper()]
)
async def test_by_default_every_way_counts(open_site: OpenSite, proof: str) -> None:
    """A MAC in hex or base64; and none of them asks for WEB_TOKEN."""
    site = await open_site(walmart_webhook_secret=SECRET, web_token="another")

    assert await status(site, Authorization=proof) == 200


@pytest.mark.parametrize(
    "proof",
    [
        "",
        "Basic",
        "Bearer ",
        "Bearer .",
        "Basic é",
        basic("walmart", "wrong"),
        SECRET.encode().hex(),
        mac(EVENT, "wrong").hex(),
        mac(EVENT + b" ").hex(),
        f"Bearer {STAMP + 60}.{mac(b'token ' + str(STAMP + 61).encode()).hex()}",
        f"Bearer {STAMP - 1}.{mac(b'token ' + str(STAMP - 1).encode()).hex()}",
        f"Basic {SECRET}",
    ],
)
async def test_a_wrong_proof_is_refused_without_a_reason(open_site: OpenSite, proof: str) -> None:
    """A guesser learns nothing from the answer."""
    site = await open_site(walmart_webhook_secret=SECRET)

    headers = {"Content-Type": "application/json", "Authorization": proof}
    async with site.client.post(PATH, data=EVENT, headers=headers) as response:
        refused = await response.json()

    assert response.status == 401
    assert refused["error"]["message"] == "the webhook does not prove who sent it"
    assert site.live.events == []


async def test_the_configured_user_and_header_are_those_that_count(open_site: OpenSite) -> None:
    """As they were given to Walmart with the subscription."""
    site = await open_site(
        walmart_webhook_secret=SECRET,
        walmart_webhook_user="shop",
        walmart_webhook_header="X-Shop",
    )

    assert await status(site, **{"X-Shop": basic("shop", SECRET)}) == 200
    assert await status(site, **{"X-Shop": basic("walmart", SECRET)}) == 401
    assert await status(site, Authorization=basic("shop", SECRET)) == 401


async def test_a_signed_time_must_be_near(open_site: OpenSite) -> None:
    """A recorded request is refused after the window, nor with another body or address."""
    site = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_max_age=300)
    proof = {"Authorization": mac(EVENT).hex()}

    for stamp, wanted in ((0, 200), (-299, 200), (299, 200), (-302, 401), (302, 401)):
        assert await status(site, **proof, **signed(EVENT, STAMP + stamp)) == wanted
    for headers in (
        signed(EVENT + b" ", STAMP),
        signed(EVENT, STAMP, "/elsewhere"),
        signed(EVENT, STAMP) | {"WM_SEC.TIMESTAMP": str(STAMP + 1)},
        signed(EVENT, STAMP) | {"WM_SEC.TIMESTAMP": "now"},
        {"WM_SEC.TIMESTAMP": str(STAMP)},
        {"WM_SEC.SIGNATURE": "x"},
    ):
        assert await status(site, **proof, **headers) == 401


async def test_a_signed_time_can_be_demanded(open_site: OpenSite) -> None:
    """This is for senders that are known to send it."""
    site = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_signed_time=True)
    proof = {"Authorization": mac(EVENT).hex()}

    assert await status(site, **proof) == 401
    assert await status(site, **proof, **signed(EVENT, STAMP)) == 200


async def test_a_token_is_given_for_the_secret_and_counts(open_site: OpenSite) -> None:
    """Walmart fetches it before it posts with authMethod OAUTH; every worker knows it."""
    first = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_auth="OAUTH")
    second = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_auth="OAUTH")
    form = {"grant_type": "client_credentials"}
    proof = {"Authorization": basic("client", SECRET)}

    async with first.client.post(f"{PATH}/token", data=form, headers=proof) as response:
        token = outputs.Token.model_validate_json(await response.read())

    assert await status(second, Authorization=f"Bearer {token.access_token}") == 200
    assert await status(second, Authorization=f"Bearer {token.access_token}0") == 401
    wrong = {"Authorization": basic("client", "wrong")}
    async with first.client.post(f"{PATH}/token", data=form, headers=wrong) as response:
        assert response.status == 401


async def test_without_a_secret_there_are_no_webhooks(open_site: OpenSite) -> None:
    """Nothing is taken that nobody can vouch for."""
    site = await open_site()

    assert await status(site, Authorization="Bearer ") == 404


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 50_000):
        yield b"x" * 50_000


async def test_a_body_beyond_the_limit_is_refused_while_it_is_read(open_site: OpenSite) -> None:
    """By its length, or as soon as more has come than is taken."""
    site = await open_site(walmart_webhook_secret=SECRET)
    proof = {"Authorization": mac(b"x").hex(), "Content-Type": "application/json"}

    assert await status(site, b"x" * (LARGEST_BODY + 1), **proof) == 413
    async with site.client.post(PATH, data=in_pieces(5_000_000), headers=proof) as response:
        assert response.status == 413
    largest = EVENT + b" " * (LARGEST_BODY - len(EVENT))
    assert await status(site, largest, Authorization=mac(largest).hex()) == 200
    assert site.live.events == [largest]


async def test_a_compressed_body_is_refused(open_site: OpenSite) -> None:
    """The signature covers the bytes that are sent."""
    site = await open_site(walmart_webhook_secret=SECRET)
    headers = {"Authorization": basic("walmart", SECRET), "Content-Encoding": "deflate"}

    assert await status(site, EVENT, **headers) in (400, 415)
    assert site.live.events == []


async def test_no_acknowledgement_is_no_success(open_site: OpenSite) -> None:
    """Walmart sends it again after anything but a 2xx."""
    site = await open_site(walmart_webhook_secret=SECRET)
    site.live.broken = TimeoutError()

    assert await status(site, Authorization=basic("walmart", SECRET)) == 503


async def test_answers_fit_their_schema(open_site: OpenSite) -> None:
    """The one that is described."""
    site = await open_site(walmart_webhook_secret=SECRET)

    headers = {"Authorization": basic("walmart", SECRET)}
    async with site.client.post(PATH, data=EVENT, headers=headers) as response:
        answer = outputs.Taken.model_validate_json(await response.read())

    assert answer.taken == "observation"


async def test_what_is_signed_for_one_purpose_proves_nothing_for_another(
    open_site: OpenSite,
) -> None:
    """A signer signs bodies: with one of its choice it could make a token, or a signed time."""
    site = await open_site(walmart_webhook_secret=SECRET, walmart_webhook_signed_time=False)
    ends = str(STAMP + 60)
    looks_like_a_token = b"token " + ends.encode()

    for message in (looks_like_a_token, ends.encode()):
        assert await status(site, Authorization=f"Bearer {ends}.{mac(message).hex()}") == 401
    for body in (looks_like_a_token, f"POST\n{PATH}\n{STAMP}\n".encode()):
        assert await status(site, body, Authorization=mac(body).hex()) == 401

    assert site.live.events == []


@pytest.mark.parametrize("name", ["Authorization", "WM_SEC.TIMESTAMP", "WM_SEC.SIGNATURE"])
async def test_a_proof_that_is_given_twice_is_refused(open_site: OpenSite, name: str) -> None:
    """Whoever looked at the request before us may have read the other one."""
    site = await open_site(walmart_webhook_secret=SECRET)
    once = {"Authorization": mac(EVENT).hex(), **signed(EVENT, STAMP)}
    headers = [("Content-Type", "application/json"), *once.items()]

    for twice in ([(name, once[name]), *headers], [*headers, (name, "1")]):
        async with site.client.post(PATH, data=EVENT, headers=twice) as response:
            assert response.status in (400, 401)
    async with site.client.post(PATH, data=EVENT, headers=headers) as response:
        assert response.status == 200

    assert site.live.events == [EVENT]
