"""A cache that forgets the entries which were not used for longest."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Entries of a total weight of at most *most*, by key.

    They are in two generations. One that is used joins the younger; once that weighs half of
    *most*, the older one is forgotten and the younger takes its place. So every step takes the
    same time, and whatever was used within the last half of *most* is there.
    """

    __slots__ = ("_half", "_old", "_weight", "_young")

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._weight = 0
        self._young: dict[K, tuple[V, int]] = {}
        self._old: dict[K, tuple[V, int]] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: K) -> V | None:
        """The entry of *key*, ``None`` if there is none."""
        found = self._young.get(key)
        if found is None:
            found = self._old.pop(key, None)
            if found is None:
                return None
            self._add(key, found)
        return found[0]

    def take(self, key: K) -> V | None:
        """The entry of *key*, which is forgotten; ``None`` if there is none."""
        found = self._young.pop(key, None)
        if found is not None:
            self._weight -= found[1]
            return found[0]
        if not self._old:
            return None
        found = self._old.pop(key, None)
        return None if found is None else found[0]

    def put(self, key: K, value: V, weight: int) -> None:
        """Remember *value* as the entry of *key*."""
        # Mostly it is in the younger generation, or nowhere: that takes one look.
        before = self._young.get(key)
        if before is not None:
            self._weight -= before[1]
        elif self._old:
            self._old.pop(key, None)
        self._add(key, (value, weight))

    def clear(self) -> None:
        """Forget everything."""
        self._young.clear()
        self._old.clear()
        self._weight = 0

    def _add(self, key: K, entry: tuple[V, int]) -> None:
        self._weight += entry[1]
        self._young[key] = entry
        if self._weight >= self._half:
            self._old, self._young, self._weight = self._young, {}, 0
