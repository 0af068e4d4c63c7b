"""Trying again: exponential backoff with full jitter, within bounds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from walmart_stream.walmart.errors import WalmartError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryPolicy:
    """How often and how long to try. Times are seconds.

    The n-th wait is drawn evenly from 0 to ``min(longest_delay, first_delay * 2**(n-1))``, which
    keeps clients apart that failed together. Where the error says how long to stay away, that
    long and up to ``first_delay`` more. *random* gives numbers from 0 to 1.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    random: Callable[[], float]
    attempts: int = 4
    first_delay: float = 0.5
    longest_delay: float = 20.0
    longest_total: float = 60.0

    def delay(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after the failure of attempt number *attempt*, from 1."""
        if retry_after is not None:
            return retry_after + self.random() * self.first_delay
        # The exponent is bounded, since a float overflows where the delay has long been capped.
        doubled = self.first_delay * 2.0 ** min(attempt - 1, 60)
        return self.random() * min(self.longest_delay, doubled)

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        again: Callable[[WalmartError], bool] = lambda error: error.retriable,
    ) -> T:
        """The result of the first *call* that succeeds.

        *again* tells of an error whether the call may be repeated after it.

        Raises:
            WalmartError: of the last call, if that must not be repeated, was the last one
                allowed, or would have to be followed by too long a wait.
        """
        until = self.clock() + self.longest_total
        attempt = 1
        while True:
            try:
                return await call()
            except WalmartError as error:
                if not again(error) or attempt >= self.attempts:
                    raise
                delay = self.delay(attempt, error.retry_after)
                if self.clock() + delay > until:
                    raise
            await self.sleep(delay)
            attempt += 1
