"""Signed webhooks: POSTs that their receiver can check, to public addresses only.

Where a name leads is looked up by the connection itself, so that it cannot lead elsewhere between
the check and the call; redirects are not followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from walmart_stream.credentials.channels import SECRET
from walmart_stream.notify.channel import Message, NotDelivered

# Seconds. Receivers answer from memory; one that takes longer is tried again.
TIMEOUT = 10.0

NOT_PUBLIC = "its address is not public; ALERT_PRIVATE_ADDRESSES=true allows that"

ID = "x-walmart-stream-id"
TIMESTAMP = "x-walmart-stream-timestamp"
SIGNATURE = "x-walmart-stream-signature"


class NotPublic(OSError):
    """A host is, or leads to, an address that is not public."""


class PublicOnly(AbstractResolver):
    """Looks names up, and refuses those that lead to any address that is not public."""

    def __init__(self) -> None:
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for one in found:
            require_public(one["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


def require_public(address: str) -> None:
    """Refuse an IP address that is not one of the public internet.

    Raises:
        NotPublic: it is loopback, private, link-local, multicast, reserved or embeds such a one.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if inner is not None:
            ip = inner
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    if not ip.is_global or ip.is_multicast or ip.is_reserved or ip.is_unspecified:
        raise NotPublic("the address is not public")


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Hex HMAC-SHA256 over ``timestamp.body``."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Webhook:
    """A receiver of signed POSTs. *clock* gives epoch seconds.

    *private*: addresses that are not public, and plain HTTP, are allowed.
    """

    def __init__(
        self, url: str, clock: Callable[[], float], *, private: bool, timeout: float = TIMEOUT
    ) -> None:
        whole = URL(url)
        self._secret = dict(parse_qsl(whole.raw_query_string))[SECRET]
        self._url = whole.with_query([pair for pair in whole.query.items() if pair[0] != SECRET])
        self._clock = clock
        self._private = private
        self._timeout = timeout
        self._session: ClientSession | None = None

    async def send(self, message: Message) -> None:
        timestamp = str(int(self._clock()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "walmart-stream",
            ID: message.id.encode("ascii", "backslashreplace").decode(),
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, message.body),
        }
        async with self._explained():
            status = await self._post(message.body, headers)
        if not 200 <= status < 300:
            raise NotDelivered(f"it answered {status}")

    async def reach(self) -> None:
        """Connects to the receiver, with TLS where it is HTTPS, and sends nothing.

        Raises:
            NotDelivered: it cannot be reached; the message has no part of its URL.
        """
        async with self._explained():
            if not self._private:
                self._check()
            host, port = self._url.host or "", self._url.port or 443
            found = await (ThreadedResolver() if self._private else PublicOnly()).resolve(
                host, port
            )
            secure = self._url.scheme == "https"
            _, writer = await asyncio.open_connection(
                found[0]["host"], port, ssl=secure or None, server_hostname=host if secure else None
            )
            writer.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _explained(self) -> AsyncIterator[None]:
        """Ends what is inside after the timeout, and says in words why it failed."""
        try:
            async with asyncio.timeout(self._timeout):
                yield
        except NotPublic:
            raise NotDelivered(NOT_PUBLIC) from None
        except TimeoutError:
            raise NotDelivered(f"no answer within {self._timeout:g} s") from None
        except (ClientError, OSError, ValueError) as exc:
            if _is_not_public(exc):
                raise NotDelivered(NOT_PUBLIC) from None
            raise NotDelivered(f"it cannot be reached ({type(exc).__name__})") from None

    async def _post(self, body: bytes, headers: dict[str, str]) -> int:
        if not self._private:
            self._check()
        async with self._open().post(
            self._url, data=body, headers=headers, allow_redirects=False
        ) as response:
            return response.status

    def _check(self) -> None:
        if self._url.scheme != "https":
            raise NotDelivered("anybody on the network can read alerts over plain HTTP; use https")
        host = self._url.host or ""
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        # Addresses are not looked up.
        require_public(host)

    def _open(self) -> ClientSession:
        if self._session is None or self._session.closed:
            resolver: Any = None if self._private else PublicOnly()
            self._session = ClientSession(
                connector=TCPConnector(resolver=resolver, use_dns_cache=False, limit=4),
                cookie_jar=DummyCookieJar(),
                timeout=ClientTimeout(total=self._timeout),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _is_not_public(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, NotPublic):
            return True
        error = error.__cause__ or getattr(error, "os_error", None) or error.__context__
    return False
