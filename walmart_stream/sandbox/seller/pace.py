"""Time and chance as the seller side's parts share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random


@dataclass(frozen=True, slots=True)
class Pace:
    """*clock* gives epoch seconds, *market_time* market seconds, which pass *speed* times faster.

    Callers see real time; the shop's own actions happen in market time.
    """

    clock: Callable[[], float]
    market_time: Callable[[], float]
    speed: float
    random: Random

    def between(self, span: tuple[float, float]) -> float:
        """A delay within *span*, in the same unit."""
        return self.random.uniform(*span)

    def real(self, market_seconds: float) -> float:
        """How many real seconds *market_seconds* last."""
        return market_seconds / self.speed

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return int(self.clock() * 1000)

    def in_market_ms(self, market_at: float) -> int:
        """Epoch milliseconds of a moment given in market seconds."""
        return int((self.clock() + self.real(market_at - self.market_time())) * 1000)


def iso(epoch_seconds: float) -> str:
    """ISO 8601 in UTC with milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(epoch_seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
