"""The calls that one endpoint of the seller side still takes: Walmart's own count, followed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from walmart_stream.walmart.bucket import RefilledBucket
from walmart_stream.walmart.errors import RateLimited
from walmart_stream.walmart.seller.throttle import Advice

UNKNOWN = Advice()


class SellerBucket(RefilledBucket):
    """At most *calls* in *seconds*, refilled evenly; first come first served.

    Each answer says how many calls are left, which counts for more than our own sum: other
    processes share the bucket, and only Walmart knows what they have used. It starts
    with one call and takes the rest from its answer. *clock* gives seconds, monotonic ones.
    """

    def __init__(
        self,
        calls: float,
        seconds: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        super().__init__(calls / seconds, 1.0, clock=clock, sleep=sleep)
        self._capacity = max(1.0, float(calls))
        self._calls = 0
        # Calls in flight, each with how many others were in flight at any time with it.
        self._in_flight: dict[int, int] = {}

    @property
    def capacity(self) -> float:
        """Walmart's limit: calls that may follow each other without a wait."""
        return self._capacity

    def refusal(self, within: float, wait: float) -> RateLimited:
        """See :class:`RefilledBucket`."""
        return RateLimited(
            f"no call of this kind is allowed within {within:.0f} s; Walmart's limit "
            f"is {self.capacity:g}, and the next call is due in {wait:.0f} s",
            retry_after=wait,
        )

    async def acquire(self, within: float) -> int:
        """Waits for leave to make one call; the call's number, for ``settle``.

        Raises:
            RateLimited: none comes within *within* seconds; ``retry_after`` says when.
        """
        async with self._turn:
            await self._take(within)
            for call in self._in_flight:
                self._in_flight[call] += 1
            self._calls += 1
            self._in_flight[self._calls] = len(self._in_flight)
            return self._calls

    def settle(self, call: int, advice: Advice = UNKNOWN) -> None:
        """The *call* is over; *advice* is what its answer said, if there was one.

        Requests overtake each other, and so do answers: Walmart may have counted some, all or
        none of the calls that were in flight together with this one. Our own sum is kept as far
        as it lies between the two ends.
        """
        others = self._in_flight.pop(call)
        self._refill()
        # Walmart's bucket was at most full when the call arrived, which was after it was sent.
        self._tokens = min(self._tokens, self.capacity - 1 - len(self._in_flight))
        if advice.left is None:
            return
        left = min(self.capacity, float(advice.left))
        if advice.left == 0 and advice.wait is not None:
            left = 1 - advice.wait * self._rate
        self._tokens = min(max(self._tokens, left - others), left - len(self._in_flight))

    def refuse(self, call: int, wait: float) -> None:
        """The *call* came too early: none for *wait* seconds, then one.

        A pause under way is never shortened.
        """
        del self._in_flight[call]
        self._refill()
        self._tokens = min(self._tokens, 1 - wait * self._rate)
        self._paused_until = max(self._paused_until, self._at + wait)
