"""Counters of the seller side since the sandbox started."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class EndpointStats:
    """One endpoint. ``refused`` are calls beyond its limit, not those that a fault refused."""

    calls: int = 0
    refused: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


@dataclass(slots=True)
class SellerStats:
    """All endpoints by name. ``incomplete`` answers were cut short or their client was gone."""

    endpoints: defaultdict[str, EndpointStats] = field(
        default_factory=lambda: defaultdict(EndpointStats)
    )
    incomplete: int = 0
