"""A worker's own server is the bounded one, and the limits are those that are documented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.hang import DEADLINE
from walmart_stream.app import create_app
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.web.limits import LIMITS
from walmart_stream.web.server import Web

HOST = b"Host: localhost\r\n"


@pytest.fixture
async def port(make_unreachable_settings) -> AsyncIterator[int]:
    """Where the server of a whole worker listens; the rest of the worker is not started."""
    settings = make_unreachable_settings(web_port=free_port(), web_token="x" * 32)
    app = create_app(settings)
    assert isinstance(app.web, Web)
    app.web.init_server()
    await app.web.start_server()
    yield settings.web_port
    await app.web.stop_server()


async def ask(port: int, sent: bytes) -> bytes:
    """All that is answered until the server closes."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(sent)
    async with asyncio.timeout(DEADLINE):
        got = await reader.read()
    writer.close()
    return got


async def test_what_is_not_http_is_refused_in_the_form_of_every_refusal(port) -> None:
    """As JSON, with the headers of every answer, and without what was sent."""
    got = await ask(port, b"GET /<script> HTTP/9.9\r\n\r\n")

    head, _, body = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 400 ")
    assert b"Server: walmart-stream\r\n" in head
    assert b"X-Content-Type-Options: nosniff" in head
    assert body == (
        b'{"error":{"code":"bad_request","message":"this is not read as HTTP (BadStatusLine)"}}'
    )


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        (
            b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * (LIMITS.headers - 2),
            b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: b\r\n" * LIMITS.headers,
        ),
        (
            b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"b" * (LIMITS.line - 20) + b"\r\n",
            b"GET /livez HTTP/1.1\r\n" + HOST + b"X-A: " + b"b" * (LIMITS.line + 1) + b"\r\n",
        ),
    ],
    ids=["headers", "length of a header"],
)
async def test_a_request_has_limits(port, fits, does_not) -> None:
    """A request within them is answered."""
    closing = b"Connection: close\r\n\r\n"

    assert (await ask(port, fits + closing)).startswith(b"HTTP/1.1 200 ")
    assert (await ask(port, does_not + closing)).startswith(b"HTTP/1.0 400 ")


async def test_a_body_has_a_limit(port) -> None:
    """To the byte, with the token."""
    head = (
        b"POST /api/watchlist HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + b"x" * 32 + b"\r\n"
        b"Content-Type: application/json\r\nConnection: close\r\n"
    )

    def of(size: int) -> bytes:
        return head + b"Content-Length: %d\r\n\r\n" % size + b" " * size

    assert (await ask(port, of(LIMITS.body))).startswith(b"HTTP/1.1 400 ")
    assert (await ask(port, of(LIMITS.body + 1))).startswith(b"HTTP/1.1 413 ")


async def test_fausts_own_pages_are_not_served(port) -> None:
    """Neither tables nor the router: not even to who has the token."""
    for path in (b"/table/", b"/table/offers/42/", b"/router/", b"/router/offers/42/", b"/graph"):
        got = await ask(
            port,
            b"GET "
            + path
            + b" HTTP/1.1\r\n"
            + HOST
            + b"Authorization: Bearer "
            + b"x" * 32
            + b"\r\nConnection: close\r\n\r\n",
        )

        assert got.startswith(b"HTTP/1.1 404 "), path
