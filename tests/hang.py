"""A limit for every test, so that one that hangs fails, and says where it hangs."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# Seconds: several times what the longest test takes on a busy machine. `make fuzz` asks for more.
LIMIT = float(os.environ.get("TEST_LIMIT", "900"))
# Seconds after which a test gives up what it waits for. It only ends a hang: more of it costs
# nothing where all is well, less of it fails tests of a machine that is busy.
DEADLINE = 240.0
# Seconds later: a test that blocks its event loop, a test or a fixture without a loop. Repeated,
# since a loop survives what is raised in one of its callbacks.
ALARM, ALARM_AGAIN = LIMIT + 30.0, 10.0

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


@contextmanager
def alarm(limit: float = ALARM) -> Iterator[None]:
    """Fails what runs inside where it stands after *limit* seconds, even in blocking code.

    A worker process is not interrupted by Ctrl-C, so its own clock has to do it.
    """

    def ring(number: int, frame: object) -> None:
        pytest.fail(f"it hangs: {limit:g} s have passed")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, limit, ALARM_AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


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
