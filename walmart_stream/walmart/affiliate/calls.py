"""One call to the affiliate side: within the limits, signed, and made again where that helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from walmart_stream.walmart.affiliate.budget import DailyBudget
from walmart_stream.walmart.affiliate.signing import Signer
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.clock_offset import WalmartClock
from walmart_stream.walmart.error_response import read_document
from walmart_stream.walmart.errors import RateLimited, TimestampExpired, WalmartError
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.transport import Transport

T = TypeVar("T")

# From a JSON document, the request's id and when it had arrived (epoch seconds).
Reader = Callable[[Any, str, float], T]

CORRELATION_ID = "WM_QOS.CORRELATION_ID"

# Walmart documents no Retry-After for its 429; crawlers in the field begin with this.
PAUSE_WITHOUT_ADVICE = 5.0


class SignedCalls:
    """GET requests that share a signer and the limits.

    *clock* gives epoch seconds; a :class:`WalmartClock` is taught by every answer.
    """

    def __init__(
        self,
        transport: Transport,
        signer: Signer,
        *,
        bucket: TokenBucket,
        budget: DailyBudget | None,
        retry: RetryPolicy,
        clock: Callable[[], float],
        new_request_id: Callable[[], str],
        timeout: float,
    ) -> None:
        self._transport = transport
        self._signer = signer
        self._bucket = bucket
        self._budget = budget
        self._retry = retry
        self._clock = WalmartClock.of(clock)
        self._new_request_id = new_request_id
        self._timeout = timeout

    def set_limits(self, calls_per_second: float, calls_left: int) -> None:
        """Sets the calls a second, and the calls in all until it is set again."""
        self._bucket.set_rate(calls_per_second)
        now = self._clock()
        if self._budget is None:
            self._budget = DailyBudget(0, now=now)
        self._budget.set_left(calls_left, now)

    @property
    def clock_offset(self) -> float:
        """Seconds that Walmart's clock was ahead in the last answers; 0 before there was one."""
        return self._clock.offset

    async def get(
        self,
        url: str,
        params: Mapping[str, str] | None,
        read: Reader[T],
        on_call: Callable[[], None] = lambda: None,
    ) -> T:
        """The result of *read* on the answer; calls *on_call* before each request is sent.

        Raises:
            WalmartError: no attempt succeeded, or a limit allows no call soon enough.
        """

        async def attempt() -> T:
            try:
                return await self._call(url, params, read, on_call)
            except TimestampExpired:
                # The answer's Date has given the offset. If that was not it, a person is needed.
                self._signer.renew()
                return await self._call(url, params, read, on_call)

        return await self._retry.run(attempt)

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.close()

    async def _call(
        self,
        url: str,
        params: Mapping[str, str] | None,
        read: Reader[T],
        on_call: Callable[[], None],
    ) -> T:
        await self._admit()
        on_call()
        request_id = self._new_request_id()
        headers = {
            **self._signer.headers(self._clock()),
            CORRELATION_ID: request_id,
            "Accept": "application/json",
        }
        sent = self._clock()
        response = await self._transport.request(
            "GET", url, params=params, headers=headers, timeout=self._timeout
        )
        self._clock.learn(response.headers, sent, self._clock())
        try:
            document = read_document(response.status, response.headers, response.body)
            return read(document, request_id, self._clock())
        except RateLimited as error:
            # Whoever else shares the quota must wait, too.
            pause = error.retry_after
            self._bucket.pause(PAUSE_WITHOUT_ADVICE if pause is None else pause)
            raise
        except WalmartError as error:
            if error.retry_after is not None:
                self._bucket.pause(error.retry_after)
            raise

    async def _admit(self) -> None:
        """Returns when both limits allow a call, which it has then charged.

        Raises:
            LimitReached: not within the time that trying again may take in all.
        """
        # Not by the clock that answers correct: a deadline must not move with it.
        until = self._retry.clock() + self._retry.longest_total
        while True:
            now = self._retry.clock()
            wait = 0.0 if self._budget is None else self._budget.wait(self._clock())
            if self._budget is not None and now + wait > until:
                raise self._budget.exhausted(wait)
            if wait > 0:
                await self._retry.sleep(wait)
                continue
            await self._bucket.acquire(until - now)
            # Another call may have taken the budget's last one in the meantime.
            if self._budget is None or self._budget.take(self._clock()):
                return
