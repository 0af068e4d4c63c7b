"""Threads for work of several commands to the database.

Motor takes each command to a thread and back, which costs as much as the rest of a small write.
Such work goes to a thread once instead, with pymongo's client, which motor wraps (``delegate``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVarTuple

Args = TypeVarTuple("Args")

# As many as motor has on two cores: more than ever work at once, unless the database hangs.
_MOST = 10
_THREADS = ThreadPoolExecutor(_MOST, "storage")
# Apart, or all threads could wait for work that has none.
_BESIDE = ThreadPoolExecutor(_MOST, "storage-beside")


async def in_thread(work: Callable[[*Args], None], *args: *Args) -> None:
    """Have *work* done in a thread; if this is cancelled meanwhile, that goes on to its end."""
    await asyncio.get_running_loop().run_in_executor(_THREADS, work, *args)


def beside(work: Callable[[*Args], object], *args: *Args) -> Future[object]:
    """Have *work*, which begins nothing beside it, done at the same time as the caller's."""
    return _BESIDE.submit(work, *args)
