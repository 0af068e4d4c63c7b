"""Signed webhooks, to public addresses only."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from walmart_stream.notify.channel import Message, NotDelivered
from walmart_stream.notify.webhook import NotPublic, PublicOnly, Webhook, require_public

MESSAGE = Message("a:1:own:5", "title", "text", b'{"id":"a:1:own:5"}')

PRIVATE = """
    127.0.0.1 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1
    255.255.255.255 ::1 :: fe80::1 fe80::1%eth0 fc00::1 ff02::1 ::ffff:10.0.0.1 2002:7f00:1::
    64:ff9b::7f00:1
"""


class Server:
    """Answers with ``status``, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append((request.path_qs, dict(request.headers), await request.read()))
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A receiver on loopback."""
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]  # type: ignore[attr-defined]
    yield found
    await runner.cleanup()


def webhook(url: str, *, private: bool = True) -> Webhook:
    return Webhook(url, lambda: 1_700_000_000.9, private=private)


async def test_a_message_is_signed_and_its_secret_stays_here(server: Server) -> None:
    """Id, time and signature are headers; the secret is taken out of the URL."""
    hook = webhook(f"http://127.0.0.1:{server.port}/x?a=1&secret=s%20t&b=2")  # type: ignore[attr-defined]

    await hook.send(MESSAGE)
    await hook.close()

    [(path, headers, body)] = server.requests
    assert path == "/x?a=1&b=2"
    assert headers["x-walmart-stream-id"] == "a:1:own:5"
    assert headers["x-walmart-stream-timestamp"] == "1700000000"
    want = hmac.new(b"s t", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers["x-walmart-stream-signature"] == want
    assert body == MESSAGE.body


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500, 503])
async def test_any_other_answer_is_not_a_delivery(server: Server, status: int) -> None:
    """Redirects are not followed, and no fault is taken for a delivery."""
    server.status = status
    hook = webhook(f"http://127.0.0.1:{server.port}/x?secret=hidden-value")  # type: ignore[attr-defined]

    with pytest.raises(NotDelivered, match=f"it answered {status}") as caught:
        await hook.send(MESSAGE)
    await hook.close()

    assert len(server.requests) == 1
    assert "hidden-value" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/x?secret=s",
        "https://localhost:{port}/x?secret=s",
        "https://[::1]:{port}/x?secret=s",
        "https://0.0.0.0:{port}/x?secret=s",
        "https://127.1:{port}/x?secret=s",
        "https://2130706433:{port}/x?secret=s",
        "https://[::ffff:127.0.0.1]:{port}/x?secret=s",
        "http://127.0.0.1:{port}/x?secret=s",
    ],
)
async def test_nothing_is_sent_to_this_machine(server: Server, url: str) -> None:
    """However it is written, loopback is refused unless a setting allows it."""
    hook = webhook(url.format(port=server.port), private=False)  # type: ignore[attr-defined]

    with pytest.raises(NotDelivered):
        await hook.send(MESSAGE)
    await hook.close()

    assert server.requests == []


@pytest.mark.parametrize("address", PRIVATE.split())
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    """Neither private networks, nor cloud metadata, nor what embeds their addresses."""
    with pytest.raises(NotPublic):
        require_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_a_public_address_is_taken(address: str) -> None:
    """The others are the internet."""
    require_public(address)


async def test_a_name_that_leads_here_is_refused_when_it_is_looked_up() -> None:
    """The connection's own look-up decides, so that a name cannot change its mind in between."""
    resolver = PublicOnly()

    with pytest.raises(NotPublic):
        await resolver.resolve("localhost", 80)
    await resolver.close()


async def test_a_receiver_that_is_away_is_said_so_without_its_address() -> None:
    """The words for a failure go into logs and documents."""
    hook = webhook("http://127.0.0.1:9/x?secret=hidden-value")

    with pytest.raises(NotDelivered, match="cannot be reached") as caught:
        await hook.send(MESSAGE)
    await hook.close()

    assert "127.0.0.1" not in str(caught.value)
