"""Requests that two programs could read differently: what a proxy checked might not be done.

aiohttp refuses most of them (two lengths, a length and chunks, folded and repeated headers, bare
line ends). These it lets pass.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion10, HttpVersion11, web

from walmart_stream.web.errors import Ambiguous
from walmart_stream.web.guard import OPEN, route_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# A name or an IPv4 address, or an IPv6 address in brackets; and a port.
HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@web.middleware
async def refuse_ambiguous(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The middleware. What is refused ends its connection: nobody knows what follows on it."""
    if request.version not in (HttpVersion10, HttpVersion11):
        raise Ambiguous("HTTP/1.1 is due")
    if not request.raw_path.startswith("/") or not request.raw_path.isascii():
        raise Ambiguous("the target: must be a path; this is not a proxy")
    # Some load balancers probe with HTTP/1.0 and name no host; what is asked of them needs none.
    host = request.headers.get("Host", "")
    if not HOST.fullmatch(host) and (host or route_of(request) not in OPEN):
        raise Ambiguous("Host: a name and a port are due")
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (coding.lower() != "chunked" or request.version != HttpVersion11):
        raise Ambiguous("Transfer-Encoding: chunked is all that is read, in HTTP/1.1")
    if len(request.headers.getall("Authorization", ())) > 1:
        raise Ambiguous("Authorization: given more than once")
    return await handler(request)
