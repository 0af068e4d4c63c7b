"""Requests from worker to worker, and owners that are none, or have turned evil."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from yarl import URL

from tests.real.certificates import Authority
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.windows import Rules
from walmart_stream.web.forward import HOP, LARGEST_ANSWER, NEIGHBOURS, STATUSES

ITEM = b'{"item_id":"42","offers":{}}'
MEGABYTE = 1_000_000


@dataclass
class Listener:
    """Takes connections, keeps what it is asked, and answers with ``answer``."""

    port: int = 0
    scheme: str = "http"
    answer: bytes | Callable[[asyncio.StreamWriter], Awaitable[None]] = b""
    asked: list[bytes] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def headers(self) -> dict[str, str]:
        """Those of the last request, by name in lower case."""
        lines = self.asked[-1].decode().split("\r\n")[1:-2]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if callable(self.answer):
                await self.answer(writer)
            else:
                writer.write(self.answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(tls: ssl.SSLContext | None = None) -> AsyncIterator[Listener]:
    listener = Listener(scheme="http" if tls is None else "https")
    server = await asyncio.start_server(listener.serve, "127.0.0.1", 0, ssl=tls)
    listener.port = server.sockets[0].getsockname()[1]
    try:
        yield listener
    finally:
        server.close()


@pytest.fixture
async def owner() -> AsyncIterator[Listener]:
    """The owner of item 42 by the group's assignment."""
    async with listening() as listener:
        yield listener


@pytest.fixture
async def stranger() -> AsyncIterator[Listener]:
    """A server outside the group, which must never be asked anything."""
    async with listening() as listener:
        yield listener
        assert listener.connections == 0


@pytest.fixture
async def asked(open_site, owner):
    """A worker that has to ask the owner about item 42."""
    site = await open_site()
    site.app.router.urls = {"42": owner.url}
    return site


def answer(
    body: bytes = ITEM,
    status: str = "200 OK",
    *,
    content_type: str = "application/json",
    **more: str,
) -> bytes:
    """An answer of the owner; *more* are headers, with ``_`` for ``-``."""
    headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **more}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {status}\r\n{''.join(lines)}\r\n".encode() + body


async def ask(site, target: bytes, headers: bytes = b"") -> int:
    """The status of the answer to a request that no client would send."""
    address = URL(site.url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    host = address.authority.encode()
    writer.write(b"GET %s HTTP/1.1\r\nHost: %s\r\n" % (target, host))
    writer.write(headers + b"Connection: close\r\n\r\n")
    status = int((await reader.read()).split()[1])
    writer.close()
    return status


def error_of(code: str) -> bytes:
    return b'{"error":{"code":"%s","message":"m"}}' % code.encode()


async def test_only_what_is_needed_goes_along(asked, owner) -> None:
    """Neither cookies nor what the caller says of itself; and the mark that it was passed on."""
    owner.answer = answer()
    sent = {
        "Accept": "application/json",
        "Authorization": "Bearer tökén",
        "X-Request-Id": "r-1",
        "Cookie": "session=1",
        "Forwarded": "for=192.0.2.7;host=evil.example",
        "If-None-Match": "x",
        "Origin": "http://127.0.0.1",
        "Range": "bytes=0-1",
        "Transfer-Encoding": "chunked",
        "X-Forwarded-For": "192.0.2.7",
    }

    await asked.json("/api/items/42", headers=sent)

    assert owner.asked[0].startswith(b"GET /api/items/42 HTTP/1.1\r\n")
    assert owner.headers() == {
        "host": f"127.0.0.1:{owner.port}",
        "accept": "application/json",
        "authorization": "Bearer tökén",
        "x-request-id": "r-1",
        "accept-encoding": "identity",
        HOP.lower(): "1",
    }


async def test_what_is_no_text_does_not_go_along(asked, owner) -> None:
    """It could not be sent, and is no token of anybody's."""
    owner.answer = answer()

    assert await ask(asked, b"/api/items/42", b"Authorization: Bearer \xff\r\n") == 200

    assert "authorization" not in owner.headers()


async def test_head_is_asked_as_get(asked, owner) -> None:
    """And answered without the body."""
    owner.answer = answer()

    async with asked.client.head("/api/items/42") as response:
        assert (response.status, await response.read()) == (200, b"")

    assert owner.asked[0].startswith(b"GET /api/items/42 ")


async def test_an_owners_headers_end_with_it(asked, owner) -> None:
    """The caller gets ours; cookies are not even kept for the next request."""
    evil = {
        "Set_Cookie": "a=b; Domain=127.0.0.1",
        "Location": "http://evil.example/",
        "Access_Control_Allow_Origin": "*",
        "Content_Security_Policy": "default-src *",
        "Server": "evil",
        "Link": "<http://evil.example>",
        "X_Powered_By": "evil",
    }
    owner.answer = answer(**evil)

    for _ in range(2):
        async with asked.client.get("/api/items/42") as response:
            assert await response.read() == ITEM
            headers = response.headers

    assert "cookie" not in owner.headers()
    assert headers["Server"] == "walmart-stream"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert not {"Set-Cookie", "Location", "Link", "X-Powered-By"} & set(headers)
    assert not any(name.startswith("Access-Control") for name in headers)


@pytest.mark.parametrize(
    ("status", "given", "due"),
    [
        ("400 Bad Request", {}, {}),
        (
            "401 Unauthorized",
            {"WWW_Authenticate": 'Basic realm="x"'},
            {"WWW-Authenticate": "Bearer"},
        ),
        ("403 Forbidden", {}, {}),
        ("404 Not Found", {"Retry_After": "5"}, {"Retry-After": None}),
        ("429 Too Many Requests", {"Retry_After": "7"}, {"Retry-After": "7"}),
        ("429 Too Many Requests", {"Retry_After": "²"}, {"Retry-After": "1"}),
        ("500 Internal Server Error", {}, {}),
        ("503 Service Unavailable", {"Retry_After": "x" * 99}, {"Retry-After": "1"}),
    ],
)
async def test_an_owners_refusal_is_passed(asked, owner, status, given, due) -> None:
    """With the headers that belong to it, in our words."""
    owner.answer = answer(error_of("c"), status, **given)

    async with asked.client.get("/api/items/42") as response:
        assert response.status == int(status[:3])
        assert await response.json() == {"error": {"code": "c", "message": "m"}}
        assert {name: response.headers.get(name) for name in due} == due


async def test_a_token_that_the_owner_does_not_take_is_refused_by_it(open_site) -> None:
    """The worker that is asked first does not answer for the others' tokens."""
    token = {"Authorization": "Bearer token-of-the-first-one"}
    first = await open_site(web_token="token-of-the-first-one")
    second = await open_site(web_token="token-of-the-second-one")
    first.app.router.urls = {"42": second.url}
    offers = {"featured": Offer(1999, 0, None, True, "Walmart.com")}
    entry = Entry(Observation("42", 0, "affiliate", None, offers), Source("raw", 0, 0))
    second.live.states["42"] = apply({}, [entry], Rules(1, 1)).states["42"]

    async with first.client.get("/api/items/42", headers=token) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "unauthorized"


async def _endless_hints(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()


async def _dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def _silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


BOMB = gzip.compress(b" " * (20 * MEGABYTE))


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer(content_type="text/html"), id="a page"),
        pytest.param(answer(b"<h1>x</h1>"), id="a page that says it is JSON"),
        pytest.param(answer(b"[]"), id="a list"),
        pytest.param(answer(b"NaN"), id="no JSON"),
        pytest.param(answer(b""), id="nothing"),
        pytest.param(answer(error_of("c")), id="an error that says it is none"),
        pytest.param(answer(status="404 Not Found"), id="an error without a message"),
        pytest.param(answer(status="204 No Content"), id="204"),
        pytest.param(answer(status="206 Partial Content"), id="206"),
        pytest.param(answer(error_of("c"), "418 I'm a teapot"), id="418"),
        pytest.param(answer(error_of("c"), "502 Bad Gateway"), id="502 of a proxy"),
        pytest.param(answer(BOMB, Content_Encoding="gzip"), id="a bomb"),
        pytest.param(answer()[:-5], id="cut"),
        pytest.param(answer().replace(b"Content-Length", b"X")[:-5], id="cut without a length"),
        pytest.param(
            answer().replace(b"Content-Length: 28", b"Transfer-Encoding: chunked"), id="no chunks"
        ),
        pytest.param(answer(X="y" * 100_000), id="a long header"),
        pytest.param(answer(**{f"X{number}": "" for number in range(10_000)}), id="many headers"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", id="101"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"", id="closed"),
    ],
)
async def test_what_is_no_answer_of_ours_is_503(asked, owner, given) -> None:
    """In our form, with our headers, and nothing of it in ours."""
    owner.answer = given

    await unanswered(asked)


@pytest.mark.parametrize("hang", [_silent, _dripping, _endless_hints])
async def test_an_owner_that_never_ends_is_503(open_site, owner, hang) -> None:
    """However busy it looks."""
    site = await open_site(forward_timeout=0.3)
    site.app.router.urls = {"42": owner.url}
    owner.answer = hang

    await unanswered(site)


@pytest.mark.parametrize("length", [b"", b"Content-Length: 100000000\r\n"])
async def test_an_answer_of_100_mb_is_not_read(asked, owner, length) -> None:
    """Not to its end, and it is not kept; whether it says how long it is or not."""
    written = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + length + b"\r\n"
        writer.write(head)
        for _ in range(100):
            writer.write(b" " * MEGABYTE)
            await writer.drain()
            written += MEGABYTE

    owner.answer = endless

    assert "too large" in await unanswered(asked)
    # What the buffers of both ends hold comes on top.
    assert written < 4 * LARGEST_ANSWER


async def unanswered(site) -> str:
    """The message of the refusal that must come of asking for item 42."""
    async with site.client.get("/api/items/42") as response:
        assert response.status == 503
        assert response.headers["Retry-After"] == "1"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert not {"X", "Upgrade", "Content-Encoding"} & set(response.headers)
        error = (await response.json())["error"]
    assert error["code"] == "not_ready"
    assert error["message"].startswith("the item's worker did not answer")
    assert "127.0.0.1" not in error["message"]
    return error["message"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_lead_nowhere(asked, owner, stranger, status) -> None:
    """The token would go along."""
    owner.answer = answer(b"{}", f"{status} Moved", Location=f"{stranger.url}/api/items/42")

    await unanswered(asked)

    assert len(owner.asked) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "127.0.0.1:{port}"},
        {"X-Forwarded-For": "127.0.0.1:{port}", "X-Forwarded-Proto": "ftp"},
        {"X-Forwarded-Server": "127.0.0.1:{port}", "X-Real-IP": "127.0.0.1:{port}"},
        {"Forwarded": "host=127.0.0.1:{port};proto=http"},
        {"X-Original-URL": "http://127.0.0.1:{port}/"},
        {"X-Rewrite-URL": "http://127.0.0.1:{port}/"},
        {"X-HTTP-Method-Override": "DELETE"},
        {"Host": "127.0.0.1:{port}"},
        {"Referer": "http://127.0.0.1:{port}/"},
    ],
    ids=str,
)
async def test_headers_do_not_steer(asked, owner, stranger, headers) -> None:
    """The owner is asked, under its own name and for the same thing."""
    owner.answer = answer()
    given = {name: value.format(port=stranger.port) for name, value in headers.items()}

    await asked.json("/api/items/42", headers=given)

    assert owner.asked[0].startswith(b"GET /api/items/42 HTTP/1.1\r\n")
    assert owner.headers()["host"] == f"127.0.0.1:{owner.port}"


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:{port}/api/items/42",
        "http://127.0.0.1:{port}@{ours}/api/items/42",
        "http://{ours}@127.0.0.1:{port}/api/items/42",
        "https://{ours}/api/items/42",
        "//127.0.0.1:{port}/api/items/42",
        "/api/items/42#@127.0.0.1:{port}",
        "/api/items/%34%32",
        "/api/./items/42",
        "/x/../api/items/42",
        "/api/items/42/",
        "/api/items/42/../../../admin",
        "/api/items/42/..",
        "/api/items/42%2f..%2f..%2fadmin",
        "/api/items/..%2f42",
        "/api/items/42%00",
        "/api/items/42%23",
        "/api/items/42%3fx=1",
        "/api/items/42?x=1",
        "/api/items/42?",
        "/api/items/42;x=1",
        "/api/items/42%0d%0aHost:%20127.0.0.1:{port}",
        "/api/items/@127.0.0.1:{port}",
        "/api/items/42@127.0.0.1:{port}",
        "/api/items/http:%2f%2f127.0.0.1:{port}%2f",
        "/api/items/http://127.0.0.1:{port}/",
        "/api/items/:{port}",
        "/api/items/42\\@127.0.0.1:{port}",
        "/api/items/\uff14\uff12",
        "/api/items/\u0664\u0662",
        "/api/items/042",
        "/api/items/+42",
        "/api/items/42.0",
        "42",
        "*",
    ],
)
async def test_targets_do_not_steer(asked, owner, stranger, target) -> None:
    """On the wire as it stands: what is no item's view is refused, or the owner asked for it."""
    owner.answer = answer()
    ours = URL(asked.url).authority
    line = target.format(port=stranger.port, ours=ours)

    status = await ask(asked, line.encode())

    assert status in {200, 400, 404}
    if status == 200:
        assert [one.split(b"\r\n")[0] for one in owner.asked] == [b"GET /api/items/42 HTTP/1.1"]
    else:
        assert owner.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "worker-1",
        "worker-1:6066",
        "http://",
        "ftp://127.0.0.1:{port}",
        "file:///etc/passwd",
        "unix:/run/docker.sock",
        "//127.0.0.1:{port}",
    ],
)
async def test_a_member_without_an_address_is_not_asked(asked, stranger, url) -> None:
    """Members say themselves where they are."""
    asked.app.router.urls = {"42": url.format(port=stranger.port)}

    error = await asked.error("/api/items/42", 503)

    assert error == "not_ready: no worker has the item's partition yet"


async def test_of_a_members_address_only_the_server_counts(asked, owner) -> None:
    """Not what else stands in it: the path is ours, and a password none of the caller's."""
    owner.answer = answer()
    asked.app.router.urls = {"42": f"http://user:pw@127.0.0.1:{owner.port}/admin?x=1#y"}

    await asked.json("/api/items/42")

    assert owner.asked[0].startswith(b"GET /api/items/42 HTTP/1.1\r\n")
    assert "authorization" not in owner.headers()


async def test_a_wrong_request_is_refused_before_anybody_is_asked(asked, owner) -> None:
    """The owner would, too; it is spared."""
    assert (await asked.error("/api/items/42?x=1", 400)).startswith("bad_request: x:")

    assert owner.connections == 0


async def test_an_owner_that_cannot_show_who_it_is_is_told_nothing(asked, tmp_path) -> None:
    """Where members are reached over HTTPS, their certificates are verified."""
    certificate, key = Authority(tmp_path, "foreign").issue("worker", host="localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with listening(tls) as owner:
        owner.answer = answer()
        asked.app.router.urls = {"42": owner.url}

        assert "Certificate" in await unanswered(asked)

    assert owner.asked == []


async def test_proxies_of_the_environment_are_not_used(asked, owner, stranger, monkeypatch) -> None:
    """They are for the way out; a worker's token is not."""
    owner.answer = answer()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, stranger.url)

    await asked.json("/api/items/42")

    assert owner.connections == 1


async def test_connections_to_others_end_with_the_server(open_site) -> None:
    """Faust cleans up twice."""
    site = await open_site()
    web_app = site.app.web.web_app
    session = web_app[NEIGHBOURS]

    await site.client.close()
    await web_app.cleanup()

    assert session.closed


async def test_the_statuses_that_are_passed_are_those_that_are_described(site) -> None:
    """Whoever answers."""
    document = await site.json("/api/openapi.json")

    described = document["paths"]["/api/items/{item_id}"]["get"]["responses"]
    # What was known at a time, which alone can be gone, is not asked of the owner.
    assert {int(status) for status in described} - {410} == STATUSES
