"""Measures a worker from outside: its memory, and the time of a probe."""

from __future__ import annotations

import http.client
import os
import statistics
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit


def resident(pid: int) -> int:
    """Bytes of the process in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def probe(url: str, timeout: float = 5.0) -> float:
    """Seconds that /livez takes on a connection of its own. Raises OSError if it does not come."""
    address = urlsplit(url)
    began = time.monotonic()
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout)
    try:
        connection.request("GET", "/livez")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise OSError(f"/livez answers {answer.status}")
    except http.client.HTTPException as exc:
        raise OSError(f"/livez: {exc!r}") from None
    finally:
        connection.close()
    return time.monotonic() - began


class Probes:
    """Asks /livez again and again while it is entered."""

    def __init__(self, url: str, interval: float = 0.05) -> None:
        self._url = url
        self._interval = interval
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.seconds: list[float] = []
        self.failures = 0

    def __enter__(self) -> Probes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def p99(self) -> float:
        """Seconds."""
        return statistics.quantiles(self.seconds, n=100)[98]

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            try:
                self.seconds.append(probe(self._url))
            except OSError:
                self.failures += 1
