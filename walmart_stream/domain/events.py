"""Events derived from observations: the values of the results topic.

Their identity is their content (item, offer, time), never a clock, a random number or a log
position: deriving one again overwrites it with itself.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, to_builtins
from msgspec.json import Encoder

from walmart_stream.domain.box_reasons import Shown
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Window

FIRST_SEEN = "first_seen"


class Source(Struct, frozen=True, gc=False):
    """Where in the log an observation stands."""

    topic: str
    partition: int
    offset: int


class PriceChange(Struct, frozen=True, gc=False):
    """An offer differs from what it was before, or was seen for the first time.

    ``buy_box`` comes with the own offer, once it is known who holds the box. ``kinds`` is empty
    where nothing else differs. ``newest`` is the newest observation of the whole item, where that
    is not this one, to which the own offer adds those of its ``reasons``.
    """

    item_id: str
    offer: str
    name: str | None
    kinds: tuple[str, ...]
    now: Offer
    previous: Offer | None
    observed_at: int
    source: Source
    buy_box: BuyBox | None = None
    newest: int = 0
    reasons: Shown | None = None

    def document(self) -> dict[str, Any]:
        """JSON fields; ``delta_cents`` is of landed prices where both are known, else of prices.

        ``delta_pct`` is 100 times the delta over the previous amount, ``None`` where that is 0.
        """
        document: dict[str, Any] = to_builtins(self.value())
        return document

    def value(self) -> _PriceChangeValue:
        """The encoded form of :meth:`document`."""
        price, shipping, two_day, available, seller = self.now
        landed = None if price is None or shipping is None else price + shipping
        before = self.previous
        delta = delta_pct = previous = None
        if before is not None:
            price_before, shipping_before, _, available_before, seller_before = before
            landed_before = before.landed_cents
            old, new = landed_before, landed
            if old is None or new is None:
                old, new = price_before, price
            if old is not None and new is not None:
                delta = new - old
                delta_pct = delta * 100 / old if old else None
            previous = _PreviousValue(
                price_before, shipping_before, landed_before, available_before, seller_before
            )
        reasons = self.reasons
        insights, compared = _NOT_EXPLAINED if reasons is None else _explained(reasons)
        return _PriceChangeValue(
            1,
            self.item_id,
            self.offer,
            self.name,
            seller,
            self.kinds,
            price,
            shipping,
            landed,
            two_day,
            available,
            previous,
            delta,
            delta_pct,
            to_iso(self.observed_at),
            self.source,
            UNSET if self.buy_box is None else self.buy_box.document(),
            UNSET if self.newest <= self.observed_at else self.observed_at + self.newest,
            insights,
            compared,
        )


class OfferUpdated(Struct, frozen=True, gc=False):
    """Something that an offer's document holds has changed, but nothing that is a price change.

    That is the item's name, two-day shipping, or what explains the buy box. ``observed_at`` is the
    offer's last observation, ``newest`` that of the whole item.
    """

    item_id: str
    offer: str
    name: str | None
    now: Offer
    changed_at: int
    observed_at: int
    newest: int
    buy_box: BuyBox | None = None
    reasons: Shown | None = None

    def document(self) -> dict[str, Any]:
        """JSON fields."""
        document: dict[str, Any] = to_builtins(self.value())
        return document

    def value(self) -> _OfferUpdatedValue:
        """The encoded form of :meth:`document`."""
        price, shipping, two_day, available, seller = self.now
        reasons = self.reasons
        insights, compared = _NOT_EXPLAINED if reasons is None else _explained(reasons)
        return _OfferUpdatedValue(
            1,
            self.item_id,
            self.offer,
            self.name,
            seller,
            price,
            shipping,
            self.now.landed_cents,
            two_day,
            available,
            to_iso(self.changed_at),
            to_iso(self.observed_at),
            self.observed_at + self.newest,
            UNSET if self.buy_box is None else self.buy_box.document(),
            insights,
            compared,
        )


class WindowClosed(Struct, frozen=True, gc=False):
    """The aggregates of one offer's window, as of its last observation at ``seen_at``.

    ``known_ms``, ``carried`` and ``since`` are those of the :class:`Window`.
    """

    item_id: str
    offer: str
    start: int
    end: int
    observations: int
    changes: int
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    mean: float | None
    coverage: float
    known_ms: int
    carried: bool | None
    seen_at: int
    since: int | None = None

    def document(self) -> dict[str, Any]:
        """JSON fields; prices are landed cents, ``mean`` is weighted by time."""
        document: dict[str, Any] = to_builtins(self.value())
        return document

    def value(self) -> _WindowClosedValue:
        """The encoded form of :meth:`document`.

        A window that the first release began has that release's fields and no others.
        """
        is_new = self.carried is not None
        return _WindowClosedValue(
            1,
            self.item_id,
            self.offer,
            to_iso(self.start),
            to_iso(self.end),
            self.observations,
            self.changes,
            self.open,
            self.high,
            self.low,
            self.close,
            self.mean,
            self.coverage,
            (self.end - self.start) // 1000 if is_new else UNSET,
            self.known_ms / 1000 if is_new else UNSET,
            UNSET if self.carried is None else self.carried,
            to_iso(self.seen_at) if is_new else UNSET,
            UNSET if self.since is None else to_iso(self.since),
        )


Event = PriceChange | OfferUpdated | WindowClosed


class _PreviousValue(Struct, gc=False):
    price_cents: int | None
    shipping_cents: int | None
    landed_cents: int | None
    available: bool
    seller: str | None


# The fields in the order in which they are written. Structs are made and encoded in half the time
# that dicts take.
class _PriceChangeValue(Struct, gc=False, tag_field="type", tag="price_change"):
    schema: Literal[1]
    item_id: str
    offer: str
    name: str | None
    seller: str | None
    kinds: tuple[str, ...]
    price_cents: int | None
    shipping_cents: int | None
    landed_cents: int | None
    two_day_cents: int | None
    available: bool
    previous: _PreviousValue | None
    delta_cents: int | None
    delta_pct: float | None
    observed_at: str
    source: Source
    buy_box: dict[str, Any] | UnsetType
    revision: int | UnsetType
    insights: dict[str, Any] | UnsetType
    compared: dict[str, Any] | UnsetType


class _OfferUpdatedValue(Struct, gc=False, tag_field="type", tag="offer_updated"):
    schema: Literal[1]
    item_id: str
    offer: str
    name: str | None
    seller: str | None
    price_cents: int | None
    shipping_cents: int | None
    landed_cents: int | None
    two_day_cents: int | None
    available: bool
    changed_at: str
    observed_at: str
    revision: int
    buy_box: dict[str, Any] | UnsetType
    insights: dict[str, Any] | UnsetType
    compared: dict[str, Any] | UnsetType


class _WindowClosedValue(Struct, gc=False, tag_field="type", tag="window_closed"):
    schema: Literal[1]
    item_id: str
    offer: str
    start: str
    end: str
    observations: int
    changes: int
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    mean: float | None
    coverage: float
    width_s: int | UnsetType
    known_for_s: float | UnsetType
    carried: bool | UnsetType
    seen_at: str | UnsetType
    since: str | UnsetType


_encode = Encoder().encode


def encode(event: Event) -> bytes:
    """The results topic's value."""
    return _encode(event.value())


def summarise(item_id: str, offer: str, window: Window, now: Offer, seen_at: int) -> WindowClosed:
    """The summary of *window* if nothing else is observed in it.

    *now* is the offer's last state, seen at *seen_at*; it counts up to the window's end or until
    it is no longer known. Mean: sum(price x time) / sum(time). Coverage: sum(time) / width.
    """
    end = window.start + window.width_ms
    weighted, covered = window.weighted, window.covered
    landed = now.landed_cents
    if landed is not None:
        known_for = window.known_for(seen_at, end)
        weighted += landed * known_for
        covered += known_for
    return WindowClosed(
        item_id,
        offer,
        window.start,
        end,
        window.observations,
        window.changes,
        window.open,
        window.high,
        window.low,
        window.close,
        weighted / covered if covered else None,
        covered / window.width_ms,
        window.known_ms,
        window.carried,
        seen_at,
        window.since,
    )


_Words = dict[str, Any] | UnsetType

# Insights and comparison of an offer that has neither.
_NOT_EXPLAINED: tuple[_Words, _Words] = UNSET, UNSET


def _explained(reasons: Shown) -> tuple[_Words, _Words]:
    """Insights and comparison, as far as there are any."""
    insights, compared = reasons.insights, reasons.compared
    return (
        UNSET if insights is None else insights,
        UNSET if compared is None else compared,
    )
