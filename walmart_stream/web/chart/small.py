"""Small pictures for the rows of a table: the course of a price, and the holder of the buy box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from walmart_stream.domain.series.segments import Segment
from walmart_stream.domain.series.thinning import thin
from walmart_stream.web.chart.axes import Scale, price_range
from walmart_stream.web.chart.marks import Svg, box, glyph, number, path, text_of
from walmart_stream.web.chart.picture import steps as commands
from walmart_stream.web.words import dollars


def sparkline(
    steps: Sequence[Sequence[Any]],
    begin: int,
    end: int,
    *,
    until: int | None = None,
    name: str = "price",
    width: int = 120,
    height: int = 28,
) -> Svg:
    """The course of a price by *steps* ``[epoch ms, cents or None]``, oldest first.

    Each holds until the next one, the last until *until* (by default *end*): until when it counts
    as known. ``None`` is a gap. *name* says whose price it is, for those who do not see it.
    """
    last = min(end, end if until is None else until)
    found = thin(list(_segments(steps, begin, end, last)), 2 * width)
    prices = [one.cents for one in found if one.cents is not None]
    said = text_of(_said(name, prices), 200)
    drawn = ""
    if prices:
        low, high = price_range(prices)
        across, up = Scale(begin, end, 0, width), Scale(low, high, height - 2, 2)
        drawn = path(commands(found, "price", across, up), "price s0")
    return _svg("sparkline", width, height, said, drawn)


def mini_ribbon(
    steps: Sequence[Sequence[Any]],
    begin: int,
    end: int,
    *,
    until: int | None = None,
    width: int = 120,
    height: int = 10,
) -> Svg:
    """The holder of the buy box by *steps* ``[epoch ms, holder, seller, suppressed]``."""
    last = min(end, end if until is None else until)
    across = Scale(begin, end, 0, width)
    own = known = 0
    drawn = [box(0, 0, width, height, "held unknown")]
    for step, following in pairwise([*steps, None]):
        assert step is not None
        low = max(step[0], begin)
        high = last if following is None else min(following[0], last)
        holder = "suppressed" if step[3] and step[1] != "own" else step[1]
        if low >= high or holder not in ("own", "rival", "none", "suppressed"):
            continue
        known += high - low
        own += high - low if holder == "own" else 0
        wide = across(high) - across(low)
        drawn.append(box(across(low), 0, wide, height, f"held {holder}"))
    said = f"buy box: own {own / known:.0%} of the known time" if known else "buy box: unknown"
    return _svg("mini-ribbon", width, height, said, "".join(drawn))


def sign(series: int) -> Svg:
    """The sign of the series of that number, for a legend."""
    return Svg(
        f'<svg class="sign s{series}" viewBox="-5 -5 10 10" aria-hidden="true" '
        f'xmlns="http://www.w3.org/2000/svg">{glyph(series, 0, 0)}</svg>'
    )


def _segments(steps: Sequence[Sequence[Any]], begin: int, end: int, last: int) -> Iterator[Segment]:
    at = begin
    for step, following in pairwise([*steps, None]):
        assert step is not None
        low = max(step[0], begin)
        high = last if following is None else min(following[0], last)
        if low >= high:
            continue
        if at < low:
            yield Segment(at, low, "unknown")
        cents = step[1]
        yield Segment(low, high, "unknown" if cents is None else "price", cents)
        at = high
    if at < end:
        yield Segment(at, end, "unknown")


def _said(name: str, prices: Sequence[int]) -> str:
    if not prices:
        return f"{name}: not known"
    low, high = min(prices), max(prices)
    if low == high:
        return f"{name}: {dollars(low)}"
    return f"{name}: between {dollars(low)} and {dollars(high)}, {dollars(prices[-1])} last"


def _svg(name: str, width: int, height: int, said: str, drawn: str) -> Svg:
    return Svg(
        f'<svg class="{name}" viewBox="0 0 {number(width)} {number(height)}" role="img" '
        f'aria-label="{said}" preserveAspectRatio="none" xmlns="http://www.w3.org/2000/svg">'
        f"{drawn}</svg>"
    )
