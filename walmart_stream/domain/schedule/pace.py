"""How fast calls may be spent: a pace, and a small burst for what comes after a quiet time."""

from __future__ import annotations

# What may be spent at once after a quiet time, as a share of the day's calls: ten minutes' worth.
# A new watchlist is seen soon, and a backlog cannot eat a noticeable part of the day.
BURST_OF_DAY = 1 / 144

# Of the smallest quotas: a call for twenty new items, and those that find a bad one among them.
SMALLEST_BURST = 4.0

# What a call may lack through rounding.
ROUNDING = 1e-9


def burst_of(calls_per_day: float) -> float:
    """Calls that may be made at once, of all workers together."""
    return max(SMALLEST_BURST, calls_per_day * BURST_OF_DAY)


class Allowance:
    """Calls that have become due at a pace, up to a burst. Times are epoch ms.

    What was overspent is paid back before anything is allowed again.
    """

    def __init__(self, tokens: float, now: int) -> None:
        self.tokens = tokens
        self._at = now

    @property
    def calls(self) -> int:
        """Calls that are allowed now."""
        return max(0, int(self.tokens + ROUNDING))

    def grow(self, now: int, calls_per_second: float, burst: float) -> None:
        """Time has come to *now* at a pace of *calls_per_second*."""
        # A clock that is set back must not stop the pace until it is where it was.
        elapsed = max(0, now - self._at) / 1000
        self._at = now
        self.tokens = min(burst, self.tokens + elapsed * calls_per_second)

    def spend(self, calls: float) -> None:
        """*calls* were made."""
        self.tokens -= calls

    def wait(self, calls_per_second: float) -> float:
        """Seconds until a call is allowed."""
        if self.calls:
            return 0.0
        return (1 - self.tokens) / calls_per_second if calls_per_second > 0 else float("inf")
