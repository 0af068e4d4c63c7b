"""One message to people, in a process of its own: ``python -m walmart_stream.notify.tell``.

Reads a JSON object ``{"url", "title", "body", "seconds", "memory"}`` from standard input. The exit
code is 0 if the service took the message.

Apprise reads whatever a service answers, for as long as it answers, and nothing ends a thread that
does. A process ends after its time, and cannot have more memory than it was given.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from typing import Any


def main() -> int:
    """Tell once; the exit code."""
    asked = json.load(sys.stdin.buffer)
    _bound(asked["seconds"], asked["memory"])
    # Imported late: it knows more than a hundred services, and takes its time.
    import apprise

    service: Any = apprise.Apprise()
    is_known = service.add(asked["url"])
    return 0 if is_known and service.notify(title=asked["title"], body=asked["body"]) else 1


def _bound(seconds: float, memory: int) -> None:
    """The kernel ends this process after *seconds*, and refuses it more *memory* (bytes)."""
    if sys.platform == "win32":
        return
    import resource

    signal.setitimer(signal.ITIMER_REAL, seconds)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Not every system has such a limit, or lets it be set.
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


if __name__ == "__main__":
    sys.exit(main())
