"""The calls of a UTC day, spread over it. Pure: the caller brings the time (epoch seconds)."""

from __future__ import annotations

from walmart_stream.walmart.errors import DailyBudgetExhausted

SECONDS_PER_DAY = 86_400

# How far use may run ahead of an even spread, as a share of the quota: an hour's worth, so that
# a start or a backlog is not slow, and not so much that a morning eats the day.
AHEAD = 1 / 24


class DailyBudget:
    """At most *quota* calls a UTC day, whatever the clock does.

    *used* calls of today were made before *now* (restored from what was kept of an earlier run).
    What is left is spread evenly over the rest of the day, apart from *ahead* calls that may be
    made early (default: an hour's worth; the whole quota switches the spreading off).
    """

    def __init__(
        self, quota: int, *, now: float, used: int = 0, ahead: float | None = None
    ) -> None:
        self._quota = max(0, quota)
        self._ahead = max(1.0, self._quota * AHEAD) if ahead is None else ahead
        self._day = int(now // SECONDS_PER_DAY)
        self._used = max(0, used)
        self._renews = True
        self._begin(now)

    def usage(self) -> tuple[int, int]:
        """The state to keep for a restart: the day (days since the epoch) and its calls so far."""
        return self._day, self._used

    def left(self, now: float) -> int:
        """Calls that may still be made on the day of *now*."""
        self._turn_page(now)
        return max(0, self._quota - self._used)

    def set_left(self, calls: int, now: float) -> None:
        """Sets the calls that are left, spread by the caller, who shares a quota with others.

        Use counts from 0 again; what was used before is in the caller's figure. Midnight does not
        renew them: the caller knows what the new day has.
        """
        self._renews = False
        self._quota = max(0, calls)
        self._used = 0
        self._ahead = float(self._quota)
        self._begin(now)

    def wait(self, now: float) -> float:
        """Seconds until the next call is allowed; 0 if it is now."""
        self._turn_page(now)
        midnight = (self._day + 1) * SECONDS_PER_DAY
        if self._used >= self._quota:
            return midnight - now if midnight > now else SECONDS_PER_DAY - now % SECONDS_PER_DAY
        due = self._used + 1 - self._base - self._ahead
        if due <= 0:
            return 0.0
        # When the even line from (start, base) to (midnight, quota) gets there.
        pace = (midnight - self._start) / (self._quota - self._base)
        return max(0.0, self._start + due * pace - now)

    def take(self, now: float) -> bool:
        """Charges one call if it is allowed now; whether it was."""
        if self.wait(now) > 0:
            return False
        self._used += 1
        return True

    def exhausted(self, wait: float) -> DailyBudgetExhausted:
        """The error for a call that would have to wait *wait* seconds."""
        return DailyBudgetExhausted(
            f"{self._used} of {self._quota} calls of this UTC day are made, the next is due in "
            f"{wait:.0f} s; raise WALMART_AFFILIATE_DAILY_CALLS if Walmart grants more",
            retry_after=wait,
        )

    def _turn_page(self, now: float) -> None:
        day = int(now // SECONDS_PER_DAY)
        # Only forward: a clock set back over midnight must not grant the day before again.
        if day > self._day and self._renews:
            self._day = day
            self._used = 0
            self._begin(day * SECONDS_PER_DAY)

    def _begin(self, now: float) -> None:
        self._start = max(now, self._day * SECONDS_PER_DAY)
        self._base = self._used
