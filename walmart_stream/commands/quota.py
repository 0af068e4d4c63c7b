"""``walmart-stream quota``: how often items can be seen with the calls that Walmart grants."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

from walmart_stream.settings import Settings
from walmart_stream.walmart.affiliate.client import MOST_IDS

SECONDS_PER_DAY = 86_400

# Watchlists of a beginner to those that nothing but learning can serve.
USUAL = (100, 1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Sight:
    """How often each of ``items`` is seen: every ``interval_s`` seconds, ``a_day`` times a day.

    ``limit`` names the setting that decides.
    """

    items: int
    interval_s: float
    a_day: float
    calls_a_day: int
    limit: str

    def fields(self) -> dict[str, object]:
        """JSON fields."""
        return asdict(self)


def sight(settings: Settings, items: int) -> Sight:
    """The sight of *items* items if calls are spent evenly, ``MOST_IDS`` items a call."""
    calls = math.ceil(items / MOST_IDS)
    candidates = {
        "WALMART_AFFILIATE_DAILY_CALLS": calls
        * SECONDS_PER_DAY
        / settings.walmart_affiliate_daily_calls,
        "WALMART_AFFILIATE_CALLS_PER_SECOND": calls / settings.walmart_affiliate_calls_per_second,
        "POLL_INTERVAL_MIN": settings.poll_interval_min,
    }
    limit, interval = max(candidates.items(), key=lambda candidate: candidate[1])
    a_day = SECONDS_PER_DAY / interval
    return Sight(items, round(interval, 1), round(a_day, 2), round(calls * a_day), limit)


def words(one: Sight) -> str:
    """A line for reading."""
    return (
        f"{one.items:>9,} items: each seen every {_time(one.interval_s):>8}, "
        f"{one.calls_a_day:,} calls a day ({one.limit} decides)"
    )


def _time(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
