"""Ends of the windows that items have open: most looks for one that is due cost nothing."""

from __future__ import annotations

import asyncio

# Items that are looked at between two turns of the event loop: about a millisecond of them.
CHUNK = 10_000


class OpenWindows:
    """Items of each partition with the end of their next window to close (epoch ms)."""

    def __init__(self) -> None:
        self._ends: dict[int, dict[str, int]] = {}
        # Nothing of the partition ends earlier. Once what ended then is closed, the next look finds
        # nothing, and what ends first now.
        self._earliest: dict[int, int] = {}

    def note(self, partition: int, item_id: str, end: int | None) -> None:
        """The next window of an item ends at *end*; ``None``: it has none."""
        waiting = self._ends.setdefault(partition, {})
        if end is None:
            waiting.pop(item_id, None)
            return
        earliest = self._earliest.get(partition)
        if earliest is None or end < earliest:
            earliest = self._earliest[partition] = end
        # Mostly they are equal: a million items share one number.
        waiting[item_id] = earliest if end == earliest else end

    def knows(self, partition: int, item_id: str) -> bool:
        """Whether the item has a window to close."""
        return item_id in self._ends.get(partition, ())

    async def due(self, partition: int, before: int) -> list[str]:
        """The items whose next window ends before *before* (epoch ms)."""
        earliest = self._earliest.get(partition)
        if earliest is None or earliest >= before:
            return []
        found = []
        for number, (item_id, end) in enumerate(list(self._ends[partition].items()), 1):
            if end < before:
                found.append(item_id)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        if not found and (waiting := self._ends.get(partition)):
            self._earliest[partition] = min(waiting.values())
        return found

    def forget(self) -> None:
        """Forget all partitions: they have other owners now."""
        self._ends.clear()
        self._earliest.clear()
