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


def joined(pieces: Iterable[Segment], begin: int, end: int) -> list[Segment]:
    """*pieces* in order, with holes filled as unknown and equal neighbours made one."""
    found: list[Segment] = []
    at = begin
    for piece in pieces:
        if piece.begin > at:
            _append(found, Segment(at, piece.begin, UNKNOWN))
        _append(found, piece)
        at = piece.end
    if at < end:
        _append(found, Segment(at, end, UNKNOWN))
    return found


def _append(found: list[Segment], piece: Segment) -> None:
    if found:
        last = found[-1]
        if last.kind == piece.kind and last.cents == piece.cents:
            found[-1] = Segment(last.begin, piece.end, last.kind, last.cents)
            return
    found.append(piece)


def _pieces(
    steps: Sequence[Step], seen: Sequence[Span], begin: int, end: int, basis: Basis
) -> Iterator[Segment]:
    """The parts of [*begin*, *end*) in which the offer was seen."""
    number = 0
    for span_begin, span_end in seen:
        low, high = max(span_begin, begin), min(span_end, end)
        while low < high:
            while number + 1 < len(steps) and steps[number + 1].at <= low:
                number += 1
            if number >= len(steps) or steps[number].at > low:
                # Seen, but no price of it is stored.
                low = steps[number].at if number < len(steps) else high
                continue
            until = steps[number + 1].at if number + 1 < len(steps) else high
            kind, cents = _value(steps[number], basis)
            yield Segment(low, min(until, high), kind, cents)
            low = until


def _value(step: Step, basis: Basis) -> tuple[Kind, int | None]:
    _, price, shipping, available, _ = step
    if not available:
        return UNAVAILABLE, None
    if price is None:
        return UNKNOWN, None
    if basis == "item":
        return PRICE, price
    return (PARTIAL, price) if shipping is None else (PRICE, price + shipping)
