"""Callers that mean harm: what they send is refused, what they do not send is not waited for."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import socket
import time
from collections.abc import Iterator

import pytest

from tests.hang import DEADLINE
from tests.web.served import Served, answer, until_closed
from walmart_stream.web.limits import Limits

TOKEN = "the-right-token-of-this-site"
HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BODY = b'{"item_id":"42"}'
CHUNK = b"10\r\n" + BODY + b"\r\n"
LAST = b"0\r\n\r\n"
# What follows a request on its connection; it is done if the two are not seen apart as they should.
SMUGGLED = (
    b"POST /api/watchlist HTTP/1.1\r\n" + HOST + JSON + b"Content-Length: 17\r\n\r\n"
    b'{"item_id":"666"}'
)
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")


def get(path: bytes, headers: bytes = HOST, version: bytes = b"HTTP/1.1") -> bytes:
    return b"GET " + path + b" " + version + b"\r\n" + headers + b"\r\n"


def post(headers: bytes, body: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /api/watchlist " + version + b"\r\n" + HOST + JSON + headers + b"\r\n" + body


def length(number: int) -> bytes:
    return b"Content-Length: %d\r\n" % number


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """With the limits that a worker has."""
    with Served(tmp_path_factory.mktemp("served"), Limits()) as one:
        yield one


@pytest.fixture(scope="module")
def guarded(tmp_path_factory) -> Iterator[Served]:
    """With a token."""
    with Served(tmp_path_factory.mktemp("guarded"), Limits(), web_token=TOKEN) as one:
        yield one


@pytest.fixture(scope="module")
def impatient(tmp_path_factory) -> Iterator[Served]:
    """With no patience, so that nobody waits for it to be lost."""
    limits = Limits(patience=0.6, idle=1.0, lingering=0.3)
    with Served(tmp_path_factory.mktemp("impatient"), limits) as one:
        yield one


@pytest.fixture(autouse=True)
def _quiet(caplog) -> Iterator[None]:
    """A refusal is worth a line of the log at most, without a traceback or what was sent."""
    with caplog.at_level(logging.INFO):
        yield
    lines = [record for record in caplog.records if record.levelno >= logging.INFO]
    assert len(lines) <= 1, caplog.text
    assert not any(record.exc_info for record in lines)
    assert "666" not in caplog.text


NOT_ONE_REQUEST = {
    "a length and chunks": post(length(6) + CHUNKED, LAST),
    "chunks and a length": post(CHUNKED + length(6), LAST),
    "two lengths": post(length(16) + length(17), BODY),
    "a length twice": post(length(16) + length(16), BODY),
    "a list of lengths": post(b"Content-Length: 16, 16\r\n", BODY),
    "a length with a sign": post(b"Content-Length: +16\r\n", BODY),
    "a negative length": post(b"Content-Length: -1\r\n", BODY),
    "a hexadecimal length": post(b"Content-Length: 0x10\r\n", BODY),
    "an endless length": post(b"Content-Length: 99999999999999999999999999\r\n", BODY),
    "an empty length": post(b"Content-Length:\r\n", BODY),
    "space before the colon": post(b"Content-Length : 16\r\n", BODY),
    "another coding": post(b"Transfer-Encoding: gzip\r\n", CHUNK + LAST),
    "chunked and another": post(b"Transfer-Encoding: chunked, identity\r\n", CHUNK + LAST),
    "another and chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNK + LAST),
    "chunked twice": post(CHUNKED + CHUNKED, CHUNK + LAST),
    "chunked twice in one": post(b"Transfer-Encoding: chunked, chunked\r\n", CHUNK + LAST),
    "nearly chunked": post(b"Transfer-Encoding: xchunked\r\n", CHUNK + LAST),
    "chunked after a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNK + LAST),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"\r\n', CHUNK + LAST),
    "chunked on a folded line": post(b"Transfer-Encoding:\r\n chunked\r\n", CHUNK + LAST),
    "chunks in HTTP/1.0": post(CHUNKED, CHUNK + LAST, b"HTTP/1.0"),
    "a chunk of no size": post(CHUNKED, b"xyz\r\n" + BODY + b"\r\n" + LAST),
    "a chunk with a prefix": post(CHUNKED, b"0x10\r\n" + BODY + b"\r\n" + LAST),
    "a negative chunk": post(CHUNKED, b"-10\r\n" + BODY + b"\r\n" + LAST),
    "a chunk beyond 64 bits": post(CHUNKED, b"F" * 17 + b"\r\n" + BODY + b"\r\n" + LAST),
    "a chunk longer than it says": post(CHUNKED, b"10\r\n" + BODY + b"XX\r\n" + LAST),
    "chunks with bare line feeds": post(CHUNKED, b"10\n" + BODY + b"\n0\n\n"),
    "a bare line feed ends a chunk's extension": post(CHUNKED, b"10;\n" + BODY + b"\r\n" + LAST),
    "a folded header": get(b"/api/stats", HOST + b"X-A: b\r\n c\r\n"),
    "a bare line feed": get(b"/api/stats", b"Host: localhost\nX-A: b\r\n"),
    "only bare line feeds": b"GET /api/stats HTTP/1.1\nHost: localhost\n\n",
    "a bare carriage return": get(b"/api/stats", b"Host: localhost\rX-A: b\r\n"),
    "NUL in a header": get(b"/api/stats", HOST + b"X-A: a\0b\r\n"),
    "NUL in a name": get(b"/api/stats", HOST + b"X\0A: b\r\n"),
    "a space in a name": get(b"/api/stats", HOST + b"X A: b\r\n"),
    "a space before a name": get(b"/api/stats", b" X-A: b\r\n" + HOST),
    "no colon": get(b"/api/stats", HOST + b"X-A\r\n"),
    "no name": get(b"/api/stats", HOST + b": b\r\n"),
    "two hosts": get(b"/api/stats", HOST + b"Host: evil.example\r\n"),
    "two hosts, the other first": get(b"/api/stats", b"Host: evil.example\r\n" + HOST),
    "no host": get(b"/api/stats", b""),
    "no host in HTTP/1.0": get(b"/api/stats", b"", b"HTTP/1.0"),
    "a host with a user": get(b"/api/stats", b"Host: evil.example@localhost\r\n"),
    "two hosts in one": get(b"/api/stats", b"Host: localhost, evil.example\r\n"),
    "a host with a path": get(b"/api/stats", b"Host: localhost/evil.example\r\n"),
    "a host whose port is none": get(b"/api/stats", b"Host: localhost:evil\r\n"),
    "half a host": get(b"/api/stats", b"Host: [::1\r\n"),
    "the URL of another host": get(b"http://evil.example/api/stats"),
    "a URL, and another host": get(b"http://localhost/api/stats", b"Host: evil.example\r\n"),
    "a URL of this host": get(b"http://localhost/api/stats"),
    "the URL of an item at another host": get(b"http://evil.example/api/items/42"),
    "a URL that is none": get(b"http://[::1/api/stats"),
    "a URL with a port that is none": get(b"http://localhost:99999/api/stats"),
    "a URL of another kind": get(b"file:///etc/passwd"),
    "a path without its slash": get(b"api/stats"),
    "a space in the path": get(b"/api/ stats"),
    "NUL in the path": get(b"/api/\0stats"),
    "bytes in the path": get(b"/api/\xff\xfestats"),
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "the server itself": b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n",
    "two tokens": get(b"/api/stats", HOST + b"Authorization: a\r\nAuthorization: b\r\n"),
    "two types": post(b"Content-Type: text/csv\r\n" + length(16), BODY),
    "HTTP/0.9": b"GET /api/stats\r\n\r\n",
    "HTTP/1.2": get(b"/api/stats", version=b"HTTP/1.2"),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": get(b"/api/stats", version=b"HTTP/3.0"),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32),
    "another protocol": b"\x00\x00\x00\x23\x00\x12\x00\x03kafka\r\n\r\n",
    "no method": b" /api/stats HTTP/1.1\r\n" + HOST + b"\r\n",
    "a method that is none": b"G@T /api/stats HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long method": b"G" * 9_000 + b" /api/stats HTTP/1.1\r\n" + HOST + b"\r\n",
    "a long path": get(b"/" + b"x" * 9_000),
    "a path up to the root": get(b"/api/items/" + b"../" * 3_000),
    "a long query": get(b"/api/items?cursor=" + b"x" * 9_000),
    "a long header": get(b"/api/stats", HOST + b"X-A: " + b"b" * 9_000 + b"\r\n"),
    "a header with a long name": get(b"/api/stats", HOST + b"X" * 9_000 + b": b\r\n"),
    "many headers": get(b"/api/stats", HOST + b"".join(b"X-%d: b\r\n" % n for n in range(80))),
    "a length behind the body": post(CHUNKED, CHUNK + b"0\r\nContent-Length: 99\r\n\r\n"),
    "many trailers": post(CHUNKED, CHUNK + b"0\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\n"),
}


@pytest.mark.parametrize("sent", NOT_ONE_REQUEST.values(), ids=list(NOT_ONE_REQUEST))
def test_what_can_be_read_in_two_ways_is_not_read(served, sent) -> None:
    """It is answered 400, nothing is done, and what follows on its connection is not looked at."""
    served.live.watchlist.clear()

    with served.connect() as wire:
        with contextlib.suppress(ConnectionError):
            wire.sendall(sent + SMUGGLED)
        got = until_closed(wire)

    assert STATUS.findall(got) in ([b"400"], []), got
    assert b"bad_request" in got or not got
    assert served.live.watchlist == {}
    assert served.is_well()


@pytest.mark.parametrize(
    "body",
    [
        b"xyz\r\n" + BODY,
        b"10\r\n" + BODY + b"XX\r\n" + LAST,
        CHUNK + b"-1\r\n\r\n",
        CHUNK + b"0\r\nX A: b\r\n\r\n",
        CHUNK + b"0\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\n",
        CHUNK + b"1;" + b"x" * 100_000 + b"\r\n",
    ],
    ids=["no size", "too long", "negative", "a bad trailer", "many trailers", "an extension"],
)
def test_a_body_that_goes_wrong_while_it_is_read_is_refused(impatient, body) -> None:
    """The view is at work by then. aiohttp tells it nothing, so that it runs out of patience."""
    impatient.live.watchlist.clear()

    with impatient.connect() as wire:
        wire.sendall(post(CHUNKED + b"Expect: 100-continue\r\n", b""))
        assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        with contextlib.suppress(ConnectionError):
            wire.sendall(body + SMUGGLED)
        got = until_closed(wire)

    assert STATUS.findall(got) in ([b"400"], [b"408"], []), got
    assert impatient.live.watchlist == {}
    assert impatient.is_well()


ODD_BUT_ONE = {
    "chunked in capitals": post(b"Transfer-Encoding: CHUNKED\r\n", CHUNK + LAST),
    "an extension of a chunk": post(CHUNKED, b"10;a=b\r\n" + BODY + b"\r\n" + LAST),
    "a trailer": post(CHUNKED, CHUNK + b"0\r\nX-A: b\r\n\r\n"),
    "a read with a body": get(b"/livez", HOST + length(len(SMUGGLED))) + SMUGGLED,
    "an upgrade": get(b"/livez", HOST + b"Connection: upgrade\r\nUpgrade: websocket\r\n"),
}


@pytest.mark.parametrize("sent", ODD_BUT_ONE.values(), ids=list(ODD_BUT_ONE))
def test_what_is_odd_but_clear_is_one_request(served, sent) -> None:
    """And the next one begins where it should."""
    served.live.watchlist.clear()

    with served.connect() as wire:
        wire.sendall(sent + get(b"/nowhere", HOST + b"Connection: close\r\n"))
        got = until_closed(wire)

    assert STATUS.findall(got) == [b"200", b"404"]
    assert "666" not in served.live.watchlist


@pytest.mark.parametrize(
    "path",
    [
        b"/api/items/../../etc/passwd",
        b"/api/items/%2e%2e/%2e%2e/etc/passwd",
        b"/api/items/..%2f..%2fetc%2fpasswd",
        b"/api/items/%252e%252e%252fetc",
        b"/api/items/..\\..\\etc\\passwd",
        b"/api/items/..%5c..%5cetc",
        b"/api/items/%c0%ae%c0%ae%c0%af",
        b"/api/items/%00",
        b"/api/items/42%00",
        b"/api/items/42%0d%0aX-A:%20b",
        b"/api/items/%ff",
        b"/api/items/%zz",
        b"/api/items/%",
        b"/api/items/%D9%A4%D9%A2",
        b"/api/items/42;x",
        b"/api/items/42/../../stats",
        b"/api/items/{item_id}",
        b"/api/items/" + b"x" * 8_000,
        b"/api/items/" + b"9" * 8_000,
        b"/api/items/" + b"%2e%2e%2f" * 800,
        b"/../../../../etc/passwd",
        b"//etc/passwd",
        b"//evil.example/api/stats",
        b"/./api/stats",
        b"/x/../api/stats",
        b"/api/stats/..",
        b"/static/../../etc/passwd",
        b"/router/offers/42/",
        b"/api/stats?" + b"&".join([b"a=b"] * 1_900),
    ],
    ids=lambda path: path[:40].decode(),
)
def test_paths_lead_nowhere_but_to_the_views(served, path) -> None:
    """Neither out of them nor, by another spelling, to another of them."""
    with served.connect() as wire:
        wire.sendall(get(path, HOST + b"Connection: close\r\n"))
        got = until_closed(wire)

    assert STATUS.findall(got) in ([b"400"], [b"404"])
    assert b"root:" not in got
    assert b"X-A" not in got.partition(b"\r\n\r\n")[0]
    assert served.is_well()


@pytest.mark.parametrize(
    "path",
    [b"/webhooks%2Fwalmart", b"/%6civez/x", b"/x/../livez", b"//livez", b"/.//livez", b"/livez/."],
)
def test_no_spelling_of_an_open_path_opens_another(guarded, path) -> None:
    """Without the token, who asks for anything else is not told whether there is such a thing."""
    with guarded.connect() as wire:
        wire.sendall(get(path, HOST + b"Connection: close\r\n"))
        got = until_closed(wire)

    assert STATUS.findall(got) in ([b"401"], [b"429"])


def test_a_second_token_on_a_request_is_of_no_use(guarded) -> None:
    """A proxy may have looked at the other one."""
    right = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    wrong = b"Authorization: Bearer wrong\r\n"

    for headers in (right + wrong, wrong + right, right + right):
        with guarded.connect() as wire:
            wire.sendall(get(b"/api/stats", HOST + headers))
            assert STATUS.findall(until_closed(wire)) == [b"400"]
    with guarded.connect() as wire:
        wire.sendall(get(b"/api/stats", HOST + right))
        assert answer(wire) == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (length(5_000_000), b"x" * 5_000_000),
        (CHUNKED, (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 80 + LAST),
        (CHUNKED, b"1\r\nx\r\n" * 1_100_000 + LAST),
    ],
    ids=["of a known length", "of chunks", "of very small chunks"],
)
def test_a_large_body_is_refused_and_not_kept(served, headers, body) -> None:
    """As soon as it is known to be large."""
    with served.connect() as wire:
        wire.sendall(post(headers, body))
        assert answer(wire) == 413

    assert served.is_well()


def test_a_large_body_that_is_only_announced_is_refused(served) -> None:
    """Nobody waits for what would be refused anyway."""
    with served.connect() as wire:
        wire.sendall(post(length(5_000_000), b"x" * 1_500_000))

        assert answer(wire) == 413


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b'{"items":' + b"[" * 500_000, b""),
        (b'{"item_id":' * 50_000, b""),
        (b"9" * 900_000, b""),
        (b'{"item_id":"' + b"\\ud800" * 100_000 + b'"}', b""),
        (b"\x1f\x8b\x08" + b"\0" * 1_000, b"Content-Encoding: gzip\r\n"),
        (b"x", b"Content-Encoding: br\r\n"),
        (b"\xff\xfe\0", b""),
    ],
    ids=["arrays", "objects", "a number", "surrogates", "packed", "packed, too", "no text"],
)
def test_a_body_that_is_a_trap_is_refused(served, body, headers) -> None:
    """Nested deeper than a stack, of no encoding, or packed."""
    with served.connect() as wire:
        wire.sendall(post(headers + length(len(body)), body))
        assert answer(wire) in (400, 415)

    assert served.is_well()


def drip(wire: socket.socket, data: bytes) -> bytes:
    """Send *data* byte by byte until the other side closes; what it sent. Fails if it does not."""
    wire.settimeout(0.02)
    got = b""
    end = time.monotonic() + DEADLINE
    sent = 0
    while time.monotonic() < end:
        try:
            if sent < len(data):
                wire.sendall(data[sent : sent + 1])
                sent += 1
            piece = wire.recv(65536)
        except TimeoutError:
            continue
        except ConnectionError:
            return got
        if not piece:
            return got
        got += piece
    raise AssertionError("the connection was not ended")


ENDLESS = b"X-A: " + b"b" * 8_000

TOO_SLOW = {
    "nothing": (b"", b"", []),
    "the first line": (b"", b"GET /" + b"x" * 8_000, []),
    "the headers": (b"GET /api/stats HTTP/1.1\r\n" + HOST, ENDLESS, []),
    "the headers of a second request": (
        get(b"/livez") + b"GET /api/stats HTTP/1.1\r\n" + HOST,
        ENDLESS,
        [b"200"],
    ),
    "nothing after an answer": (get(b"/livez"), b"", [b"200"]),
    "no body": (post(length(16), b""), b"", [b"408"]),
    "the body": (post(length(900_000), b""), b"x" * 9_000, [b"408"]),
    "a chunk": (post(CHUNKED, b"FFFF\r\n"), b"x" * 9_000, [b"408"]),
    "small chunks": (post(CHUNKED, b""), b"1\r\nx\r\n" * 9_000, [b"408"]),
    "the size of a chunk": (post(CHUNKED, b"1;"), b"x" * 9_000, [b"408"]),
    "a body that nobody reads": (
        get(b"/livez", HOST + length(900_000)),
        b"x" * 9_000,
        [b"200"],
    ),
    "a body that is refused": (
        b"PUT /api/stats HTTP/1.1\r\n" + HOST + JSON + length(900_000) + b"\r\n",
        b"x" * 9_000,
        [b"405"],
    ),
}


@pytest.mark.parametrize(("sent", "dripping", "statuses"), TOO_SLOW.values(), ids=list(TOO_SLOW))
def test_who_is_too_slow_is_not_waited_for(impatient, sent, dripping, statuses) -> None:
    """However regularly a byte comes; others are served meanwhile and afterwards."""
    impatient.live.watchlist.clear()
    with impatient.connect() as wire:
        wire.sendall(sent)
        assert impatient.is_well()

        got = drip(wire, dripping)

    assert STATUS.findall(got) == statuses
    assert impatient.live.watchlist == {}
    assert impatient.is_well()


def test_who_does_not_read_is_not_written_to(impatient) -> None:
    """Answers that nobody takes would be kept for ever, and their connection with them."""
    with impatient.connect(receive_buffer=4096) as wire:
        wire.settimeout(0.05)
        end = time.monotonic() + DEADLINE
        request = get(b"/api/openapi.json") * 100
        with contextlib.suppress(ConnectionError):
            while True:
                assert time.monotonic() < end
                with contextlib.suppress(TimeoutError):
                    wire.send(request)

    assert impatient.is_well()


def test_who_reads_slowly_but_steadily_is_served(tmp_path) -> None:
    """Looked at several times on the way: as long as it has the only connection, it is not cut."""
    limits = Limits(patience=3.0, connections=1)
    with Served(tmp_path, limits) as served, served.connect(receive_buffer=4096) as wire:
        wire.sendall(get(b"/api/openapi.json") * 1_000)
        end = time.monotonic() + 3 * limits.patience

        while time.monotonic() < end:
            assert wire.recv(20_000)
            time.sleep(0.05)

        with served.connect() as another:
            assert until_closed(another) == b""


def test_who_goes_away_in_the_middle_leaves_nothing_behind(served) -> None:
    """In a line, a header, a body, or before the answer."""
    served.live.watchlist.clear()
    whole = post(length(len(BODY)), BODY)

    for end in range(0, len(whole) - 1, 7):
        with served.connect() as wire:
            wire.sendall(whole[:end])

    assert served.is_well()
    assert served.live.watchlist == {}


def test_idle_connections_give_way_to_new_ones(tmp_path) -> None:
    """Keeping connections open and asking for nothing shuts nobody out."""
    with Served(tmp_path, Limits(connections=3, per_address=3)) as served:
        with contextlib.ExitStack() as stack:
            wires = [stack.enter_context(served.connect()) for _ in range(30)]
            for wire in wires[-3:]:
                wire.sendall(get(b"/livez"))
                assert answer(wire) == 200
            assert until_closed(wires[0]) == b""

        assert served.is_well()


def test_while_all_connections_are_at_work_probes_are_answered_and_others_refused(tmp_path) -> None:
    """An orchestrator must see that the worker lives, or it ends what only has much to do."""
    with (
        Served(tmp_path, Limits(connections=3, probes=1)) as served,
        contextlib.ExitStack() as stack,
    ):
        wires = [stack.enter_context(served.connect()) for _ in range(3)]
        for wire in wires:
            wire.sendall(post(length(len(BODY)) + b"Expect: 100-continue\r\n", b""))
            assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"

        for _ in range(5):
            with served.connect() as one_more:
                one_more.sendall(get(b"/livez"))
                assert answer(one_more) == 200
            with served.connect() as one_more:
                one_more.sendall(get(b"/api/stats"))
                got = until_closed(one_more)
            assert STATUS.findall(got) == [b"503"]
            assert b"too many connections" in got

        for wire in wires:
            wire.sendall(BODY)
            assert answer(wire) == 200


def test_no_address_takes_more_than_its_share(tmp_path) -> None:
    """Its work under way counts, too: there is room for the others."""
    limits = Limits(connections=10, per_address=2)
    with Served(tmp_path, limits) as served, contextlib.ExitStack() as stack:
        for _ in range(2):
            wire = stack.enter_context(served.connect())
            wire.sendall(post(length(len(BODY)) + b"Expect: 100-continue\r\n", b""))
            assert wire.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"

        refused = stack.enter_context(served.connect())
        refused.sendall(get(b"/api/stats"))
        assert STATUS.findall(until_closed(refused)) == [b"503"]
        neighbour = stack.enter_context(served.connect(source="127.0.0.2"))
        neighbour.sendall(get(b"/api/stats"))
        assert answer(neighbour) == 200


def test_what_a_caller_started_ends_with_the_caller(tmp_path) -> None:
    """Asking and hanging up costs nothing that lasts, however often it is done."""
    with Served(tmp_path, Limits()) as served:
        served.live.pause = asyncio.Event()
        for _ in range(50):
            with served.connect() as wire:
                wire.sendall(get(b"/api/watchlist"))

        end = time.monotonic() + DEADLINE
        while served.live.waiting or served.live.asked < 50:
            assert time.monotonic() < end, (served.live.asked, served.live.waiting)
            time.sleep(0.01)
        assert served.is_well()


def test_only_so_many_views_are_at_work_at_a_time(tmp_path) -> None:
    """The others wait for their turn, or everything else would wait for all of them."""
    limits = Limits()
    with Served(tmp_path, limits) as served, contextlib.ExitStack() as stack:
        served.live.pause = asyncio.Event()
        wires = [stack.enter_context(served.connect()) for _ in range(limits.views + 20)]
        for wire in wires:
            wire.sendall(get(b"/api/watchlist"))
        end = time.monotonic() + DEADLINE
        while served.live.waiting < limits.views:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert served.is_well()

        assert served.live.waiting == limits.views
        served.call(served.live.pause.set)
        assert [answer(wire) for wire in wires] == [200] * len(wires)


KEPT = {
    "not HTTP": b"\x16\x03\x01" * 300_000,
    "a bad line, and more": b"GET /\x00 HTTP/1.1\r\n\r\n" + b"x" * 900_000,
    "an endless line": b"G" * 900_000,
    "nothing": b"",
    "half a request": b"GET /livez HT",
    "a body that does not end": post(length(900_000), b"x" * 800_000),
    "bad chunks": post(CHUNKED, b"xyz" + b"x" * 900_000),
    "chunks that go wrong": post(CHUNKED, b"10000\r\n" + b"x" * 0x10000 + b"\r\nxyz"),
    "too large": post(length(5_000_000), b"x" * 1_500_000),
    "no type": b"POST /api/watchlist HTTP/1.1\r\n"
    + HOST
    + length(800_000)
    + b"\r\n"
    + b"x" * 800_000,
    "a good one": get(b"/livez"),
    "a bad one": get(b"/nowhere"),
}


@pytest.mark.parametrize("ends", ["closes", "waits"])
@pytest.mark.parametrize("sent", KEPT.values(), ids=list(KEPT))
def test_nothing_of_a_request_is_kept_until_the_garbage_collector_comes(
    impatient, sent, ends
) -> None:
    """It has reason to come rarely, and each kept the megabytes that had been received."""

    def send() -> None:
        with impatient.connect() as wire, contextlib.suppress(OSError):
            wire.sendall(sent)
            if ends == "waits":
                until_closed(wire)

    send()
    assert impatient.is_idle()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            send()
        assert impatient.is_idle()
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        kept = sum(
            len(held)
            for found in gc.garbage
            for held in gc.get_referents(found)
            if isinstance(held, bytes | bytearray)
        )
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()

    assert kept < 10_000


def test_a_stop_does_not_wait_for_callers(tmp_path) -> None:
    """Neither for idle ones nor for those that are slow or do not read: its thread ends."""
    states = (b"", get(b"/livez"), b"GET /livez HT", post(length(900_000), b"x"))

    limits = Limits(patience=300, idle=300, shutdown=0.2)
    with contextlib.ExitStack() as callers, Served(tmp_path, limits) as served:
        for sent in states:
            callers.enter_context(served.connect()).sendall(sent)
        deaf = callers.enter_context(served.connect(receive_buffer=4096))
        deaf.sendall(get(b"/api/openapi.json") * 50)
        assert served.is_well()
