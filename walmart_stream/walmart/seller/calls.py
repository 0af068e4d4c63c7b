"""One call to the seller side: within the limits, authenticated, made again where that helps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import orjson

from walmart_stream.walmart.clock_offset import WalmartClock
from walmart_stream.walmart.error_bodies import is_html, read_error
from walmart_stream.walmart.error_response import retry_after
from walmart_stream.walmart.errors import (
    Gone,
    MalformedResponse,
    RateLimited,
    ResourceLocked,
    TokenRejected,
    WalmartError,
)
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.seller.error_response import as_error, read_document
from walmart_stream.walmart.seller.limits import Endpoint, SellerLimits
from walmart_stream.walmart.seller.throttle import Advice, read_advice
from walmart_stream.walmart.seller.token import SERVICE_NAME, SellerToken
from walmart_stream.walmart.transport import Response, Transport

T = TypeVar("T")

TOO_MANY = 429

# Where a 429 does not say for how long.
PAUSE_WITHOUT_ADVICE = 60.0

# What is added to a pause by chance, as a share of it, so that workers do not come back at once.
JITTER = 0.1
LONGEST_JITTER = 5.0

# The link to a file expires, and what stores files says so in each of these ways.
_LINK_EXPIRED = (400, 401, 403, 404, 410)


class Reply(NamedTuple):
    """A JSON document, the correlation id that was sent, and when it had arrived (epoch s)."""

    document: Any
    request_id: str
    observed_at: float


class SellerCalls:
    """Requests that share a token and the limits.

    *clock* gives epoch seconds; a :class:`WalmartClock` is taught by every answer.
    *base_url* without a trailing slash; *timeout* is seconds for one request. Files are downloaded
    from it and from *download_hosts* and the hosts below these.
    """

    def __init__(
        self,
        transport: Transport,
        token: SellerToken,
        *,
        base_url: str,
        limits: SellerLimits,
        retry: RetryPolicy,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        timeout: float,
        download_hosts: Collection[str] = (),
    ) -> None:
        self._transport = transport
        self._download_hosts = download_hosts
        self._token = token
        self._base = base_url
        self._limits = limits
        self._clock = WalmartClock.of(clock)
        self._new_request_id = new_request_id
        self._timeout = timeout
        self.retry = retry

    async def call(
        self,
        endpoint: Endpoint,
        path: str,
        read: Callable[[Reply], T],
        *,
        params: Mapping[str, str] | None = None,
        document: Any = None,
        secrets: Iterable[str] = (),
    ) -> T:
        """The result of *read* on the answer to ``{method} {base}{path}?{params}``.

        *path* is percent-encoded already; *document* is sent as JSON. *secrets* in it never
        come into a message. What is not repeatable is made again only after answers that say
        that nothing was done.

        Raises:
            WalmartError: no attempt succeeded, or a limit allows no call soon enough.
        """
        url = f"{self._base}{path}"
        if params:
            url += f"?{urlencode(params, quote_via=quote)}"
        body = None if document is None else orjson.dumps(document)

        async def attempt() -> T:
            answer = await self._send(endpoint, url, body)
            response = answer.response
            hidden = (*self._token.secrets(), answer.token, *secrets)
            try:
                found = read_document(
                    response.status, response.headers, response.body, secrets=hidden
                )
            except RateLimited as error:
                error.retry_after = answer.pause
                raise
            return read(Reply(found, answer.request_id, answer.received))

        def again(error: WalmartError) -> bool:
            if endpoint.repeatable:
                return error.retriable
            return isinstance(error, RateLimited | ResourceLocked)

        if not endpoint.repeatable:
            # Getting the token may be repeated anyway.
            await self.retry.run(self._token.get)
        return await self.retry.run(attempt, again=again)

    async def download(self, url: str) -> bytes:
        """The file behind a signed *url*, which needs no token and must not get one.

        Raises:
            Gone: the link has expired.
            WalmartError: the download failed.
        """
        self._check_target(url)

        async def attempt() -> bytes:
            response = await self._transport.request(
                "GET", url, headers={"Accept": "*/*"}, timeout=self._timeout, url_as_is=True
            )
            if response.status in _LINK_EXPIRED:
                raise as_error(response.status, response.headers, read_error(b""), kind=Gone)
            if not 200 <= response.status < 300:
                raise as_error(response.status, response.headers, read_error(response.body), [url])
            if is_html(response.body):
                raise MalformedResponse("a web page came in place of the file")
            return response.body

        return await self.retry.run(attempt)

    def _check_target(self, url: str) -> None:
        """Raises MalformedResponse where a link leads to a host that has no files of Walmart's."""
        if url.startswith(f"{self._base}/"):
            return
        try:
            target = urlsplit(url)
            host, port = target.hostname or "", target.port
        except ValueError:
            raise MalformedResponse("the link to the file is not a URL") from None
        if target.scheme != "https" or port not in (None, 443) or "@" in target.netloc:
            raise MalformedResponse("the link to the file is not one of https")
        if not any(host == name or host.endswith(f".{name}") for name in self._download_hosts):
            raise MalformedResponse(
                f"the link to the file leads to {host[:100]!r}: not a host that "
                "WALMART_DOWNLOAD_HOSTS names"
            )

    async def close(self) -> None:
        """Closes the connections."""
        await self._token.close()
        await self._transport.close()

    async def _send(self, endpoint: Endpoint, url: str, body: bytes | None) -> _Answer:
        answer = await self._send_once(endpoint, url, body)
        if _rejects_token(answer.response):
            # Once: a second new token would not be better than the first.
            self._token.discard(answer.token)
            answer = await self._send_once(endpoint, url, body)
        return answer

    async def _send_once(self, endpoint: Endpoint, url: str, body: bytes | None) -> _Answer:
        bucket = self._limits.bucket(endpoint)
        call = await bucket.acquire(self.retry.longest_total)
        try:
            # After the wait, which may be longer than a token lives.
            token = await self._token.get()
            request_id = self._new_request_id()
            sent = self._clock()
            response = await self._transport.request(
                endpoint.method,
                url,
                headers={
                    "WM_SEC.ACCESS_TOKEN": token,
                    "WM_QOS.CORRELATION_ID": request_id,
                    "WM_SVC.NAME": SERVICE_NAME,
                    "Accept": "application/json",
                    # Also without a body: some endpoints answer 415 otherwise.
                    "Content-Type": "application/json",
                },
                body=body,
                timeout=self._timeout,
                url_as_is=True,
            )
        except BaseException:
            bucket.settle(call)
            raise
        self._clock.learn(response.headers, sent, self._clock())
        received = self._clock()
        advice = read_advice(response.headers, received)
        pause = None
        if response.status == TOO_MANY:
            pause = self._pause(response, advice)
            bucket.refuse(call, pause)
        else:
            bucket.settle(call, advice)
        return _Answer(response, token, request_id, received, pause)

    def _pause(self, response: Response, advice: Advice) -> float:
        wait = retry_after(response.headers)
        if wait is None:
            wait = PAUSE_WITHOUT_ADVICE if advice.wait is None else advice.wait
        return wait + self.retry.random() * min(wait * JITTER, LONGEST_JITTER)


class _Answer(NamedTuple):
    """A response, what it was asked with, when it had arrived, and the pause that it demands."""

    response: Response
    token: str
    request_id: str
    received: float
    pause: float | None


def _rejects_token(response: Response) -> bool:
    if response.status not in (400, 401):
        return False
    error = as_error(response.status, response.headers, read_error(response.body))
    return isinstance(error, TokenRejected)
