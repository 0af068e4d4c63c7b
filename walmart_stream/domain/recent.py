"""The recent past of an item: kept as steps, from which all that slides with the clock is computed.

Steps are ``[epoch ms, …]``, oldest first, and bounded. Noting one again changes nothing, and in
whatever order they are noted the same ones stay.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from walmart_stream.domain.events import FIRST_SEEN
from walmart_stream.domain.offers import FEATURED, OWN

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS

# Changes whose times are kept: some 1.5 kB. Of an item that changed more often within a week, its
# count is a lower bound and says so. More would make every write of an item larger.
MOST_CHANGES = 128
# Steps of a line, and of the ribbon: what a sparkline has room for.
MOST_STEPS = 50

# A change is its time x this + a number of its offer: changes of two offers at a time are two.
_OFFERS = 1024

# The most that each list keeps, in the order in which documents have them.
MOST_KEPT = {"changes": MOST_CHANGES, OWN: MOST_STEPS, FEATURED: MOST_STEPS}

Recent = Mapping[str, Any]
Steps = Sequence[Sequence[Any]]


def no_steps() -> dict[str, Any]:
    """The recent past of an item of which nothing is known."""
    return {name: [] for name in MOST_KEPT}


def note_change(
    recent: Recent, at: int, offer: str, kinds: tuple[str, ...], landed_cents: int | None
) -> dict[str, Any]:
    """*recent* with a price change of *offer* at *at* (epoch ms)."""
    noted = dict(recent)
    if kinds and kinds != (FIRST_SEEN,):
        number = at * _OFFERS + crc32(offer.encode()) % _OFFERS
        noted["changes"] = _with(recent["changes"], number, MOST_CHANGES)
    if kinds and offer in (OWN, FEATURED):
        noted[offer] = _with_step(recent[offer], [at, landed_cents])
    return noted


def note_holder(
    ribbon: Steps, at: int, holder: str, seller: str | None, suppressed: bool
) -> list[Any]:
    """The *ribbon* with who held the buy box from *at* (epoch ms) on."""
    return _with_step(ribbon, [at, holder, seller, suppressed])


def appended(tail: Recent, noted: Recent) -> dict[str, Sequence[Any]] | None:
    """The entries that *noted* has after those of *tail*, the newest few of each list.

    ``None``: one belongs before these, and only all that is kept says whether it is known.
    """
    found = {}
    for name, entries in noted.items():
        if entries is tail[name]:
            continue
        known = len(tail[name])
        if entries[:known] != tail[name]:
            return None
        if len(entries) > known:
            found[name] = entries[known:]
    return found


def count_since(recent: Recent, since: int) -> tuple[int, bool]:
    """The price changes after *since* (epoch ms); and whether there may have been more."""
    changes = recent["changes"]
    count = len(changes) - bisect_right(changes, since * _OFFERS + _OFFERS - 1)
    return count, count == MOST_CHANGES


def line_since(steps: Steps, since: int) -> list[list[Any]]:
    """The steps after *since* (epoch ms), the one that held then as of *since*."""
    times = [step[0] for step in steps]
    first = bisect_right(times, since)
    before = [[since, *steps[first - 1][1:]]] if first else []
    return [*before, *map(list, steps[first:])]


def _with(numbers: Sequence[int], number: int, most: int) -> Sequence[int]:
    place = len(numbers)
    # Nearly always the newest is noted last.
    if numbers and numbers[-1] >= number:
        place = bisect_left(numbers, number)
        if numbers[place] == number:
            return numbers
    return [*numbers[:place], number, *numbers[place:]][-most:]


def _with_step(steps: Steps, step: list[Any]) -> list[Any]:
    place = len(steps)
    if steps and steps[-1][0] >= step[0]:
        place = bisect_left(steps, step[0], key=lambda one: one[0])
        if steps[place][0] == step[0]:
            return list(steps)
    return [*steps[:place], step, *steps[place:]][-MOST_STEPS:]
