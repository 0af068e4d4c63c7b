"""What is derived from observations: the values of the results topic.

Their identity is their content (item, offer, time), never a clock, a random number or a log
position: deriving one again overwrites it with itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from msgspec import Struct

from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Rules, Window

FIRST_SEEN = "first_seen"


class Source(NamedTuple):
    """Where in the log an observation stands."""

    topic: str
    partition: int
    offset: int


class PriceChange(Struct, frozen=True, gc=False):
    """An offer differs from what it was before, or was seen for the first time.

    ``buy_box`` comes with the own offer, once it is known who holds the box. ``kinds`` is empty
    where nothing else differs.
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

    def document(self) -> dict[str, Any]:
        """JSON fields; ``delta_cents`` is of landed prices where both are known, else of prices.

        ``delta_pct`` is 100 times the delta over the previous amount, ``None`` where that is 0.
        """
        now, before, source = self.now, self.previous, self.source
        landed = now.landed_cents
        delta = delta_pct = previous = None
        if before is not None:
            landed_before = before.landed_cents
            if landed is not None and landed_before is not None:
                delta, delta_pct = _delta(landed, landed_before)
            elif now.price_cents is not None and before.price_cents is not None:
                delta, delta_pct = _delta(now.price_cents, before.price_cents)
            previous = {
                "price_cents": before.price_cents,
                "shipping_cents": before.shipping_cents,
                "landed_cents": landed_before,
                "available": before.available,
                "seller": before.seller,
            }
        document: dict[str, Any] = {
            "type": "price_change",
            "schema": 1,
            "item_id": self.item_id,
            "offer": self.offer,
            "name": self.name,
            "seller": now.seller,
            "kinds": self.kinds,
            "price_cents": now.price_cents,
            "shipping_cents": now.shipping_cents,
            "landed_cents": landed,
            "two_day_cents": now.two_day_cents,
            "available": now.available,
            "previous": previous,
            "delta_cents": delta,
            "delta_pct": delta_pct,
            "observed_at": to_iso(self.observed_at),
            "source": {
                "topic": source.topic,
                "partition": source.partition,
                "offset": source.offset,
            },
        }
        if self.buy_box is not None:
            document["buy_box"] = self.buy_box.document()
        return document


class WindowClosed(Struct, frozen=True, gc=False):
    """The aggregates of one offer's window, complete as of ``observations`` of them."""

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

    def document(self) -> dict[str, Any]:
        """JSON fields; prices are landed cents, ``mean`` is weighted by time."""
        return {
            "type": "window_closed",
            "schema": 1,
            "item_id": self.item_id,
            "offer": self.offer,
            "start": to_iso(self.start),
            "end": to_iso(self.end),
            "observations": self.observations,
            "changes": self.changes,
            "open": self.open,
            "high": self.high,
            "low": self.low,
            "close": self.close,
            "mean": self.mean,
            "coverage": self.coverage,
        }


Event = PriceChange | WindowClosed


def encode(event: Event) -> bytes:
    """The results topic's value."""
    return orjson.dumps(event.document())


def summarise(
    item_id: str, offer: str, window: Window, now: Offer, seen_at: int, rules: Rules
) -> WindowClosed:
    """What *window* comes to if nothing else is observed in it.

    *now* is the offer's last state, seen at *seen_at*; it counts up to the window's end or until
    it is no longer known. Mean: sum(price x time) / sum(time). Coverage: sum(time) / width.
    """
    end = window.start + rules.window_ms
    final = window.copy()
    final.carry(now.landed_cents, seen_at, end, rules)
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
        final.weighted / final.covered if final.covered else None,
        final.covered / rules.window_ms,
    )


def _delta(now: int, before: int) -> tuple[int, float | None]:
    return now - before, (now - before) * 100 / before if before else None
