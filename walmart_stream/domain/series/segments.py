"""Contiguous segments of an offer's price: known, known in part, not seen, not to be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from walmart_stream.domain.series.seen import Span, Step

Kind = Literal["price", "partial", "unknown", "unavailable"]
Basis = Literal["landed", "item"]

PRICE: Kind = "price"
PARTIAL: Kind = "partial"
UNKNOWN: Kind = "unknown"
UNAVAILABLE: Kind = "unavailable"


class Segment(NamedTuple):
    """[begin, end) in epoch ms. ``cents`` is a number where the kind is ``price`` or ``partial``.

    ``partial``: the item's price, while its shipping is unknown. ``unknown``: the offer was not
    seen for so long that its price is not known any more, or did not exist yet.
    """

    begin: int
    end: int
    kind: Kind
    cents: int | None = None


# A segment's values. Tuples cost a third of what segments do, and neighbours become one.
Piece = tuple[int, int, Kind, int | None]


def segments(
    steps: Sequence[Step], seen: Sequence[Span], begin: int, end: int, basis: Basis = "landed"
) -> list[Segment]:
    """The offer over [*begin*, *end*), without holes or overlaps; neighbours differ.

    *steps* are the offer's changes in order of time, those before *begin* included as far as they
    still count there; *seen* are disjoint spans in order: see
    :func:`~walmart_stream.domain.series.seen.seen_spans`. *basis* is the price that is asked for:
    the landed one, or the item's, for which shipping does not matter.
    """
    return joined(_pieces(steps, seen, begin, end, basis), begin, end)


def joined(pieces: Iterable[Piece], begin: int, end: int) -> list[Segment]:
    """*pieces* in order, with holes filled as unknown and equal neighbours made one."""
    found: list[Segment] = []
    # The segment under way: it ends where another kind or price begins.
    since, kind, cents = begin, UNKNOWN, None
    at = begin
    for low, high, new_kind, new_cents in pieces:
        if low > at and kind != UNKNOWN:
            found.append(Segment(since, at, kind, cents))
            since, kind, cents = at, UNKNOWN, None
        if new_kind != kind or new_cents != cents:
            if low > since:
                found.append(Segment(since, low, kind, cents))
            since, kind, cents = low, new_kind, new_cents
        at = high
    if at < end and kind != UNKNOWN:
        found.append(Segment(since, at, kind, cents))
        since, kind, cents = at, UNKNOWN, None
    if since < end:
        found.append(Segment(since, end, kind, cents))
    return found


def _pieces(
    steps: Sequence[Step], seen: Sequence[Span], begin: int, end: int, basis: Basis
) -> Iterator[Piece]:
    """The parts of [*begin*, *end*) in which the offer was seen."""
    number, last = 0, len(steps) - 1
    for span_begin, span_end in seen:
        low, high = max(span_begin, begin), min(span_end, end)
        while low < high:
            while number < last and steps[number + 1][0] <= low:
                number += 1
            if number > last or steps[number][0] > low:
                # Seen, but no price of it is stored.
                low = steps[number][0] if number <= last else high
                continue
            until = steps[number + 1][0] if number < last else high
            _, price, shipping, available, _ = steps[number]
            yield low, min(until, high), *_value(price, shipping, available, basis)
            low = until


def _value(
    price: int | None, shipping: int | None, available: bool, basis: Basis
) -> tuple[Kind, int | None]:
    if not available:
        return UNAVAILABLE, None
    if price is None:
        return UNKNOWN, None
    if basis == "item":
        return PRICE, price
    return (PARTIAL, price) if shipping is None else (PRICE, price + shipping)
