"""Receivers that mean harm: they get one message at most, and hold neither time nor memory."""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.real.certificates import Authority
from tests.soak.measure import resident
from walmart_stream.notify.channel import NotDelivered, trial
from walmart_stream.notify.people import People
from walmart_stream.notify.webhook import Webhook

MESSAGE = trial("x", datetime(2026, 1, 1, tzinfo=UTC))
MEGABYTE = b"x" * 1_000_000

# More than sockets keep on both sides, and less than would be noticed.
MOST_TAKEN = 30 * len(MEGABYTE)

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """Answers every request with *answer*, and counts."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.port = 0
        self.requests = 0
        #: Whether the last caller had gone before the answer ended.
        self.was_left = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.requests += 1
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.was_left.set()
        finally:
            writer.close()


@asynccontextmanager
async def receiving(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Silence until the caller goes."""
    await reader.read()
    raise ConnectionResetError


async def a_header_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers that go on for ever, a byte at a time."""
    writer.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while not writer.transport.is_closing():
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.01)
    raise ConnectionResetError


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Headers of megabytes."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(MOST_TAKEN // 1000):
        writer.write(b"X-%d: %s\r\n" % (number, b"a" * 1_000))
        await writer.drain()


async def interim_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """100 Continue, again and again."""
    for _ in range(MOST_TAKEN // 25):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 40)
        await writer.drain()


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Something that is not HTTP."""
    writer.write(b"\x00" * 60_000)
    await writer.drain()


def to(receiver: Receiver, scheme: str = "http", timeout: float = 1.0) -> Webhook:
    url = f"{scheme}://localhost:{receiver.port}/x?secret=hidden-value"
    return Webhook(url, lambda: 0.0, private=True, timeout=timeout)


@pytest.mark.parametrize("answer", [nothing, a_header_at_a_time, interim_answers])
async def test_who_does_not_answer_is_left(answer: Answer) -> None:
    """Its channel is told later, and the connection is gone."""
    async with receiving(answer) as receiver:
        hook = to(receiver)
        with pytest.raises(NotDelivered, match="no answer within 1 s"):
            await hook.send(MESSAGE)
        await hook.close()
        async with asyncio.timeout(120):
            await receiver.was_left.wait()

    assert receiver.requests == 1


@pytest.mark.parametrize("answer", [endless_headers, no_http])
async def test_what_is_no_answer_is_not_read_on(answer: Answer) -> None:
    """Nothing of it is in the reason, which the log has."""
    async with receiving(answer) as receiver:
        hook = to(receiver, timeout=120.0)
        with pytest.raises(NotDelivered, match=r"it cannot be reached \(\w+\)$"):
            await hook.send(MESSAGE)
        await hook.close()

    assert receiver.requests == 1


@pytest.mark.parametrize("headers", [b"", b"Content-Encoding: gzip\r\n"])
async def test_of_an_endless_answer_the_status_counts(headers: bytes) -> None:
    """The rest is neither read nor unpacked, and its connection is not used again."""
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n" + headers + b"\r\n")
        while sent < 2 * MOST_TAKEN:
            writer.write(MEGABYTE)
            await writer.drain()
            sent += len(MEGABYTE)

    async with receiving(endless) as receiver:
        hook = to(receiver, timeout=120.0)
        await hook.send(MESSAGE)
        async with asyncio.timeout(120):
            await receiver.was_left.wait()
        await hook.close()

    assert sent < MOST_TAKEN


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_nobody_is_led_on(status: int) -> None:
    """Neither to this machine nor anywhere else, also where private addresses are allowed."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with receiving(accept) as inside:

        async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            location = b"Location: http://127.0.0.1:%d/\r\n" % inside.port
            writer.write(b"HTTP/1.1 %d X\r\n%sContent-Length: 0\r\n\r\n" % (status, location))

        async with receiving(redirect) as receiver:
            hook = to(receiver, timeout=120.0)
            with pytest.raises(NotDelivered, match=f"it answered {status}"):
                await hook.send(MESSAGE)
            await hook.close()

    assert (receiver.requests, inside.requests) == (1, 0)


async def test_who_cannot_show_who_it_is_is_told_nothing(tmp_path: Path) -> None:
    """A certificate of nobody whom the system trusts is refused before anything is sent."""
    certificate, key = Authority(tmp_path, "foreign").issue("receiver", host="localhost")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    async with receiving(nothing, tls) as receiver:
        hook = to(receiver, "https", timeout=120.0)
        with pytest.raises(NotDelivered, match="Certificate") as caught:
            await hook.send(MESSAGE)
        await hook.close()

    assert receiver.requests == 0
    assert "hidden-value" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at as Linux shows it")
async def test_a_service_that_never_ends_its_answer_costs_no_memory_here() -> None:
    """Apprise reads on and on; its process is refused the memory, and the worker has none of it."""

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(MEGABYTE)
            await writer.drain()

    async with receiving(endless) as receiver:
        people = People(f"json://me:hidden-value@127.0.0.1:{receiver.port}/", timeout=120.0)
        before = resident(os.getpid())
        with pytest.raises(NotDelivered, match="the service did not take it") as caught:
            await people.send(MESSAGE)
        await people.close()

    assert resident(os.getpid()) - before < 100_000_000
    assert "hidden-value" not in str(caught.value)


async def test_a_service_that_hangs_is_ended() -> None:
    """Nothing of it is left when its time is over, and the next message is tried."""
    async with receiving(nothing) as receiver:
        people = People(f"json://127.0.0.1:{receiver.port}/", timeout=1.0)
        for _ in range(2):
            with pytest.raises(NotDelivered, match="not done within 1 s"):
                await people.send(MESSAGE)
        await people.close()
