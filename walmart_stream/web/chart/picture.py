"""The step chart of an item's prices, with what is not known, and the buy box below.

A price is drawn where it is known and nowhere else: a line ends where its price has run out, and
the lane of its offer is hatched there. An offer that could not be ordered has a bar of another
shape in its lane. Where that is so of every offer that is shown, a band crosses the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from walmart_stream.domain.series.ribbon import Held
from walmart_stream.domain.series.segments import Segment
from walmart_stream.domain.series.thinning import thin, thin_ribbon
from walmart_stream.domain.time import parse_iso
from walmart_stream.web.chart.axes import Scale, price_range, price_ticks, time_ticks
from walmart_stream.web.chart.marks import Svg, box, glyph, label, line, number, path, text_of
from walmart_stream.web.chart.words import summary
from walmart_stream.web.words import dollars

HEIGHT = 300
# Between the edge and the plot, for the labels of prices.
LEFT, RIGHT, TOP = 62, 14, 14
LANE, BETWEEN = 9, 4
RIBBON = 16
AXIS = 20
# Labels "+ ?": more would cover the line.
MOST_NOTES = 24
# Pixels that a label needs. "+ ?" may reach beyond its line: nothing else is at its height.
NOTE_WIDTH, NAME_WIDTH = 10, 60
# Pixels of a gap in its lane: shorter ones are drawn as wide.
LEAST = 1.5


class _Series(NamedTuple):
    number: int
    name: str
    found: list[Segment]


def chart(data: Mapping[str, Any], *, width: int = 960, ident: str = "chart") -> Svg:
    """The SVG of :func:`walmart_stream.web.item_series.series_data`'s answer.

    *width* is in pixels, to which a longer series is thinned. *ident* makes the ids of the picture
    its own where a page has several: letters, digits and hyphens.
    """
    begin, end = parse_iso(data["from"]), parse_iso(data["to"])
    series = [
        _Series(place, one["offer"], thin([Segment(*each) for each in one["segments"]], 2 * width))
        for place, one in enumerate(data["offers"])
    ]
    across = Scale(begin, end, LEFT, width - RIGHT)
    bottom = HEIGHT - AXIS
    lanes = bottom + BETWEEN
    below = lanes + len(series) * (LANE + BETWEEN)
    held = data["buy_box"]
    height = below + (RIBBON + BETWEEN if held else 0) + AXIS
    drawn = [
        *_hatches(ident),
        *_times(begin, end, across, height, width),
        *_bands(series, across, bottom, ident),
        *_plot(series, across, bottom, width),
        *_lanes(series, across, lanes, ident),
        *(_ribbon(held["segments"], across, below, width, ident) if held else ()),
    ]
    said = text_of(summary(data), 1_000)
    return Svg(
        f'<svg class="chart" id="{ident}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{said}" data-begin="{begin}" data-end="{end}" data-left="{LEFT}" '
        f'data-right="{width - RIGHT}" data-top="{TOP}" data-bottom="{bottom}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(drawn)}</svg>'
    )


def _hatches(ident: str) -> Iterator[str]:
    """The patterns of what is not seen, not available, and nobody's buy box."""
    for name, drawn in (
        ("unseen", "M-1 1L1 -1M-1 7L7 -1M5 7L7 5"),
        ("away", "M0 3H6"),
        ("nobody", "M-1 -1L7 7M5 -1L7 1M-1 5L1 7"),
    ):
        yield (
            f'<pattern id="{ident}-{name}" width="6" height="6" '
            f'patternUnits="userSpaceOnUse"><path class="hatch {name}" d="{drawn}"/></pattern>'
        )


def _bands(series: Sequence[_Series], across: Scale, bottom: float, ident: str) -> Iterator[str]:
    """Across the plot, where no offer has a price: not seen, or none of them available."""
    for begin, end, is_away in _common_gaps(series):
        name = "away" if is_away else "unseen"
        x, wide = across(begin), across(end) - across(begin)
        yield box(x, TOP, wide, bottom - TOP, f"band {name}", f' fill="url(#{ident}-{name})"')
        words = "not available" if is_away else "not seen"
        if wide > NAME_WIDTH:
            yield label(x + wide / 2, TOP + 14, words, "note middle")


def _common_gaps(series: Sequence[_Series]) -> list[tuple[int, int, bool]]:
    """[begin, end) in which no offer has a price, and whether none of them was available."""
    edges = sorted({one.begin for each in series for one in each.found})
    edges += [series[0].found[-1].end] if edges else []
    places = [0] * len(series)
    found: list[tuple[int, int, bool]] = []
    for begin, end in pairwise(edges):
        kinds = set()
        for place, each in enumerate(series):
            while each.found[places[place]].end <= begin:
                places[place] += 1
            kinds.add(each.found[places[place]].kind)
        if not kinds.isdisjoint(("price", "partial")):
            continue
        is_away = kinds == {"unavailable"}
        if found and found[-1][1:] == (begin, is_away):
            begin = found.pop()[0]
        found.append((begin, end, is_away))
    return found


def _plot(series: Sequence[_Series], across: Scale, bottom: float, width: int) -> Iterator[str]:
    """Price lines over their grid; the first series lies on top."""
    prices = [one.cents for each in series for one in each.found if one.cents is not None]
    if not prices:
        yield label(width / 2, HEIGHT / 2, "No price is known in this time", "note middle")
        return
    low, high = price_range(prices)
    up = Scale(low, high, bottom, TOP)
    for tick in price_ticks(low, high, 6):
        yield line(LEFT, up(tick), width - RIGHT, up(tick), "grid")
        words = f"{dollars(tick)}"
        yield label(LEFT - 8, up(tick) + 4, words, "tick end", f' data-money="{tick}"')
    for each in reversed(series):
        yield path(steps(each.found, "price", across, up), f"price s{each.number}")
        yield path(steps(each.found, "partial", across, up), f"partial s{each.number}")
        yield from _notes(each, across, up)
        last = next((one for one in reversed(each.found) if one.cents is not None), None)
        if last is not None and last.cents is not None:
            yield glyph(each.number, across(last.end), up(last.cents))


def steps(found: Iterable[Segment], kind: str, across: Scale, up: Scale) -> Iterator[str]:
    """The commands of the path of the segments of *kind*: M, H and V, a new M after each gap."""
    at: int | None = None
    for one in found:
        if one.kind != kind or one.cents is None:
            continue
        y = number(up(one.cents))
        yield f"V{y}" if one.begin == at else f"M{number(across(one.begin))} {y}"
        yield f"H{number(across(one.end))}"
        at = one.end


def _notes(each: _Series, across: Scale, up: Scale) -> Iterator[str]:
    """The label of item prices whose shipping is not known."""
    count = 0
    for one in each.found:
        if one.kind != "partial" or one.cents is None or count == MOST_NOTES:
            continue
        if across(one.end) - across(one.begin) >= NOTE_WIDTH:
            count += 1
            yield label(across(one.begin) + 4, up(one.cents) - 5, "+ ?", f"note s{each.number}")


def _lanes(series: Sequence[_Series], across: Scale, top: float, ident: str) -> Iterator[str]:
    """A lane for each offer: where it was not seen, and where it could not be ordered."""
    for each in series:
        y = top + each.number * (LANE + BETWEEN)
        yield glyph(each.number, LEFT - 12, y + LANE / 2)
        wide = across.at_high - across.at_low
        yield box(across.at_low, y, wide, LANE, f"lane s{each.number}", inside=text_of(each.name))
        unseen = _bars(each.found, "unknown", across, y, LANE)
        yield path(unseen, "gap unseen", f' fill="url(#{ident}-unseen)"')
        yield path(_bars(each.found, "unavailable", across, y + LANE / 2 - 1.5, 3), "gap away")


def _bars(
    found: Iterable[Segment], kind: str, across: Scale, y: float, height: float
) -> Iterator[str]:
    """The commands of one path of bars, each wide enough to be seen."""
    for one in found:
        if one.kind == kind:
            x = across(one.begin)
            wide = max(across(one.end) - x, LEAST)
            yield f"M{number(x)} {number(y)}h{number(wide)}v{number(height)}h{number(-wide)}z"


def _ribbon(
    segments: Sequence[Sequence[Any]], across: Scale, y: float, width: int, ident: str
) -> Iterator[str]:
    """The holder of the buy box: own solid, a rival light with its name, nobody hatched."""
    yield label(LEFT - 8, y + RIBBON - 4, "buy box", "tick end")
    yield box(across.at_low, y, across.at_high - across.at_low, RIBBON, "held unknown")
    for one in thin_ribbon([Held(*each) for each in segments], width // 2):
        if one.holder == "unknown":
            continue
        x, wide = across(one.begin), across(one.end) - across(one.begin)
        seller = text_of(one.seller or "a rival")
        said = {"own": "own", "rival": seller, "none": "nobody", "suppressed": "suppressed"}
        words = said[one.holder]
        fill = f' fill="url(#{ident}-nobody)"' if one.holder in ("none", "suppressed") else ""
        yield box(x, y, wide, RIBBON, f"held {one.holder}", fill, words)
        if wide > NAME_WIDTH:
            # Some 6.5 pixels a character.
            shown = (
                text_of(one.seller or "a rival", int(wide / 6.5))
                if one.holder == "rival"
                else words
            )
            yield label(x + 5, y + RIBBON - 4, shown, f"name {one.holder}")


def _times(begin: int, end: int, across: Scale, height: float, width: int) -> Iterator[str]:
    """The time axis, which the plot, the lanes and the ribbon share."""
    for at, words in time_ticks(begin, end, max(4, width // 110)):
        x = across(at)
        yield line(x, TOP, x, height - AXIS + 2, "grid")
        place = (
            "middle" if LEFT + 20 < x < across.at_high - 20 else "start" if x < width / 2 else "end"
        )
        yield label(x, height - 5, words, f"tick {place}", f' data-time="{at}"')
