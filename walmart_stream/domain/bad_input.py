"""When most input is bad, something else is wrong: stop rather than drain a topic away."""

from __future__ import annotations

from collections import deque


class BadInputLimit:
    """Looks at the last *window* records; exceeded when more than *ratio* of them were bad.

    The defaults bear a producer that writes thousands of bad records in a row among good ones, and
    stop a worker that was pointed at another program's topic within seconds.
    """

    def __init__(self, window: int = 10_000, ratio: float = 0.9) -> None:
        self._window = window
        self._ratio = ratio
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._bad = 0

    def count(self, records: int, bad: int) -> bool:
        """Count a batch; whether the limit is exceeded with it."""
        self._batches.append((records, bad))
        self._records += records
        self._bad += bad
        while self._records - self._batches[0][0] >= self._window:
            old_records, old_bad = self._batches.popleft()
            self._records -= old_records
            self._bad -= old_bad
        return self._records >= self._window and self._bad > self._ratio * self._records
