"""The items that a log has, as eight bytes each."""

from __future__ import annotations

from array import array
from bisect import bisect_left

# Parts by which hashes are sorted: of ten million items, a part is some 40 KiB.
PARTS = 2048


class SeenItems:
    """A set of item ids by their hashes. One that is not in it may be taken for another one.

    Hashes have 64 bits: among ten million ids that is as good as never.
    """

    def __init__(self) -> None:
        self._parts = [array("q") for _ in range(PARTS)]
        self._unsorted: set[int] = set()

    def add(self, item_id: str) -> None:
        """*item_id* is in it from now on."""
        number = hash(item_id)
        self._parts[number % PARTS].append(number)
        self._unsorted.add(number % PARTS)

    def __contains__(self, item_id: str) -> bool:
        number = hash(item_id)
        part = number % PARTS
        if part in self._unsorted:
            self._parts[part] = array("q", sorted(self._parts[part]))
            self._unsorted.discard(part)
        place = bisect_left(self._parts[part], number)
        return place < len(self._parts[part]) and self._parts[part][place] == number
