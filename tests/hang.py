"""A limit for every test, so that one that hangs fails, and says where it hangs."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

# Several times what the longest test takes on a busy machine (seconds).
LIMIT = 900.0

Test = Callable[..., Awaitable[None]]


def limited(test: Test, limit: float = LIMIT) -> Test:
    """*test*, which is cancelled after *limit* seconds.

    Before that, it is printed where every task waits: those that a test has started leave no trace
    when they are cancelled.
    """

    @functools.wraps(test)
    async def within_the_limit(*args: Any, **kwargs: Any) -> None:
        telling = asyncio.get_running_loop().call_later(limit, _tell)
        try:
            # A moment later, since both are called by the same clock.
            async with asyncio.timeout(limit + 0.1):
                await test(*args, **kwargs)
        finally:
            telling.cancel()

    return within_the_limit


def _tell() -> None:
    for task in asyncio.all_tasks():
        print(f"{task.get_name()} waits in", *calls(task), sep="\n  ", file=sys.stderr)


def calls(task: asyncio.Task[Any]) -> Iterator[str]:
    """The calls that *task* is in, outermost first, as ``file:line function``.

    What lies behind an asynchronous generator cannot be seen.
    """
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is not None:
            code = frame.f_code
            yield f"{code.co_filename}:{frame.f_lineno} {code.co_qualname}"
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
