"""The age of the worker's newest data, which shows a standstill that lag and readiness hide."""

from __future__ import annotations

from typing import Any

from walmart_stream.agents.poll import Poller
from walmart_stream.agents.process import Processor
from walmart_stream.metrics import Metrics
from walmart_stream.walmart.clock_offset import WalmartClock

# A due poll that has waited for this multiple of POLL_INTERVAL_MAX, or of an hour where that is
# less, is worth a warning.
LATE_POLL = 3.0
HOUR = 3600.0

NOT_KNOWN = float("nan")


class Health:
    """Ages and warnings of one worker. *longest_interval* is POLL_INTERVAL_MAX (seconds)."""

    def __init__(
        self,
        processor: Processor,
        poller: Poller,
        clock: WalmartClock,
        metrics: Metrics,
        longest_interval: float,
    ) -> None:
        self._processor = processor
        self._poller = poller
        self._clock = clock
        self._metrics = metrics
        self._late = LATE_POLL * min(longest_interval, HOUR)

    def ages(self) -> dict[str, float | None]:
        """Seconds since the newest observation was made that is processed (``None``: there is
        none), since the oldest due poll is due, and how far Walmart's clock is ahead."""
        newest = self._processor.newest
        age = None if newest is None else max(0.0, (self._clock.now_ms() - newest) / 1000)
        return {
            "newest_observation_age_seconds": None if age is None else round(age, 1),
            "oldest_due_poll_seconds": round(self._poller.overdue, 1),
            "clock_offset_seconds": round(self._clock.offset, 1),
        }

    def report(self) -> dict[str, Any]:
        """The ages, and what of them a person should look at; for anyone to see."""
        ages = self.ages()
        warnings = []
        if offset := ages["clock_offset_seconds"]:
            direction = "behind" if offset > 0 else "ahead of"
            warnings.append(
                f"clock: this machine's is {abs(offset):.0f} s {direction} Walmart's, which the "
                "worker goes by; have it set by NTP"
            )
        overdue = ages["oldest_due_poll_seconds"] or 0.0
        if overdue > self._late:
            warnings.append(f"polling: a poll has been due for {overdue:.0f} s")
        return {**ages, "warnings": warnings}

    def measure(self) -> None:
        """Bring the gauges up to date."""
        for name, value in self.ages().items():
            getattr(self._metrics, name).set(NOT_KNOWN if value is None else value)
