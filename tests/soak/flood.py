"""Hostile requests of many kinds: ``python -m tests.soak.flood URL TOKEN COUNT [PER_SECOND]``."""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import sys
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

# Callers at a time: more than a worker takes of one address.
CALLERS = 120

# Seconds that a caller waits for an answer, or drips.
PATIENCE = 3.0
DRIP = 0.05

HOST = b"Host: localhost\r\n"
JSON = b"Content-Type: application/json\r\n"


class Kind:
    """Bytes to send, in pieces; *waits* for the end of the connection, or hangs up."""

    def __init__(self, *pieces: bytes, waits: bool = True, pause: float = 0.0) -> None:
        self.pieces = pieces
        self.waits = waits
        self.pause = pause


def get(path: bytes, token: bytes) -> bytes:
    bearer = b"Authorization: Bearer " + token + b"\r\n"
    return b"GET " + path + b" HTTP/1.1\r\n" + HOST + bearer + b"Connection: close\r\n\r\n"


def post(token: bytes, length: int, body: bytes) -> bytes:
    bearer = b"Authorization: Bearer " + token + b"\r\n"
    head = b"POST /api/watchlist HTTP/1.1\r\n" + HOST + JSON + bearer
    return head + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % length + body


def kinds(token: bytes) -> dict[str, tuple[float, Callable[[random.Random], Kind]]]:
    """Each with its share of all requests."""
    many = b'{"items":[' + b"1," * 450_000 + b"1]}"
    return {
        "unparsable": (25, lambda r: Kind(r.randbytes(r.choice((20, 2_000, 60_000))))),
        "unparsable, and more": (
            15,
            lambda r: Kind(b"GET /\x00 HTTP/1.1\r\n\r\n", *[b"x" * 60_000] * r.randrange(4)),
        ),
        "401": (25, lambda r: Kind(get(b"/api/items?limit=%d" % r.randrange(99), b"wrong"))),
        "aborted line": (5, lambda r: Kind(b"GET /livez HT", waits=False)),
        "aborted body": (5, lambda r: Kind(post(token, 900_000, b"x" * 100_000), waits=False)),
        "aborted view": (10, lambda r: Kind(get(b"/api/watchlist", token), waits=False)),
        "aborted forward": (5, lambda r: Kind(get(b"/api/items/12345678", token), waits=False)),
        "bad page": (5, lambda r: Kind(get(b"/api/items?cursor=" + b"x" * 3_000, token))),
        "slow": (4, lambda r: Kind(*[b"G"] * 40, pause=DRIP, waits=False)),
        "oversized": (0.7, lambda r: Kind(post(token, 5_000_000, b"x" * 1_200_000))),
        "half a million entries": (0.3, lambda r: Kind(post(token, len(many), many))),
    }


async def flood(
    url: str, token: str, count: int, per_second: float = math.inf, seed: int = 1
) -> Counter[str]:
    """Send *count* requests, at most *per_second*; how many there were of each kind."""
    chance = random.Random(seed)
    made = kinds(token.encode())
    names, shares = list(made), [share for share, _ in made.values()]
    left = iter(enumerate(chance.choices(names, shares, k=count)))
    clock = asyncio.get_running_loop().time
    began = clock()
    address = urlsplit(url)
    done: Counter[str] = Counter()

    async def caller() -> None:
        for number, name in left:
            await asyncio.sleep(began + number / per_second - clock())
            kind = made[name][1](chance)
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await send(address.hostname or "", address.port or 80, kind)
            done[name] += 1

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return done


async def send(host: str, port: int, kind: Kind) -> None:
    """One caller's connection, from its beginning to its end."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        for piece in kind.pieces:
            writer.write(piece)
            await writer.drain()
            if kind.pause:
                await asyncio.sleep(kind.pause)
        while kind.waits and await reader.read(65_536):
            pass
    finally:
        writer.transport.abort()


def main() -> None:
    url, token, count, *rate = sys.argv[1:]
    sent_of = asyncio.run(flood(url, token, int(count), *map(float, rate)))
    for name, sent in sorted(sent_of.items()):
        print(f"{sent:8,} {name}")


if __name__ == "__main__":
    main()
