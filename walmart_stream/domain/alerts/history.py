"""The prices that a rule remembers, no more of them than can still matter.

A price holds from when it was seen until the next one, but for no longer than a price counts as
known; the rest is a gap.
"""

from __future__ import annotations

from bisect import bisect_right

from walmart_stream.domain.alerts.machine import Past

# Prices of one rule and item. A price that changes every hour makes 500 in three weeks; each takes
# ten bytes of the item's value.
MOST_POINTS = 500
MOST_GAPS = 50

LOW, HIGH = "low", "high"


def extend(
    past: Past | None, cents: int | None, at: int, known_ms: int, over: int, keep: str = ""
) -> Past:
    """*past* with the price *cents* seen at *at*; what ended *over* ago is dropped.

    *keep* ``low`` or ``high``: prices are dropped, too, that a later one makes meaningless for the
    lowest or highest one of any period up to now.
    """
    if past is None:
        return Past(at, at, cents, [] if cents is None else [(at, cents)])
    if at <= past.seen:
        return past
    runs_out = past.seen if past.last is None else min(at, past.seen + known_ms)
    if past.last is not None:
        past.points[-1] = (runs_out, past.points[-1][1])
    if runs_out < at:
        past.gaps.append((runs_out, at))
    past.seen, past.last = at, cents
    if cents is not None:
        _add(past, cents, at, keep)
    _trim(past, at - over, keep)
    return past


def price_at(past: Past, when: int) -> int | None:
    """The price that was known at *when*; ``None``: none was, or that is not remembered."""
    if when < past.since or when > past.seen:
        return None
    if any(begin <= when < end for begin, end in past.gaps):
        return None
    later = bisect_right(past.points, when, key=lambda point: point[0])
    if later == len(past.points):
        return past.last
    return past.points[later][1]


def extreme(past: Past, since: int, *, low: bool) -> int | None:
    """The lowest or highest price that was known after *since*."""
    known = [cents for until, cents in past.points if until > since]
    return (min(known) if low else max(known)) if known else None


def coverage(past: Past, start: int, end: int, known_ms: int) -> float:
    """The share of the time from *start* to *end* for which a price is known."""
    if past.since > start or end <= start:
        return 0.0
    runs_out = past.seen if past.last is None else past.seen + known_ms
    gaps = [*past.gaps, (runs_out, end)]
    unknown = sum(max(0, min(last, end) - max(first, start)) for first, last in gaps)
    return 1 - unknown / (end - start)


def _add(past: Past, cents: int, at: int, keep: str) -> None:
    points = past.points
    if keep:
        while points and (points[-1][1] >= cents if keep == LOW else points[-1][1] <= cents):
            points.pop()
    elif points and points[-1] == (at, cents):
        return
    points.append((at, cents))


def _trim(past: Past, ended: int, keep: str) -> None:
    points, gaps = past.points, past.gaps
    while len(points) > 1 and points[0][0] <= ended:
        points.pop(0)
    while gaps and gaps[0][1] <= ended:
        gaps.pop(0)
    while len(points) > MOST_POINTS:
        until, cents = points.pop(0)
        if keep:
            # As if it had held longer: rather no alert than a false one.
            choose = min if keep == LOW else max
            points[0] = (points[0][0], choose(cents, points[0][1]))
        else:
            past.since = max(past.since, until)
    while len(gaps) > MOST_GAPS:
        first, second = gaps.pop(0), gaps[0]
        gaps[0] = (first[0], second[1])
