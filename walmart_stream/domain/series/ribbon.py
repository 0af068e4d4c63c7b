"""The holders of the buy box over time, as contiguous segments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from walmart_stream.domain.series.seen import Span, Step

Holder = Literal["own", "rival", "none", "suppressed", "unknown"]

OWN: Holder = "own"
RIVAL: Holder = "rival"
NOBODY: Holder = "none"
SUPPRESSED: Holder = "suppressed"
UNKNOWN: Holder = "unknown"
_SAID: dict[str, Holder] = {"own": OWN, "rival": RIVAL, "none": NOBODY}


class Word(NamedTuple):
    """A word about the box at ``at``: its holder, and ``since`` when (epoch ms)."""

    at: int
    holder: str
    seller: str | None
    suppressed: bool
    since: int


class Held(NamedTuple):
    """[begin, end) in epoch ms, in which ``holder`` had the box; ``seller`` names a rival."""

    begin: int
    end: int
    holder: Holder
    seller: str | None = None


def ribbon(words: Sequence[Word], seen: Sequence[Span], begin: int, end: int) -> list[Held]:
    """The holder over [*begin*, *end*), without holes or overlaps; neighbours differ.

    A word counts from when the holder it names had the box until the next word, while the own
    offer counts as *seen* (disjoint spans in order).
    """
    starts: list[int] = []
    for word in words:
        before = starts[-1] if starts else word.since
        starts.append(word.since if before <= word.since <= word.at else word.at)
    held: list[Held] = []
    for number, word in enumerate(words):
        until = starts[number + 1] if number + 1 < len(words) else end
        holder, seller = _holder(word)
        _add(held, Held(max(starts[number], begin), min(until, end), holder, seller))
    return _within(held, seen, begin, end)


def featured_ribbon(
    steps: Sequence[Step], seen: Sequence[Span], begin: int, end: int
) -> list[Held]:
    """As :func:`ribbon`, where there is no own offer: the featured offer's seller has the box.

    *steps* and *seen* are the featured offer's.
    """
    held: list[Held] = []
    for number, step in enumerate(steps):
        until = steps[number + 1].at if number + 1 < len(steps) else end
        holder = RIVAL if step.available else NOBODY
        seller = step.seller if step.available else None
        _add(held, Held(max(step.at, begin), min(until, end), holder, seller))
    return _within(held, seen, begin, end)


def shares(held: Sequence[Held]) -> tuple[int, int]:
    """Milliseconds that own had the box, and those in which the holder is known."""
    own = sum(one.end - one.begin for one in held if one.holder == OWN)
    known = sum(one.end - one.begin for one in held if one.holder != UNKNOWN)
    return own, known


def _holder(word: Word) -> tuple[Holder, str | None]:
    if word.holder == OWN:
        return OWN, None
    if word.suppressed:
        return SUPPRESSED, word.seller
    return _SAID.get(word.holder, UNKNOWN), word.seller


def _within(held: Sequence[Held], seen: Sequence[Span], begin: int, end: int) -> list[Held]:
    """*held* where it was *seen*, unknown elsewhere."""
    found: list[Held] = []
    at = begin
    number = 0
    for one in held:
        while number < len(seen) and seen[number][1] <= one.begin:
            number += 1
        place = number
        while place < len(seen) and seen[place][0] < one.end:
            low, high = max(one.begin, seen[place][0]), min(one.end, seen[place][1])
            place += 1
            _add(found, Held(at, low, UNKNOWN))
            _add(found, Held(low, high, one.holder, one.seller))
            at = max(at, high)
    _add(found, Held(at, end, UNKNOWN))
    return found


def _add(held: list[Held], one: Held) -> None:
    if one.begin >= one.end:
        return
    if held and held[-1][2:] == one[2:] and held[-1].end == one.begin:
        held[-1] = held[-1]._replace(end=one.end)
    else:
        held.append(one)
