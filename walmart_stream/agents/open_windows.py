"""Ends of the windows that items have open: most looks for one that is due cost nothing."""

from __future__ import annotations

import asyncio

# Items that are looked at between two turns of the event loop: about a millisecond of them.
CHUNK = 10_000


class OpenWindows:
    """Items of each partition with the end of their next window to close (epoch ms).

    An item stands under its key in the table of offers: where that is in memory, the key is there.
    """

    def __init__(self) -> None:
        self._ends: dict[int, dict[bytes, int]] = {}
        # Nothing of the partition ends earlier. Once what ended then is closed, the next look finds
        # nothing, and what ends first now.
        self._earliest: dict[int, int] = {}

    def note(self, partition: int, key: bytes, end: int | None) -> None:
        """The next window of the item of *key* ends at *end*; ``None``: it has none."""
        waiting = self._ends.setdefault(partition, {})
        if end is None:
            waiting.pop(key, None)
            return
        earliest = self._earliest.get(partition)
        if earliest is None or end < earliest:
            earliest = self._earliest[partition] = end
        # Mostly they are equal: a million items share one number.
        waiting[key] = earliest if end == earliest else end

    def knows(self, partition: int, key: bytes) -> bool:
        """Whether the item of *key* has a window to close."""
        return key in self._ends.get(partition, ())

    async def due(self, partition: int, before: int) -> list[bytes]:
        """The keys of the items whose next window ends before *before* (epoch ms)."""
        earliest = self._earliest.get(partition)
        if earliest is None or earliest >= before:
            return []
        found = []
        for number, (key, end) in enumerate(list(self._ends[partition].items()), 1):
            if end < before:
                found.append(key)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        if not found and (waiting := self._ends.get(partition)):
            self._earliest[partition] = min(waiting.values())
        return found

    def forget(self) -> None:
        """Forget all partitions: they have other owners now."""
        self._ends.clear()
        self._earliest.clear()
