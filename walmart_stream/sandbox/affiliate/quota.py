"""The affiliate quota of one consumer: calls a second and calls a day.

The seconds are a token bucket that holds one second's worth; the day ends at midnight UTC.
"""

from __future__ import annotations

from collections.abc import Callable

SECONDS_A_DAY = 86_400


class Quota:
    """Counts calls against both limits. *clock* gives epoch seconds."""

    def __init__(
        self, calls_per_second: float, calls_per_day: float, clock: Callable[[], float]
    ) -> None:
        self._rate = calls_per_second
        self._burst = max(1.0, calls_per_second)
        self._per_day = calls_per_day
        self._clock = clock
        self._tokens = self._burst
        self._at = clock()
        self._day = self._at // SECONDS_A_DAY
        self.used_today = 0
        self.refused = 0

    def take(self) -> bool:
        """Whether one more call is within the quota; a refused call uses nothing up."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        if now // SECONDS_A_DAY != self._day:
            self._day = now // SECONDS_A_DAY
            self.used_today = 0
        if self._tokens < 1 or self.used_today >= self._per_day:
            self.refused += 1
            return False
        self._tokens -= 1
        self.used_today += 1
        return True
