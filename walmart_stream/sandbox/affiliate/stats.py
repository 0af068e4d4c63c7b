"""Counters since the sandbox started."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """Calls to the affiliate side. ``statuses`` counts the answers sent, by HTTP status.

    ``incomplete`` are answers that were cut short or whose client was gone; they are counted
    in ``statuses`` too. ``items_served`` counts the items of complete answers only.
    """

    calls: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    incomplete: int = 0
    items_served: int = 0
