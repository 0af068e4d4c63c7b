"""Fewer segments for the same picture: minimum, maximum and every gap stay.

After Jugel et al., "M4: A Visualization-Oriented Time Series Data Aggregation" (VLDB 2014): of
each slice of time the first, the last, the lowest and the highest value draw the same line. Here
they do so without ever claiming a price where none is known.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TypeVar

from walmart_stream.domain.series.ribbon import UNKNOWN as NOBODY_KNOWS
from walmart_stream.domain.series.ribbon import Held
from walmart_stream.domain.series.segments import (
    PARTIAL,
    PRICE,
    UNKNOWN,
    Kind,
    Segment,
    joined,
)

T = TypeVar("T", Segment, Held)

# Segments of a price that a slice needs: first, lowest, highest, last.
A_SLICE = 4
# Changes between price and gap that a slice shows one by one. Each is less than two pixels wide:
# more would only make a picture of 100,000 gaps as large as they are many.
MOST_RUNS = 8


def thin(found: Sequence[Segment], points: int) -> list[Segment]:
    """*found*, contiguous segments, as at most about *points* (never more than 4 times as many).

    The lowest and the highest price and partial price stay. Whenever there was a gap, there is
    one: where a slice of the time holds too many, they are joined, and prices between them are
    given up rather than drawn through a gap.
    """
    if len(found) <= points:
        return list(found)
    begin, end = found[0].begin, found[-1].end
    kept = [piece for part in _slices(found, points) for piece in _thinned(part)]
    return joined(kept, begin, end)


def thin_ribbon(held: Sequence[Held], points: int) -> list[Held]:
    """*held*, contiguous, as at most about *points*; where holders change too often to be drawn
    one by one, the holder is not known."""
    if len(held) <= points:
        return list(held)
    found: list[Held] = []
    for part in _slices(held, points):
        if len(part) > A_SLICE:
            part = [part[0], Held(part[1].begin, part[-2].end, NOBODY_KNOWS), part[-1]]
        for one in part:
            if found and found[-1][2:] == one[2:]:
                found[-1] = found[-1]._replace(end=one.end)
            else:
                found.append(one)
    return found


def _slices(found: Sequence[T], points: int) -> Iterator[list[T]]:
    """*found* by the slice of time that each begins in."""
    count = max(1, points // A_SLICE)
    begin = found[0].begin
    width = max(1, -(-(found[-1].end - begin) // count))
    part: list[T] = []
    number = 0
    for one in found:
        if (one.begin - begin) // width != number:
            if part:
                yield part
            part, number = [], (one.begin - begin) // width
        part.append(one)
    yield part


def _thinned(part: list[Segment]) -> list[Segment]:
    if len(part) <= A_SLICE:
        return part
    if {one.kind for one in part} == {PRICE}:
        return _priced(part)
    kept = {0, len(part) - 1, *_extremes(part, PRICE), *_extremes(part, PARTIAL)}
    changes = sum(a.kind != b.kind for a, b in itertools.pairwise(part))
    if changes < MOST_RUNS:
        return _followed(part, kept)
    found: list[Segment] = []
    last = -1
    for number in sorted(kept):
        if number - last > 1:
            found.append(_gap(part[last + 1 : number]))
        found.append(part[number])
        last = number
    return found


def _priced(part: list[Segment]) -> list[Segment]:
    """As :func:`_followed` of prices without a gap between them, which most slices are."""
    prices = [one.cents for one in part if one.cents is not None]
    highest = len(part) - 1 - prices[::-1].index(max(prices))
    kept = sorted({0, prices.index(min(prices)), highest, len(part) - 1})
    ends = [part[number].begin for number in kept[1:]] + [part[-1].end]
    return [
        Segment(part[number].begin, end, PRICE, part[number].cents)
        for number, end in zip(kept, ends, strict=True)
    ]


def _followed(part: list[Segment], kept: set[int]) -> list[Segment]:
    """Those *kept* and every change of kind; a price that is left out is the one before it."""
    found: list[Segment] = []
    for number, one in enumerate(part):
        if number in kept or not found or found[-1].kind != one.kind:
            found.append(one)
        else:
            last = found[-1]
            found[-1] = Segment(last.begin, one.end, last.kind, last.cents)
    return found


def _extremes(part: list[Segment], kind: Kind) -> set[int]:
    """The places of the lowest and the highest price of *kind*."""
    prices = [
        (one.cents, number)
        for number, one in enumerate(part)
        if one.kind == kind and one.cents is not None
    ]
    return {min(prices)[1], max(prices)[1]} if prices else set()


def _gap(part: list[Segment]) -> Segment:
    """One gap in the place of *part*, of the kind that all of its gaps have."""
    kinds = {one.kind for one in part if one.cents is None}
    kind = kinds.pop() if len(kinds) == 1 else UNKNOWN
    return Segment(part[0].begin, part[-1].end, kind)
