"""How a worker ends when going on could lose data: at once, with nothing acknowledged."""

from __future__ import annotations

import logging
import os
import time
from typing import NoReturn

# EX_SOFTWARE of sysexits.h: the supervisor starts the worker again.
EXIT_CODE = 70

# EX_CONFIG of sysexits.h: starting it again cannot help until somebody has changed something.
REFUSED_EXIT_CODE = 78

logger = logging.getLogger(__name__)


def end_process(reason: str) -> NoReturn:
    """End this process, skipping every clean-up that could commit an offset."""
    logger.critical("this worker ends: %s", reason, exc_info=True)
    logging.shutdown()
    os._exit(EXIT_CODE)


def refuse(reason: str, how: str = "ends, and starting it again cannot help") -> NoReturn:
    """End this process until somebody has changed something; *reason* says what."""
    logger.critical("this worker %s: %s", how, reason)
    logging.shutdown()
    os._exit(REFUSED_EXIT_CODE)


class Pulse:
    """Notices that this process stood still for so long that others took over its partitions.

    A worker that wakes up from a longer stop (SIGSTOP, a suspended machine) must not send:
    its successor has gone on from where it was.
    """

    def __init__(self, longest: float) -> None:
        #: Seconds.
        self.longest = longest
        self._last = time.monotonic()

    def beat(self) -> None:
        """Called often by the event loop."""
        self.check()
        self._last = time.monotonic()

    def check(self) -> None:
        """End the process if the last beat is longer ago than the session lasts."""
        pause = time.monotonic() - self._last
        if pause > self.longest:
            end_process(f"it stood still for {pause:.1f} s, longer than its session")
