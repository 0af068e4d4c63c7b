"""A worker's own items: how long ago they were seen, looked up for a sample of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from walmart_stream.domain.freshness import freshness
from walmart_stream.domain.state import ItemState

# Items that are looked at: their states take some 10 ms to decode.
SAMPLE = 1_000
# Milliseconds for which the figures are kept: several pages ask for them at once.
KEPT_MS = 5_000
# Items not seen for too long that are named.
MOST_LATE = 5


class Freshness:
    """*watched* gives up to that many of this worker's items, spread evenly, and how many it has.

    *item* gives an item's state. An item is late once no price of it counts as known any more,
    which is after *known_ms*.
    """

    def __init__(
        self,
        watched: Callable[[int], tuple[Sequence[str], int]],
        item: Callable[[str], ItemState | None],
        now_ms: Callable[[], int],
        known_ms: int,
    ) -> None:
        self._watched = watched
        self._item = item
        self._now_ms = now_ms
        self._known_ms = known_ms
        self._figures: dict[str, Any] = {}
        self._until = 0

    def figures(self) -> dict[str, Any]:
        """The figures of :func:`walmart_stream.domain.freshness.freshness`.

        And ``late``: [item id, seconds] of those in the sample that have not been seen for longest.
        """
        now = self._now_ms()
        if now >= self._until or now < self._until - KEPT_MS:
            self._figures = self._looked_up(now)
            self._until = now + KEPT_MS
        return self._figures

    def _looked_up(self, now: int) -> dict[str, Any]:
        names, items = self._watched(SAMPLE)
        ages: list[float | None] = []
        late: list[tuple[float, str]] = []
        for name in names:
            state = self._item(name)
            if state is None or not state.offers:
                ages.append(None)
                continue
            age = max(0, now - state.observed_at)
            ages.append(age / 1000)
            if age > self._known_ms:
                late.append((round(age / 1000, 1), name))
        oldest = sorted(late, reverse=True)[:MOST_LATE]
        return {**freshness(ages, items), "late": [[name, age] for age, name in oldest]}
