"""The spans of time in which an offer counts as seen, from its stored windows and changes.

A price counts as known for ``PRICE_KNOWN_FOR`` after it was seen. Not every observation is stored:
price changes are, and of each closed window the last observation and how much of the window was
covered. A time is claimed as seen only if these imply it:

* an observation whose time is stored counts for as long as a price counts as known;
* where a window's covered time is all the time in which a landed price can have been known, it was
  known in all of it;
* where a price counts for at least a window's width, it is known from the first observation in
  the window on, so that the covered time that no earlier observation explains lies at the end;
* an offer that cannot be ordered has no price to cover. Where an observation counts for less than
  the window's width, it was seen in all of it if there is one for each time that one counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

Span = tuple[int, int]


class Step(NamedTuple):
    """An offer as of a price change at ``at`` (epoch ms). Cents; ``None`` is unknown."""

    at: int
    price_cents: int | None
    shipping_cents: int | None
    available: bool
    seller: str | None = None

    @property
    def landed_cents(self) -> int | None:
        """Price plus shipping, where both are known."""
        if self.price_cents is None or self.shipping_cents is None:
            return None
        return self.price_cents + self.shipping_cents


class ClosedWindow(NamedTuple):
    """A closed window of an offer; times in epoch ms.

    ``seen_at`` is the offer's last observation as of the close, and ``known_ms`` how long a price
    counted as known; both are ``None`` in windows that the first release began.
    """

    start: int
    end: int
    observations: int
    coverage: float
    seen_at: int | None = None
    known_ms: int | None = None


class Sight(NamedTuple):
    """An observation at ``at`` that counts for ``known_ms``."""

    at: int
    known_ms: int


def seen_spans(
    steps: Sequence[Step],
    windows: Sequence[ClosedWindow],
    known_ms: int,
    last: Sight | None = None,
) -> list[Span]:
    """Disjoint spans (epoch ms, end exclusive, in order) in which the offer counts as seen.

    *steps* and *windows* are one offer's, in order of time; *known_ms* is what counts where no
    window says otherwise, and *last* the newest observation, where that is known.
    """
    spans = list(_sighted(steps, windows, known_ms))
    if last is not None:
        spans.append((last.at, last.at + last.known_ms))
    spans = union(spans)
    return union([*spans, *_implied(steps, windows, known_ms, spans)])


def union(spans: Iterable[Span]) -> list[Span]:
    """*spans* as disjoint ones in order; those that touch are one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            if end > joined[-1][1]:
                joined[-1] = joined[-1][0], end
        elif begin < end:
            joined.append((begin, end))
    return joined


def _sighted(
    steps: Sequence[Step], windows: Sequence[ClosedWindow], known_ms: int
) -> Iterator[Span]:
    """The spans for which the stored observations count, by the rules of their windows."""
    number, count = 0, len(windows)
    for step in steps:
        at = step[0]
        while number < count and windows[number].end <= at:
            number += 1
        counts = known_ms
        if number < count and windows[number].start <= at:
            counts = windows[number].known_ms or known_ms
        yield at, at + counts
    for window in windows:
        if window.seen_at is not None:
            yield window.seen_at, window.seen_at + (window.known_ms or known_ms)


def _implied(
    steps: Sequence[Step], windows: Sequence[ClosedWindow], known_ms: int, certain: Sequence[Span]
) -> Iterator[Span]:
    """Spans that windows' figures imply beyond the *certain* ones, which observations give."""
    first = number = 0
    for window in windows:
        end = window.end
        counts = window.known_ms or known_ms
        if window.seen_at is not None:
            end = min(end, window.seen_at + counts)
        while number < len(certain) and certain[number][1] <= window.start:
            number += 1
        if (
            number < len(certain)
            and certain[number][0] <= window.start
            and (certain[number][1] >= end)
        ):
            # As of most windows: nothing is left to imply.
            continue
        # The last step at or before the window's start is the state that it begins with.
        while first + 1 < len(steps) and steps[first + 1].at <= window.start:
            first += 1
        priced, gone = _states(steps, first, window.start, end)
        width = window.end - window.start
        missing = round(window.coverage * width)
        missing -= sum(b - a for a, b in priced)
        unseen = list(_without(priced, certain, number))
        # Coverage beyond the certain spans; a negative figure counts as 0.
        missing += sum(b - a for a, b in unseen)
        if missing > 0:
            is_all = missing >= sum(b - a for a, b in unseen)
            if is_all or (window.known_ms is not None and counts >= width):
                yield from _last(unseen, missing)
        if counts < width <= window.observations * counts:
            yield from gone


def _states(
    steps: Sequence[Step], first: int, begin: int, end: int
) -> tuple[list[Span], list[Span]]:
    """The spans of [*begin*, *end*) with a landed price, and those in which it was not to be had.

    *first* is the place of the step that counts at *begin*.
    """
    priced: list[Span] = []
    gone: list[Span] = []
    for number in range(first, len(steps)):
        step = steps[number]
        if step.at >= end:
            break
        until = steps[number + 1].at if number + 1 < len(steps) else end
        span = max(step.at, begin), min(until, end)
        if span[0] >= span[1]:
            continue
        if step.landed_cents is not None:
            priced.append(span)
        elif not step.available:
            gone.append(span)
    return priced, gone


def _without(spans: Sequence[Span], taken: Sequence[Span], number: int) -> Iterator[Span]:
    """*spans* without those *taken*, of which the ones before *number* do not matter."""
    for begin, end in spans:
        while number < len(taken) and taken[number][1] <= begin:
            number += 1
        at, place = begin, number
        while place < len(taken) and taken[place][0] < end:
            if taken[place][0] > at:
                yield at, taken[place][0]
            at = max(at, taken[place][1])
            place += 1
        if at < end:
            yield at, end


def _last(spans: Sequence[Span], length: int) -> Iterator[Span]:
    """The last *length* milliseconds of *spans*."""
    for begin, end in reversed(spans):
        if length <= 0:
            return
        yield max(begin, end - length), end
        length -= end - begin
