"""The scales of a chart: dollars upwards, time to the right, and round values on both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from walmart_stream.domain.time import to_datetime

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

_TIMES = (
    *(MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE),
    *(HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
    *(DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY, 182 * DAY, 364 * DAY),
)
_ROUND = (1, 2, 5)


class Scale(NamedTuple):
    """Maps [low, high] to [at_low, at_high] in the picture's units."""

    low: float
    high: float
    at_low: float
    at_high: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.at_low + share * (self.at_high - self.at_low)


def price_range(prices: Sequence[int]) -> tuple[float, float]:
    """The cents from bottom to top: of what is visible, with room, and not from 0."""
    low, high = min(prices), max(prices)
    room = max((high - low) * 0.06, high * 0.005, 5)
    return max(0.0, low - room), high + room


def price_ticks(low: float, high: float, most: int) -> list[int]:
    """Up to *most* round amounts (cents) between *low* and *high*."""
    step = 1
    power = 1
    while (high - low) / step > most:
        step = next((r * power for r in _ROUND if (high - low) / (r * power) <= most), step)
        power *= 10
    first = -(-int(low) // step) * step
    return [tick for tick in range(first, int(high) + 1, step) if low <= tick <= high]


def time_ticks(begin: int, end: int, most: int) -> list[tuple[int, str]]:
    """Up to about *most* round times (epoch ms, UTC) between *begin* and *end*, and their words."""
    step = next((step for step in _TIMES if (end - begin) / step <= most), None)
    if step is None:
        step = -(-(end - begin) // (most * _TIMES[-1])) * _TIMES[-1]
    first = -(-begin // step) * step
    return [(at, _words(at, step)) for at in range(first, end, step)]


def _words(at: int, step: int) -> str:
    moment = to_datetime(at)
    if step < DAY:
        return moment.strftime("%H:%M") if at % DAY else f"{moment:%b} {moment.day}"
    return f"{moment:%b} {moment.day}" if step < 91 * DAY else moment.strftime("%b %Y")
