"""The documented limits: one token bucket for each, and the headers that state what is left.

A bucket starts full and refills gradually (20 an hour is a token every three minutes). A
refused call takes no token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from walmart_stream.sandbox.seller.config import HeaderStyle
from walmart_stream.sandbox.seller.pace import Pace, iso

MINUTE, HOUR = 60.0, 3600.0


class Limit(NamedTuple):
    """A number of calls in a number of seconds."""

    calls: int
    seconds: float


# From Walmart's table of 2026. "?" is the limit of the same call with query parameters.
LIMITS = {
    "items": Limit(300, MINUTE),
    "items?": Limit(60, MINUTE),
    "item": Limit(900, MINUTE),
    "item?": Limit(60, MINUTE),
    "item_search": Limit(200, MINUTE),
    "item_count": Limit(200, MINUTE),
    "price": Limit(100, HOUR),
    "price_feeds": Limit(10, HOUR),
    "inventory_feeds": Limit(10, HOUR),
    "feeds": Limit(5000, MINUTE),
    "inventory": Limit(200, MINUTE),
    "inventory_put": Limit(200, MINUTE),
    "inventories": Limit(200, MINUTE),
    "report_list": Limit(200, MINUTE),
    "report_status": Limit(20, HOUR),
    "report_download": Limit(20, HOUR),
    "pricing_insights": Limit(2, MINUTE),
    "listing_quality_score": Limit(10, HOUR),
    "listing_quality_items": Limit(1, MINUTE),
    "unpublished_items": Limit(100, MINUTE),
    "webhook_test": Limit(10, MINUTE),
    "webhook_list": Limit(50, MINUTE),
    "webhook_create": Limit(200, MINUTE),
    "webhook_delete": Limit(10, MINUTE),
    "webhook_patch": Limit(5, MINUTE),
    "webhook_event_types": Limit(5, MINUTE),
    "shipping_templates": Limit(300, MINUTE),
    "shipping_template": Limit(750, MINUTE),
}
# A call that arrives when its token is due may be early by the rounding of floats.
ROUNDING = 1e-6


class Bucket:
    """One limit's tokens; *speed* makes them refill faster. *clock* is epoch seconds."""

    def __init__(self, limit: Limit, speed: float, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.taken = 0
        self.refused = 0
        self._rate = limit.calls * speed / limit.seconds
        self._clock = clock
        self._at = clock()
        self._tokens = float(limit.calls)

    @property
    def tokens(self) -> int:
        """Whole tokens left now."""
        self._refill()
        return int(self._tokens + ROUNDING)

    def take(self) -> bool:
        """Whether the call is within the limit."""
        if self.tokens < 1:
            self.refused += 1
            return False
        self._tokens -= 1
        self.taken += 1
        return True

    def next_at(self) -> float:
        """Epoch seconds at which the next token comes; now, if the bucket is full."""
        self._refill()
        if self._tokens >= self.limit.calls:
            return self._at
        missing = math.floor(self._tokens + ROUNDING) + 1 - self._tokens
        return self._at + missing / self._rate

    def _refill(self) -> None:
        now = self._clock()
        grown = self._tokens + max(0.0, now - self._at) * self._rate
        self._tokens = min(float(self.limit.calls), grown)
        self._at = now


@dataclass(frozen=True, slots=True)
class Limits:
    """All buckets of the seller, and how answers report their state."""

    buckets: dict[str, Bucket]
    style: HeaderStyle
    pace: Pace

    def headers(self, name: str | None) -> dict[str, str]:
        """The headers that report limit *name*; spelling and unit by the style."""
        bucket = self.buckets.get(name or "")
        style = self._style()
        if bucket is None or style == "none":
            return {}
        due = bucket.next_at()
        tokens, limit = str(bucket.tokens), str(bucket.limit.calls)
        if style == "iso":
            # Rounded up, like the others, so that there is a token at the time given.
            due = math.ceil(due * 1000) / 1000
            return {
                "X-Current-Token-Count": tokens,
                "X-Next-Replenishment-Time": iso(due),
                "X-Max-Token-Count": limit,
            }
        if style == "seconds":
            return {
                "X-Current-Token-Count": tokens,
                "X-Next-Replenish-Time": str(math.ceil(due)),
            }
        return {
            "x-current-token-count": tokens,
            "x-next-replenish-time": str(math.ceil(due * 1000)),
        }

    def _style(self) -> HeaderStyle:
        if self.style != "mixed":
            return self.style
        return self.pace.random.choice(("ms", "ms", "ms", "seconds", "iso", "none"))


def make_limits(style: HeaderStyle, pace: Pace) -> Limits:
    """Full buckets for all documented limits."""
    buckets = {name: Bucket(limit, pace.speed, pace.clock) for name, limit in LIMITS.items()}
    return Limits(buckets, style, pace)
