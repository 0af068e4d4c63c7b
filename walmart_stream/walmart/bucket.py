"""How fast calls may follow each other: a token bucket that also obeys the server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from walmart_stream.walmart.errors import RateLimited

# What the bucket holds, in seconds of its rate. Walmart's own bucket is taken to hold a second's
# worth; the workers' buckets together must not exceed that, however their bursts coincide.
BURST_SECONDS = 0.2

# How soon a waiting call sees that the rate has changed.
LONGEST_NAP = 1.0

# Nor is there a point in waiting for less: event loops are no finer, and a clock of epoch
# seconds might not move at all.
SHORTEST_NAP = 0.001

# What a token may lack through rounding.
ROUNDING = 1e-9


class RefilledBucket:
    """Tokens that come back at an even *rate* (1/s), and callers that wait for one in turn.

    Starts with *tokens*. *clock* gives seconds and should be monotonic; *sleep* waits for seconds.
    """

    def __init__(
        self,
        rate: float,
        tokens: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._tokens = tokens
        self._at = clock()
        self._paused_until = self._at
        self._turn = asyncio.Lock()

    @property
    def capacity(self) -> float:
        """Calls that may follow each other without a wait."""
        raise NotImplementedError

    def refusal(self, within: float, wait: float) -> RateLimited:
        """The error of a call that may not be made *within* seconds, but in *wait* seconds."""
        raise NotImplementedError

    async def _take(self, within: float) -> None:
        """Waits for a token and takes it; with :attr:`_turn` held.

        Raises:
            RateLimited: none comes within *within* seconds.
        """
        deadline = self._clock() + within
        while (wait := self._wait()) > 0:
            if self._clock() + wait > deadline:
                raise self.refusal(within, wait)
            await self._sleep(min(max(wait, SHORTEST_NAP), LONGEST_NAP))
        self._tokens -= 1

    def _wait(self) -> float:
        self._refill()
        pause = max(0.0, self._paused_until - self._at)
        missing = 1 - self._tokens
        if missing <= ROUNDING:
            return pause
        return max(pause, missing / self._rate) if self._rate > 0 else float("inf")

    def _refill(self) -> None:
        now = self._clock()
        elapsed = max(0.0, now - self._at)
        self._tokens = min(self.capacity, self._tokens + elapsed * self._rate)
        self._at = now


class TokenBucket(RefilledBucket):
    """At most *calls_per_second*, first come first served. Starts empty, as restarts may repeat."""

    def __init__(
        self,
        calls_per_second: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        super().__init__(calls_per_second, 0.0, clock=clock, sleep=sleep)
        self._whole = calls_per_second

    @property
    def capacity(self) -> float:
        """Calls that may follow each other without a wait."""
        return max(1.0, self._rate * BURST_SECONDS)

    def set_rate(self, calls_per_second: float) -> None:
        """Sets the calls a second; 0 stops them."""
        self._refill()
        self._rate = max(0.0, calls_per_second)

    def set_share(self, share: float) -> None:
        """From now on *share* (0 to 1) of the rate given at the start."""
        self.set_rate(self._whole * share)

    def pause(self, seconds: float) -> None:
        """No call for so long: the server said so. A pause under way is never shortened."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)

    async def acquire(self, within: float) -> None:
        """Waits for leave to make one call.

        Raises:
            RateLimited: none comes within *within* seconds; ``retry_after`` says when.
        """
        async with self._turn:
            await self._take(within)

    def refusal(self, within: float, wait: float) -> RateLimited:
        """See :class:`RefilledBucket`."""
        return RateLimited(
            f"no call is allowed within {within:.0f} s: Walmart asked for a pause, "
            "or the rate limit of this worker is too low",
            retry_after=None if wait == float("inf") else wait,
        )
