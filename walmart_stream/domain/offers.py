"""Offers: who sells an item for how much."""

from __future__ import annotations

from typing import NamedTuple

FEATURED = "featured"
MARKETPLACE = "marketplace"
OWN = "own"
# In front of a seller's name.
RIVAL = "rival:"
WALMART = "Walmart.com"


class Offer(NamedTuple):
    """An offer as observed. Money in cents; ``None`` is unknown, and 0 shipping is free."""

    price_cents: int | None
    shipping_cents: int | None
    two_day_cents: int | None
    available: bool
    seller: str | None

    @property
    def landed_cents(self) -> int | None:
        """Price plus standard shipping, where both are known."""
        # By index, in half the time: every observation asks for it.
        price, shipping = self[0], self[1]
        return None if price is None or shipping is None else price + shipping


UNAVAILABLE = Offer(None, None, None, False, None)
