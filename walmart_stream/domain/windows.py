"""Tumbling event-time windows of an offer's landed price.

Times are epoch milliseconds, prices cents. The sums are integers, so that the same observations
give the same window however they were batched.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass

from msgspec import Struct

# How long after a window's end the clock closes it: by then the last answer has been processed.
CLOSE_DELAY_MS = 60_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What the windows depend on: their width, and how long a price counts as known."""

    window_ms: int
    known_ms: int

    @classmethod
    def of(cls, window_size: float, poll_interval_max: float) -> Rules:
        """From settings in seconds: a price is known for at most three poll intervals."""
        return cls(int(window_size * 1000), int(3 * poll_interval_max * 1000))

    def start_of(self, at: int) -> int:
        """Start of the window that *at* falls in; windows are aligned to the epoch."""
        return at - at % self.window_ms


class Window(Struct, array_like=True, gc=False):
    """The accumulators of one offer's current window.

    ``weighted`` is the sum of landed cents times the milliseconds they were known for, and
    ``covered`` the sum of those milliseconds, both up to the last observation. ``emitted`` is the
    number of observations that the last emitted close of this window knew, 0 before any.
    """

    start: int
    observations: int = 0
    changes: int = 0
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    weighted: int = 0
    covered: int = 0
    emitted: int = 0

    def carry(self, landed: int | None, seen_at: int, until: int, rules: Rules) -> None:
        """Count the price *landed*, seen at *seen_at*, up to *until*, within this window."""
        if landed is None:
            return
        # Comparisons instead of min and max: this runs for every offer of every observation.
        begin = end = self.start
        end += rules.window_ms
        if seen_at > begin:
            begin = seen_at
        if until < end:
            end = until
        if seen_at + rules.known_ms < end:
            end = seen_at + rules.known_ms
        if end > begin:
            self.weighted += landed * (end - begin)
            self.covered += end - begin

    def observe(self, landed: int | None, *, is_change: bool) -> None:
        """Count an applied observation of the landed price."""
        self.observations += 1
        if is_change:
            self.changes += 1
        if landed is None:
            return
        self.close = landed
        if self.open is None or self.high is None or self.low is None:
            self.open = self.high = self.low = landed
        elif landed > self.high:
            self.high = landed
        elif landed < self.low:
            self.low = landed

    def is_due(self, now: int, rules: Rules) -> bool:
        """Whether the clock closes this window, and has not yet in its present state."""
        ended = self.start + rules.window_ms + CLOSE_DELAY_MS < now
        return ended and self.emitted < self.observations

    def copy(self) -> Window:
        return copy(self)
