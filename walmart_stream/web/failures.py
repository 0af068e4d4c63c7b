"""Counts failed proofs of identity for each address, and slows them.

A right token or signature passes whatever else came from its address: behind one proxy, a colleague
with an old token must not lock everybody out. So this does not bound guesses by refusing to look at
them. It makes each cost a connection, shows them to who watches, and leaves the rest to the length
of the token.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from aiohttp import web

from walmart_stream.metrics import Metrics
from walmart_stream.web.errors import TooManyFailures, Unauthorized

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Middleware = Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]

# A page that asks for several views with a token that was just changed; and a probe without one,
# every few seconds for ever. Both are still told what is wrong.
BURST = 20
PER_MINUTE = 20

# Remembered at once; a hundred bytes or two each.
ADDRESSES = 4096

# Seconds between two lines of the log about an address.
LOG_INTERVAL = 60.0

# What one customer of a provider usually has: who has it has all of its addresses.
IPV6_PREFIX = 64

UNIX_SOCKET = "a Unix socket"


@dataclass(slots=True)
class _Record:
    # When the allowance would be whole again, and when the log last said so; monotonic seconds.
    whole_at: float
    told_at: float = -math.inf
    untold: int = 0


class Failures:
    """The allowance of every address. *monotonic* gives seconds.

    After *burst* failures there are *per_minute* more. The *addresses* that failed last are
    remembered; of others it is as if they never had.
    """

    def __init__(
        self,
        metrics: Metrics,
        monotonic: Callable[[], float],
        *,
        burst: int = BURST,
        per_minute: int = PER_MINUTE,
        addresses: int = ADDRESSES,
    ) -> None:
        self._metrics = metrics
        self._monotonic = monotonic
        self._interval = 60 / per_minute
        self._depth = burst * self._interval
        self._addresses = addresses
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, address: str) -> float:
        """Count a failure; seconds until the next is within the allowance, 0 if this one is."""
        now = self._monotonic()
        record = self._records.setdefault(address, _Record(now))
        self._records.move_to_end(address)
        if len(self._records) > self._addresses:
            self._records.popitem(last=False)
        record.untold += 1
        whole_at = max(now, record.whole_at) + self._interval
        wait = whole_at - now - self._depth
        if wait <= 0:
            record.whole_at = whole_at
            self._metrics.web_failures.labels("told").inc()
            return 0.0
        self._metrics.web_failures.labels("slowed").inc()
        if now - record.told_at >= LOG_INTERVAL:
            logger.warning(
                "%s failed %d times to prove who it is: wrong or missing token or signature",
                address,
                record.untold,
            )
            record.told_at, record.untold = now, 0
        return wait


#: Where the app of the views keeps its :class:`Failures`.
FAILURES = web.AppKey("failures", Failures)


def slow_failures(trust_proxy: bool) -> Middleware:
    """The middleware that counts refused proofs. *trust_proxy*: see :func:`address_of`."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Unauthorized:
            wait = request.app[FAILURES].add(address_of(request, trust_proxy))
            if wait:
                raise TooManyFailures(wait) from None
            raise

    return check


def address_of(request: web.Request, trust_proxy: bool) -> str:
    """The address that a failure counts for: IPv4, or an IPv6 network.

    With *trust_proxy* it is the last entry of ``X-Forwarded-For``: what the proxy itself saw. The
    entries before it are what its caller wrote. What is no address there does not count.
    """
    peer = _group(request.remote or "") or UNIX_SOCKET
    if not trust_proxy:
        return peer
    entries = request.headers.getall("X-Forwarded-For", [])
    last = entries[-1].rpartition(",")[2].strip() if entries else ""
    return _group(last) or _group(_without_port(last)) or peer


def group_of(peer: object) -> str:
    """Owner of a connection: IPv4 address or IPv6 network; *peer* as of ``getpeername``."""
    # The address of a Unix socket is its path.
    return _group(peer[0]) if isinstance(peer, tuple) else UNIX_SOCKET


def _group(text: str) -> str:
    """Nothing for what is no address."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, IPV6_PREFIX), strict=False))


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
