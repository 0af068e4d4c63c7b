"""The content of a window, from the offer's observations and the window's own rules.

Written from the contract and shared with nothing that makes windows: the rules (width, and how
long a price counts as known) are those that the stored document names, so that windows made before
a setting changed are judged by what held then. Times are epoch milliseconds, prices cents.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from walmart_stream.audit.course import Seen
from walmart_stream.domain.time import to_datetime, to_ms

Document = Mapping[str, Any]

# The first release's width, which ids do not name.
UNNAMED_WIDTH_S = 3600
# A window is stored when the clock has passed its end by more than this.
CLOSED_AFTER_MS = 60_000


@dataclass(frozen=True, slots=True)
class Frame:
    """One window and its rules.

    ``seen_at``: the last observation that it knows, ``None`` for all of them. ``since``: those up
    to it were counted at another width. ``is_new`` ones were made since windows name their rules.
    """

    start: int
    width: int
    known: int
    seen_at: int | None = None
    since: int | None = None
    is_new: bool = True

    @property
    def end(self) -> int:
        return self.start + self.width


class Track:
    """How one offer went, in order of time, with quick access to a part of it."""

    def __init__(self, seen: Sequence[Seen]) -> None:
        self.seen = seen
        self._times = [one.at for one in seen]

    def part(self, frame: Frame) -> Sequence[Seen]:
        """The observations of the *frame*: the last one before it, and those in it."""
        last = bisect_left(self._times, frame.end)
        if frame.seen_at is not None:
            last = min(last, bisect_right(self._times, frame.seen_at))
        first = max(0, bisect_left(self._times, frame.start, hi=last) - 1)
        for number in range(last - 1, first, -1):
            if self.seen[number].begins:
                # A rival that had been forgotten: its former life is another one.
                first = number
                break
        return self.seen[first:last]

    def last_before(self, end: int) -> int | None:
        """The time of the last observation before *end*."""
        number = bisect_left(self._times, end)
        return self._times[number - 1] if number else None

    def until(self, offset: int) -> Track:
        """The part that was observed before *offset* in the log."""
        return Track([one for one in self.seen if one.offset < offset])


def frame_of(stored: Document, known: int) -> Frame:
    """The frame that a *stored* window names; *known* is taken where it does not.

    Raises:
        KeyError, TypeError, ValueError: it names none.
    """
    start, end = _ms(stored["start"]), _ms(stored["end"])
    if stored.get("width_s") is None:
        return Frame(start, end - start, known, is_new=False)
    since = stored.get("since")
    return Frame(
        start,
        int(stored["width_s"]) * 1000,
        round(stored["known_for_s"] * 1000),
        _ms(stored["seen_at"]),
        None if since is None else _ms(since),
    )


def _ms(moment: object) -> int:
    if not isinstance(moment, datetime):
        raise TypeError("must be a time")
    return to_ms(moment)


def content(item_id: str, offer: str, track: Track, frame: Frame) -> dict[str, Any]:
    """The document of *frame*, if *track* is how the offer went."""
    seen = track.part(frame)
    inside, before = _inside(seen, frame)
    carried = _carried(before, inside, frame)
    prices = [one.landed for one in inside if one.landed is not None]
    if carried is not None and frame.is_new:
        prices.insert(0, carried)
    weighted, covered = _weigh(before, inside, frame)
    document: dict[str, Any] = {
        "_id": f"{item_id}:{offer}:{frame.start}",
        "item_id": item_id,
        "offer": offer,
        "observations": len(inside),
        "changes": sum(one.is_change for one in inside),
        "open": prices[0] if prices else None,
        "high": max(prices, default=None),
        "low": min(prices, default=None),
        "close": prices[-1] if prices else None,
        "mean": weighted / covered if covered else None,
        "coverage": covered / frame.width,
        "start": to_datetime(frame.start),
        "end": to_datetime(frame.end),
    }
    if frame.is_new:
        if frame.width != UNNAMED_WIDTH_S * 1000:
            document["_id"] += f":{frame.width // 1000}"
        document["width_s"] = frame.width // 1000
        document["known_for_s"] = frame.known / 1000
        document["carried"] = carried is not None
        document["seen_at"] = to_datetime(seen[-1].at) if seen else None
        if frame.since is not None:
            document["since"] = to_datetime(frame.since)
    return document


def rules_that_explain(track: Track, frame: Frame, coverage: object) -> Frame:
    """*frame* with the time for which a price must have counted as known to be covered so much.

    Windows of the first release do not name it, and POLL_INTERVAL_MAX may have been another one.
    """
    if not isinstance(coverage, float):
        return frame
    seen = track.part(frame)
    low, high = 0, max((frame.end - one.at for one in seen), default=0)
    inside, before = _inside(seen, frame)
    while low < high:
        # The longer a price is known, the more is covered.
        middle = (low + high) // 2
        if _weigh(before, inside, replace(frame, known=middle))[1] / frame.width < coverage:
            low = middle + 1
        else:
            high = middle
    return replace(frame, known=low)


def _inside(seen: Sequence[Seen], frame: Frame) -> tuple[list[Seen], Seen | None]:
    """The observations that count in *frame*, and the last one before them."""
    begin = frame.start if frame.since is None else max(frame.start, frame.since + 1)
    inside = [one for one in seen if begin <= one.at < frame.end]
    earlier = [one for one in seen if one.at < begin]
    before = earlier[-1] if earlier else None
    return inside, before


def _carried(before: Seen | None, inside: Sequence[Seen], frame: Frame) -> int | None:
    if before is None or before.landed is None or before.at + frame.known <= frame.start:
        return None
    if frame.since is None and inside and inside[0].at == frame.start:
        return None
    return before.landed


def _weigh(before: Seen | None, inside: Sequence[Seen], frame: Frame) -> tuple[int, int]:
    """The sum of prices times the milliseconds that they were known for, and that of the latter."""
    begin = frame.start if frame.since is None else max(frame.start, frame.since)
    weighted = covered = 0
    steps = ([] if before is None else [before]) + list(inside)
    for number, one in enumerate(steps):
        if one.landed is None:
            continue
        until = steps[number + 1].at if number + 1 < len(steps) else frame.end
        spent = min(until, frame.end, one.at + frame.known) - max(begin, one.at)
        if spent > 0:
            weighted += one.landed * spent
            covered += spent
    return weighted, covered


def due_frames(track: Track, width: int, known: int) -> Iterator[Frame]:
    """The windows of one width that there must be: observed ones, and those with a known price.

    In order of their start.
    """
    seen = track.seen
    for number, one in enumerate(seen):
        start = one.at - one.at % width
        before = seen[number - 1].at if number else None
        if before is None or before < start:
            yield Frame(start, width, known)
        if one.landed is None:
            continue
        following = seen[number + 1].at if number + 1 < len(seen) else None
        start += width
        while start < one.at + known and (following is None or following >= start + width):
            yield Frame(start, width, known)
            start += width
