"""Notices work that does not go on."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any


class Progress:
    """Notices what stands still. Pure: the caller brings the time (seconds)."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._last: dict[Hashable, tuple[Any, float]] = {}

    def stalled(self, positions: dict[Hashable, Any], now: float) -> list[Hashable]:
        """The parts that have work to do and have been at the same position for too long.

        What is not in *positions* has nothing to do, and its time begins again.
        """
        last = {
            key: self._last[key]
            if key in self._last and self._last[key][0] == position
            else (position, now)
            for key, position in positions.items()
        }
        self._last = last
        return [key for key, (_, since) in last.items() if now - since > self._longest]
