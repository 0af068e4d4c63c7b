"""The seam to HTTP: one request in, one whole response out, or one of our errors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from walmart_stream.walmart.errors import (
    ConnectionLost,
    MalformedResponse,
    NoAnswer,
    RequestTimeout,
    UntrustedServer,
    WalmartError,
)
from walmart_stream.walmart.gzip_members import DamagedGzip, gunzip, most_of

# A page of 1,000 items is some 10 MB. Whatever sends more is not what we asked.
LARGEST_BODY = 64 * 1024 * 1024

# Whoever looks up a name and cannot connect in this time will not get further with more.
CONNECT_TIMEOUT = 10.0

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Response:
    """A response that arrived as a whole. ``headers`` finds names in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """The part of HTTP that the clients need."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str],
        timeout: float,
        body: bytes | None = None,
        url_as_is: bool = False,
    ) -> Response:
        """Sends a request and reads the answer, whatever its status; follows no redirect.

        *url_as_is* sends the URL, which is then encoded already, byte for byte: where ``%40``
        and ``@`` differ, as in signed links and in the cursors that Walmart hands out.

        Raises:
            NoAnswer: no whole answer arrived within *timeout* seconds.
            MalformedResponse: what arrived is not HTTP, or cannot be decompressed.
        """
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...


class AiohttpTransport:
    """HTTP by aiohttp; certificates are verified, cookies ignored, redirects not followed.

    A redirect would carry the signed headers to wherever it points. *setting* is the name of the
    setting with the address, for messages.
    """

    def __init__(self, setting: str = "WALMART_AFFILIATE_URL") -> None:
        self._setting = setting
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str],
        timeout: float,
        body: bytes | None = None,
        url_as_is: bool = False,
    ) -> Response:
        if self._session is None:
            # Sessions belong to the event loop, which need not run yet when we are made.
            # Bodies are decompressed below, in all their members and within bounds.
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            )
        try:
            async with self._session.request(
                method,
                _as_is(url) if url_as_is else url,
                params=params,
                data=body,
                headers={"Accept-Encoding": "gzip", **headers},
                timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_TIMEOUT),
                allow_redirects=False,
            ) as response:
                received = await _read(response)
                return Response(response.status, CIMultiDict(response.headers), received)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            error = _as_ours(exc, timeout, self._setting)
        # Raised out here, so that aiohttp's error, which holds the signed headers, is let go.
        raise error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


def _as_is(url: str) -> URL:
    try:
        return URL(url, encoded=True)
    except ValueError:
        raise aiohttp.InvalidURL(url) from None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise MalformedResponse(
                f"HTTP {response.status} with a body of more than {LARGEST_BODY} bytes",
                status=response.status,
            )
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if body.startswith(_GZIP_MAGIC):
        # Also where Content-Encoding does not say so.
        return await asyncio.to_thread(_gunzip, bytes(body), response.status)
    if body and coding not in ("identity", ""):
        raise MalformedResponse(
            f"HTTP {response.status} with a body that is not {coding[:20]!r} as it claims",
            status=response.status,
        )
    return bytes(body)


def _gunzip(body: bytes, status: int) -> bytes:
    most = most_of(len(body), LARGEST_BODY)
    try:
        plain = gunzip(body, most + 1)
    except DamagedGzip:
        raise MalformedResponse(f"HTTP {status} with a damaged gzip body", status=status) from None
    if len(plain) > most:
        raise MalformedResponse(
            f"HTTP {status} with a body of more than {most} bytes", status=status
        )
    return plain


def _as_ours(exc: Exception, timeout: float, setting: str) -> WalmartError:
    # The texts of aiohttp name host and port; headers and query are left out on purpose.
    if isinstance(exc, TimeoutError):
        return RequestTimeout(f"Walmart has not answered completely within {timeout:.0f} s")
    if isinstance(exc, aiohttp.ClientSSLError | aiohttp.ServerFingerprintMismatch):
        return UntrustedServer(
            f"the server's certificate is not trusted ({type(exc).__name__}): check "
            f"{setting}, the machine's clock and whether a proxy intercepts TLS"
        )
    if isinstance(exc, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return NoAnswer(f"{setting} is not a usable URL")
    if isinstance(exc, aiohttp.ClientResponseError):
        return MalformedResponse(f"the answer is not HTTP as it should be: {exc.message[:100]}")
    return ConnectionLost(f"the connection to Walmart failed: {type(exc).__name__}")
