"""The memory of what explains a lost buy box: Walmart's insights and the badges of offers.

They stand beside the offers and change none of them. Times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from walmart_stream.domain.reading.box_reasons import Badges, Compared, Insight
from walmart_stream.domain.reading.seller_observation import Sight
from walmart_stream.domain.time import to_iso

# SKUs of one item whose insights are remembered, those seen last. Sellers have a handful.
MOST_SKUS = 50


class Told(Struct, array_like=True, gc=False):
    """An insight: what it says since ``since``, last seen at ``observed_at``."""

    insight: Insight
    since: int
    observed_at: int

    def document(self) -> dict[str, Any]:
        """The fields that are stored with the seller's own offer."""
        one = self.insight
        return {
            "suggested_cents": one.suggested_cents,
            "suggested_by": one.suggested_by,
            "competitor_cents": one.competitor_cents,
            "box_price_cents": one.box_price_cents,
            "box_landed_cents": one.box_landed_cents,
            "win_rate_by_views": one.win_rate,
            "competitive": one.competitive,
            "fulfillment": one.fulfillment,
            "traffic": one.traffic,
            "since": to_iso(self.since),
        }


class Comparison(Struct, array_like=True, gc=False):
    """Badges: what they are since ``since``, last seen at ``observed_at``."""

    compared: Compared
    since: int
    observed_at: int

    def document(self) -> dict[str, Any]:
        """The fields that are stored with the seller's own offer."""
        return {
            "own": _side(self.compared.own),
            "winner": _side(self.compared.winner),
            "since": to_iso(self.since),
        }


class BoxReasons(Struct, array_like=True, gc=False):
    """The last words on an item, by SKU, and when the last insight was seen."""

    insights: dict[str, Told] = field(default_factory=dict)
    insights_at: int = 0
    comparison: Comparison | None = None

    def copy(self) -> BoxReasons:
        # What is in it is replaced, never changed.
        return BoxReasons(dict(self.insights), self.insights_at, self.comparison)

    @property
    def revision(self) -> int:
        """A number that grows with every word: the sum of the times of the last ones."""
        seen = 0 if self.comparison is None else self.comparison.observed_at
        return self.insights_at + seen

    def hear(self, sight: Sight, at: int) -> tuple[bool, bool, bool]:
        """Take over what *sight* at *at* says: whether it was newer, as old, and another word."""
        newer = equal = differs = False
        if sight.insight is not None:
            newer, equal = at > self.insights_at, at == self.insights_at
            if newer:
                self.insights_at = at
                differs = self._note(sight.insight_of or "", sight.insight, at)
        before = self.comparison
        # Of an event without any badges there is nothing to keep, unless it ends what was known.
        if sight.compared is not None and (before or sight.compared != Compared()):
            last = 0 if before is None else before.observed_at
            equal = equal or at == last
            if at > last:
                newer = True
                is_same = before is not None and before.compared == sight.compared
                since = before.since if is_same and before is not None else at
                self.comparison = Comparison(sight.compared, since, at)
                differs = differs or not is_same
        return newer, equal, differs

    def of(self, sku: str | None) -> Shown | None:
        """The words on *sku*, the own offer's; those on another one, where there are none."""
        told = self.insights.get(sku or "")
        if told is None and self.insights:
            told = max(self.insights.values(), key=lambda one: one.observed_at)
        return Shown(told, self.comparison) if told or self.comparison else None

    def _note(self, sku: str, insight: Insight, at: int) -> bool:
        before = self.insights.get(sku)
        if before is None and len(self.insights) >= MOST_SKUS:
            del self.insights[min(self.insights, key=lambda one: self.insights[one].observed_at)]
        is_same = before is not None and before.insight == insight
        since = before.since if is_same and before is not None else at
        self.insights[sku] = Told(insight, since, at)
        return not is_same


class Shown(Struct, frozen=True, gc=False):
    """The reasons that stand beside the own offer."""

    told: Told | None
    comparison: Comparison | None

    @property
    def insights(self) -> dict[str, Any] | None:
        """Walmart's insights, as they are stored."""
        return None if self.told is None else self.told.document()

    @property
    def compared(self) -> dict[str, Any] | None:
        """The badges of the own offer and the winner's, as they are stored."""
        return None if self.comparison is None else self.comparison.document()


def _side(badges: Badges | None) -> dict[str, Any] | None:
    if badges is None:
        return None
    return {"wfs": badges.wfs, "pro_seller": badges.pro_seller, "speed": badges.speed}
