"""What the process does with memory that it has freed."""

from __future__ import annotations

import ctypes
import sys

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3

# The most that glibc takes: what a fetch brings, and its copies, are smaller.
LARGEST_KEPT = 32 * 1024 * 1024

# More than what is in flight at a time; so much at most stays with an idle worker.
MOST_KEPT = 512 * 1024 * 1024


def keep_freed_memory() -> bool:
    """Have the C library keep what was freed for what is needed next; whether it does.

    It would give buffers of megabytes back at once, and every fetch would begin with having the
    kernel clear thousands of pages, which can take a third of a worker's time. Does nothing where
    the C library is not glibc.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    # Setting one of them also ends glibc's own adjusting of both.
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT) and mallopt(_M_TRIM_THRESHOLD, MOST_KEPT))
