"""Numbers by item id, in the order of the ids as text: 16 bytes an item, in memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, MutableSequence
from functools import partial
from heapq import merge
from itertools import islice

# Ids of a run. An id is put in among that many, and that many runs are looked through for it: a
# million items make a thousand runs.
LONGEST_RUN = 2_000

# Digits of an id, four bits each: as many as fit in a word, and as many as an id may have.
_SHORT, LONGEST_ID = 16, 20
# A digit is one more than itself, so that what is behind the last one comes before all of them.
_UP = bytes.maketrans(b"0123456789", b"123456789a")
_DOWN = str.maketrans("123456789a", "0123456789")


class ByItem:
    """Item id -> a number from 0 to 2 ** 64 - 1, in the order of ids as text.

    Ids of up to sixteen digits take a word each; Walmart has none that are longer.
    """

    def __init__(self) -> None:
        self._short = _Runs(partial(array, "Q"))
        self._long = _Runs(list)

    def __len__(self) -> int:
        return len(self._short) + len(self._long)

    def __contains__(self, item_id: bytes) -> bool:
        runs, number = self._place(item_id)
        return number in runs

    def put(self, item_id: bytes, value: int) -> int | None:
        """Give *item_id* a *value*; returns the one that it had."""
        runs, number = self._place(item_id)
        return runs.put(number, value)

    def pop(self, item_id: bytes) -> int | None:
        """Take *item_id* out; returns the value that it had."""
        runs, number = self._place(item_id)
        return runs.pop(number)

    def after(self, item_id: bytes) -> Iterator[tuple[str, int]]:
        """Ids greater than *item_id*, or all if it is empty, with their values.

        Nothing may be put in or taken out meanwhile.
        """
        short = _named(self._short.after(_number(item_id[:_SHORT], _SHORT)))
        if not len(self._long):
            return short
        return merge(short, _named(self._long.after(_number(item_id, LONGEST_ID))))

    def _place(self, item_id: bytes) -> tuple[_Runs, int]:
        if len(item_id) <= _SHORT:
            return self._short, _number(item_id, _SHORT)
        return self._long, _number(item_id, LONGEST_ID)


class _Runs:
    """Numbers in order, each with a value, as sorted runs; *words* makes an empty run."""

    def __init__(self, words: Callable[[], MutableSequence[int]]) -> None:
        self._words = words
        self._count = 0
        self._runs: list[tuple[MutableSequence[int], array[int]]] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return self._find(number) is not None

    def put(self, number: int, value: int) -> int | None:
        at = bisect_left(self._lasts, number)
        if at == len(self._runs):
            if not at:
                self._runs, self._lasts, at = [(self._words(), array("Q"))], [number], 1
            at -= 1
        numbers, values = self._runs[at]
        place = bisect_left(numbers, number)
        if place < len(numbers) and numbers[place] == number:
            before = values[place]
            values[place] = value
            return before
        numbers.insert(place, number)
        values.insert(place, value)
        self._count += 1
        self._lasts[at] = numbers[-1]
        if len(numbers) > LONGEST_RUN:
            half = len(numbers) // 2
            self._runs[at : at + 1] = [
                (numbers[:half], values[:half]),
                (numbers[half:], values[half:]),
            ]
            self._lasts.insert(at, numbers[half - 1])
        return None

    def pop(self, number: int) -> int | None:
        if (found := self._find(number)) is None:
            return None
        at, place = found
        numbers, values = self._runs[at]
        del numbers[place]
        self._count -= 1
        if numbers:
            self._lasts[at] = numbers[-1]
        else:
            del self._runs[at], self._lasts[at]
        return values.pop(place)

    def after(self, number: int) -> Iterator[tuple[int, int]]:
        at = bisect_right(self._lasts, number)
        for numbers, values in islice(self._runs, at, None):
            first = bisect_right(numbers, number)
            yield from zip(numbers[first:], values[first:], strict=True)

    def _find(self, number: int) -> tuple[int, int] | None:
        """The run of *number*, and its place there."""
        at = bisect_left(self._lasts, number)
        if at == len(self._runs):
            return None
        numbers = self._runs[at][0]
        place = bisect_left(numbers, number)
        return (at, place) if numbers[place] == number else None


def _number(item_id: bytes, digits: int) -> int:
    """A number that orders ids of up to *digits* digits as their texts."""
    return int(item_id.translate(_UP) or b"0", 16) << 4 * (digits - len(item_id))


def _named(found: Iterator[tuple[int, int]]) -> Iterator[tuple[str, int]]:
    """The inverse of :func:`_number`, for each one *found*."""
    return ((f"{number:x}".rstrip("0").translate(_DOWN), value) for number, value in found)
