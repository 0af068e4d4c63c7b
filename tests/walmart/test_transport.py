"""The aiohttp transport against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.hang import DEADLINE
from walmart_stream.walmart.errors import (
    ConnectionLost,
    MalformedResponse,
    NoAnswer,
    RequestTimeout,
    UntrustedServer,
)
from walmart_stream.walmart.transport import AiohttpTransport

BODY = b'{"items":[' + b",".join(b'{"itemId":%d}' % n for n in range(1, 500)) + b"]}"
GZIP = {"Content-Encoding": "gzip"}


@pytest.fixture
async def transport():
    transport = AiohttpTransport()
    yield transport
    await transport.close()


async def get(transport, url, *, params=None, headers=None, timeout=DEADLINE):
    return await transport.request(
        "GET", url, params=params, headers=headers or {}, timeout=timeout
    )


def replies(body=b"", status=200, headers=None):
    async def handle(request):
        return web.Response(body=body, status=status, headers=headers)

    return handle


async def test_the_whole_response_comes_back(transport, serve_once):
    """Status, body, and headers that are found in any case; error statuses are no exception."""
    url = await serve_once(replies(b"page", 503, {"Retry-After": "7"}))

    response = await get(transport, url)

    assert (response.status, response.body) == (503, b"page")
    assert response.headers["retry-after"] == "7"


async def test_query_and_headers_are_sent(transport, serve_once):
    """As handed in; ids stay one comma-separated value."""
    got = {}

    async def handle(request):
        got.update(request.query)
        got["signed"] = request.headers["WM_CONSUMER.ID"]
        return web.Response()

    await get(
        transport,
        await serve_once(handle),
        params={"ids": "1,2", "query": "a&b c"},
        headers={"WM_CONSUMER.ID": "me"},
    )

    assert got == {"ids": "1,2", "query": "a&b c", "signed": "me"}


@pytest.mark.parametrize("headers", [GZIP, {}], ids=["declared", "undeclared"])
async def test_gzip_is_unpacked(transport, serve_once, headers):
    """Also where the header that says so is missing."""
    url = await serve_once(replies(gzip.compress(BODY), headers=headers))

    assert (await get(transport, url)).body == BODY


@pytest.mark.parametrize("headers", [GZIP, {}], ids=["declared", "undeclared"])
@pytest.mark.parametrize("between", [b"", b"\0" * 512], ids=["adjacent", "padded"])
async def test_all_members_of_gzip_are_unpacked(transport, serve_once, headers, between):
    """A body may be several members, one after the other, with zero bytes around them."""
    half = len(BODY) // 2
    members = [gzip.compress(BODY[:half]), gzip.compress(BODY[half:]), b""]
    url = await serve_once(replies(between.join(members), headers=headers))

    assert (await get(transport, url)).body == BODY


@pytest.mark.parametrize("headers", [GZIP, {}], ids=["declared", "undeclared"])
async def test_damaged_gzip_is_malformed(transport, serve_once, headers):
    """Bytes overwritten in the middle."""
    packed = bytearray(gzip.compress(BODY))
    packed[30:60] = bytes(30)
    url = await serve_once(replies(bytes(packed), headers=headers))

    with pytest.raises(MalformedResponse):
        await get(transport, url)


async def test_gzip_that_is_none_is_malformed(transport, serve_once):
    """The header says gzip, the body is plain text."""
    url = await serve_once(replies(BODY, headers=GZIP))

    with pytest.raises(MalformedResponse):
        await get(transport, url)


async def raw_server(send):
    """A server that reads one request and then does what *send* does to the connection."""

    async def handle(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await send(writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return server, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def test_a_body_cut_short_is_a_lost_connection(transport):
    """The server promises more than it sends, and hangs up."""

    async def send(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + BODY[:500])
        await writer.drain()

    server, url = await raw_server(send)
    async with server:
        with pytest.raises(ConnectionLost):
            await get(transport, url)


async def test_chunks_that_never_end_are_a_lost_connection(transport):
    """The last chunk is missing."""

    async def send(writer):
        writer.write(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"it\r\n')
        await writer.drain()

    server, url = await raw_server(send)
    async with server:
        with pytest.raises(ConnectionLost):
            await get(transport, url)


async def test_a_reset_is_a_lost_connection(transport):
    """Without a word, after the request."""

    async def send(writer):
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    server, url = await raw_server(send)
    async with server:
        with pytest.raises(ConnectionLost):
            await get(transport, url)


async def test_what_is_not_http_is_malformed(transport):
    """Some other protocol answers on the port."""

    async def send(writer):
        writer.write(b"220 mail.test ESMTP ready\r\n\r\n")
        await writer.drain()

    server, url = await raw_server(send)
    async with server:
        with pytest.raises(MalformedResponse) as caught:
            await get(transport, url, headers={"WM_SEC.AUTH_SIGNATURE": "c2VjcmV0"})

    # aiohttp's own error would have the signed headers with it.
    assert caught.value.__context__ is None


async def test_a_refused_connection_is_lost(transport):
    """Nobody listens there; port 1 is reserved."""
    with pytest.raises(ConnectionLost):
        await get(transport, "http://127.0.0.1:1/")


@pytest.mark.parametrize("url", ["walmart", "http://", "http://127.0.0.1:99999/", "ftp://h/"])
async def test_an_address_that_is_none_is_an_error_of_ours(transport, url):
    """A slip in the settings is explained like everything else, and not tried again."""
    with pytest.raises(NoAnswer) as caught:
        await get(transport, url)

    assert "WALMART_AFFILIATE_URL" in str(caught.value)
    assert not caught.value.retriable


@pytest.mark.parametrize("begun", [False, True])
async def test_a_server_that_hangs_times_out(transport, serve_once, begun):
    """Before the answer or in the middle of it."""
    release = asyncio.Event()

    async def handle(request):
        response = web.StreamResponse()
        if begun:
            await response.prepare(request)
            await response.write(BODY[:100])
        await release.wait()
        return response

    url = await serve_once(handle)

    with pytest.raises(RequestTimeout):
        await get(transport, url, timeout=0.2)
    release.set()


async def test_no_redirect_is_followed(transport, serve_once):
    """The signed headers would go wherever it points."""
    asked = []

    async def elsewhere(request):
        asked.append(request.path)
        return web.Response()

    other = await serve_once(elsewhere)
    url = await serve_once(replies(status=302, headers={"Location": other}))

    response = await get(transport, url)

    assert response.status == 302
    assert asked == []


async def test_no_cookie_is_kept(transport, serve_once):
    """There are no sessions in this API; a cookie could only tie workers together."""
    cookies = []

    async def handle(request):
        cookies.append(dict(request.cookies))
        return web.Response(headers={"Set-Cookie": "a=b"})

    url = await serve_once(handle)

    await get(transport, url)
    await get(transport, url)

    assert cookies == [{}, {}]


@pytest.fixture(scope="session")
def self_signed(tmp_path_factory):
    """A server context with a certificate that nobody has signed."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_an_untrusted_certificate_is_refused(transport, self_signed):
    """No request is sent, and trying again would not help."""
    asked = []

    async def handle(reader, writer):
        asked.append(await reader.read())
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=self_signed)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UntrustedServer) as caught:
            await get(transport, f"https://127.0.0.1:{port}/")

    assert not caught.value.retriable
    assert not any(asked)
