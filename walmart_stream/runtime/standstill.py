"""Ends this process when its event loop stands still, although nothing of Python runs any more.

While a call into C holds the interpreter (a pattern that backtracks, say), no thread and no signal
handler of Python runs: neither the watchdog nor SIGTERM has an effect. A timer of the kernel needs
no interpreter.
"""

from __future__ import annotations

import ctypes
import faulthandler
import struct
import sys
from typing import Any

from walmart_stream.runtime.failure import EXIT_CODE

# Of time.h and signal.h on Linux; the structures sigevent and itimerspec.
_CLOCK_MONOTONIC = 1
_SIGEV_THREAD = 2
_SIGEVENT = "PiiP40x"
_ITIMERSPEC = "4l"

# Seconds for writing down where the process stands, before it ends.
TIME_TO_TELL = 1.0


class Standstill:
    """Ends the process *longest* seconds after the last :meth:`put_off`.

    Where each thread stands is written to standard error first. The exit code is
    :data:`~walmart_stream.runtime.failure.EXIT_CODE`; where there are no timers of Linux, it is 1.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._timer = _Timer.make()

    def put_off(self) -> None:
        """Begin the time anew."""
        if self._timer is not None:
            self._timer.set(self._longest + TIME_TO_TELL)
        # By its number: what stands in the place of sys.stderr needs an interpreter.
        faulthandler.dump_traceback_later(self._longest, exit=self._timer is None, file=2)

    def call_off(self) -> None:
        """Nobody will put it off any more, and that is right."""
        faulthandler.cancel_dump_traceback_later()
        if self._timer is not None:
            self._timer.set(0)


class _Timer:
    """A timer of the kernel, at whose end a thread that is not Python's calls ``_exit``."""

    def __init__(self, libc: Any, id: ctypes.c_void_p) -> None:
        self._libc = libc
        self._id = id

    @classmethod
    def make(cls) -> _Timer | None:
        """``None`` where the system has no such timers."""
        if sys.platform != "linux":
            return None
        libc = ctypes.CDLL(None)
        if not hasattr(libc, "timer_create"):  # glibc before 2.34 has it elsewhere
            return None
        function = ctypes.cast(libc._exit, ctypes.c_void_p).value
        event = struct.pack(_SIGEVENT, EXIT_CODE, 0, _SIGEV_THREAD, function)
        id = ctypes.c_void_p()
        made = libc.timer_create(_CLOCK_MONOTONIC, event, ctypes.byref(id))
        return cls(libc, id) if made == 0 else None

    def set(self, seconds: float) -> None:
        """Have it end in *seconds* seconds; 0 stops it."""
        whole, part = divmod(seconds, 1)
        spec = struct.pack(_ITIMERSPEC, 0, 0, int(whole), int(part * 1e9))
        self._libc.timer_settime(self._id, 0, spec, None)
