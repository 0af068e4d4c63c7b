"""Waiting for what Walmart makes in its own time: feeds and reports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from walmart_stream.walmart.errors import NotReady, WalmartError
from walmart_stream.walmart.retry import RetryPolicy

T = TypeVar("T")


async def poll(
    ask: Callable[[], Awaitable[T | None]],
    *,
    what: str,
    every: float,
    within: float,
    retry: RetryPolicy,
) -> T:
    """The first thing that *ask* gives, asked every *every* seconds, within *within*.

    A failure that time can heal is waited out like an answer that says "not yet". *retry* lends
    its clock and its sleep.

    Raises:
        NotReady: *what* is not there in time.
        WalmartError: a failure that waiting does not heal.
    """
    until = retry.clock() + within
    while True:
        trouble: WalmartError | None = None
        try:
            found = await ask()
        except WalmartError as error:
            if not error.retriable:
                raise
            trouble = error
        else:
            if found is not None:
                return found
        if retry.clock() + every > until:
            last = f"; the last attempt failed: {trouble}" if trouble else ""
            raise NotReady(
                f"{what} is not ready after {within:.0f} s; ask for it again later{last}",
                retry_after=every,
            )
        await retry.sleep(every)
