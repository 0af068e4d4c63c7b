"""Bounds on what callers of the web views may cost: bytes, seconds, connections and work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from aiohttp import StreamReader, web

from walmart_stream.settings import Settings
from walmart_stream.web.errors import Crowded
from walmart_stream.web.guard import OPEN, route_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes are bytes, times seconds."""

    # A watchlist of tens of thousands of items; Walmart's events are some kilobytes.
    body: int = 1_000_000
    # The request line, and each header: a cursor and a cookie of a proxy are some kilobytes.
    line: int = 8_190
    # A browser sends twenty, and proxies add some.
    headers: int = 64
    # Each may hold the headers and a body in memory, and a file descriptor of those that Kafka and
    # MongoDB are reached by.
    connections: int = 200
    # Of one address (IPv6: one /64): so that none can shut out the others. Twenty browsers behind
    # one router have no more.
    per_address: int = 100
    # Connections beyond these, on which only probes are answered.
    probes: int = 16
    # Views at work at a time; more callers wait for their turn. Fewer than the connections to
    # MongoDB (100), so that the sink always finds one.
    views: int = 32
    # Exports at a time: each may take hours, and a view's place while it does.
    exports: int = 4
    # Partitions of the raw topic being read for a caller at a time, and seconds that one may take:
    # it is work that the processing of new records has to share the process with.
    logs: int = 1
    log: float = 20.0
    # Bodies being checked at a time: one of 1 MB takes some 60 MB and a third of a second.
    bodies: int = 2
    # For the headers of a connection's first request, for a body, and without any progress in
    # what is taken of an answer. A body needs 50 kB/s at most.
    patience: float = 20.0
    # From an answer to the end of the next request's headers. Longer than proxies keep idle
    # connections, which is a minute: they would use one that is just being closed.
    idle: float = 75.0
    # What is still sent is read and forgotten for so long, since a caller who is cut off while it
    # sends does not see the answer.
    lingering: float = 2.0
    # Requests at work when the worker stops.
    shutdown: float = 5.0


LIMITS = Limits()


def limits_of(settings: Settings) -> Limits:
    """A worker's. Behind a proxy all connections have its address, so it has no share."""
    if settings.web_trust_proxy:
        return replace(LIMITS, per_address=LIMITS.connections)
    return LIMITS


@web.middleware
async def only_probes_when_full(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The middleware that answers nothing but probes on connections beyond the limit."""
    if getattr(request.protocol, "only_probes", False) and route_of(request) not in OPEN:
        raise Crowded("too many connections are open; asking again later helps")
    return await handler(request)


def bodies_in_time(patience: float) -> Middleware:
    """The middleware that ends requests whose body has not come within *patience* seconds."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        body = request.content
        if body.is_eof():
            return await handler(request)
        late = _Late()
        timer = asyncio.get_running_loop().call_later(patience, _give_up, body, late)
        try:
            return await handler(request)
        except _Late:
            raise web.HTTPRequestTimeout from None
        finally:
            timer.cancel()

    return check


class _Late(TimeoutError):
    """Raised to the reader of the body. aiohttp, too, does not blame itself for a TimeoutError."""


def _give_up(body: StreamReader, late: _Late) -> None:
    if not body.is_eof():
        body.set_exception(late)
