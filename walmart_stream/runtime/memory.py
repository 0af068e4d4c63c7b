"""Memory that the process has freed, and memory that it has yet to find to be free."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# Pools that threads take memory from. glibc has eight for each core, and what a thread has freed
# stays in its own: bodies of a megabyte, checked by one thread after the other, left 14 MB in each.
# Python's threads take turns anyway; the second is for those of libraries.
POOLS = 2

# The most that glibc takes: what a fetch brings, and its copies, are smaller.
LARGEST_KEPT = 32 * 1024 * 1024

# More than what is in flight at a time; so much at most stays with an idle worker.
MOST_KEPT = 512 * 1024 * 1024

# Young objects between two looks for garbage. A batch makes tens of thousands that live until it is
# done, and nearly all die by reference counting: Python's own 700 would cost a quarter of the time.
# Few objects can hold much memory, which is why garbage is looked for by its size, too.
GARBAGE_THRESHOLD = 100_000

# Bytes by which the memory in use grows before garbage is looked for: what circles of references
# may hold, which the number of objects, by which Python goes, says nothing of. Less of it would
# have a worker that restores its tables look more often.
MOST_GARBAGE = 256 * 1024 * 1024

# Seconds between two looks. A worker with a million items takes most of a second for one.
LOOK_INTERVAL = 60.0

# A process that takes less of a core than this for so long (seconds) has settled after rare work.
SETTLED_SHARE, SETTLED_AFTER = 0.5, 10.0


def look_for_garbage_seldom() -> None:
    """Called when everything is imported."""
    # What was imported stays: nobody needs to look at it again.
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 10, 10)


class Garbage:
    """Has garbage looked for when *in_use* has grown by *most* bytes since the last time.

    Memory that is kept for what is needed next holds none: a backlog leaves hundreds of megabytes
    of it, and a look at all the records in flight would take tens of milliseconds.
    """

    def __init__(
        self,
        in_use: Callable[[], int] | None = None,
        collect: Callable[[], object] = gc.collect,
        most: int = MOST_GARBAGE,
    ) -> None:
        self._in_use = in_use or memory_in_use
        self._collect = collect
        self._most = most
        self._before = self._in_use()
        self._looked_at = -LOOK_INTERVAL

    def check(self, now: float) -> None:
        """Called every now and then; *now* is monotonic seconds."""
        if now - self._looked_at < LOOK_INTERVAL:
            return
        if self._in_use() - self._before > self._most:
            self._collect()
            self._before, self._looked_at = self._in_use(), now


def resident_memory() -> int:
    """Bytes of this process that are in memory; 0 where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class _Malloc(ctypes.Structure):
    """The ``struct mallinfo2`` of mallinfo(3)."""

    # Ten numbers; the ninth is of the bytes that are free.
    _fields_ = [
        ("before", 8 * ctypes.c_size_t),
        ("free", ctypes.c_size_t),
        ("after", ctypes.c_size_t),
    ]


def memory_in_use() -> int:
    """Bytes in memory of this process but for those that the C library keeps for later."""
    mallinfo = _mallinfo()
    return resident_memory() - (0 if mallinfo is None else int(mallinfo().free))


@cache
def _mallinfo() -> Any:
    """The function of the C library that says what it keeps; ``None`` if there is none.

    Opened once: each opening of a library leaves a circle of references.
    """
    if sys.platform != "linux":
        return None
    mallinfo = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if mallinfo is not None:
        mallinfo.restype = _Malloc
    return mallinfo


def keep_freed_memory() -> bool:
    """Have the C library keep what was freed for what is needed next; whether it does.

    Called before there are threads.

    It would give buffers of megabytes back at once, and every fetch would begin with having the
    kernel clear thousands of pages, which can take a third of a worker's time. Does nothing where
    the C library is not glibc.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Setting one of the first two also ends glibc's own adjusting of both.
    wanted = {_M_MMAP_THRESHOLD: LARGEST_KEPT, _M_TRIM_THRESHOLD: MOST_KEPT, _M_ARENA_MAX: POOLS}
    return all(mallopt(name, value) for name, value in wanted.items())


def give_back_freed_memory() -> None:
    """Have the C library return to the kernel whole pages of what it keeps for later.

    For the end of rare work that took more than what follows. With a million items in memory it
    takes 12 ms. Until they are used again, :func:`memory_in_use` leaves these pages out twice.
    Does nothing where the C library is not glibc.
    """
    if (trim := _malloc_trim()) is not None:
        trim(0)


def give_back_once_settled(
    call_later: Callable[..., object],
    cpu_seconds: Callable[[], float] = time.process_time,
    give_back: Callable[[], object] = give_back_freed_memory,
) -> None:
    """Give freed memory back, once this process takes less than half a core.

    For the end of restoring tables: the last fetches must be gone, and the items in their order.
    That takes seconds, and most of a minute for a million items on slow cores. Any earlier, as
    little as half would go back. A process that stays busy keeps its memory, which it needs again.

    *call_later* (seconds, function, argument) is the event loop's.
    """

    def look(before: float) -> None:
        now = cpu_seconds()
        if now - before < SETTLED_SHARE * SETTLED_AFTER:
            give_back()
        else:
            call_later(SETTLED_AFTER, look, now)

    call_later(SETTLED_AFTER, look, cpu_seconds())


@cache
def _malloc_trim() -> Any:
    """The function of the C library for that, opened once as above; ``None`` if there is none."""
    return getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
