"""Notices a partition that holds little but bad input, which needs a person."""

from __future__ import annotations

from collections import deque

# More of the last records than this share are bad. Among much bad input, a few good records must
# not hide it; a producer that fails for half of its records is worth going on for the other half.
RATIO = 0.9


class BadInputLimit:
    """Looks at the last *window* records of a partition; exceeded when nearly all were bad.

    With a window of thousands it bears a producer that writes thousands of bad records in a row
    among good ones, and stops at another program's topic within seconds.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self._batches: deque[tuple[int, int]] = deque()
        self._records = 0
        self._bad = 0

    def count(self, records: int, bad: int) -> bool:
        """Count a batch; whether the limit is exceeded with it."""
        self._batches.append((records, bad))
        self._records += records
        self._bad += bad
        while self._records - self._batches[0][0] >= self.window:
            old_records, old_bad = self._batches.popleft()
            self._records -= old_records
            self._bad -= old_bad
        return self._records >= self.window and self._bad > RATIO * self._records
