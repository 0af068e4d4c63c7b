"""How one item is offered at a moment: the sandbox's model, in integer cents.

The JSON that is served and the ground truth that is kept are both made from a ``Listing``;
a fault that hides a field takes it out of the listing first, so that the two cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypedDict

WALMART = "Walmart.com"


@dataclass(frozen=True, slots=True)
class Offer:
    """One offer's fields; ``None`` is a key that Walmart leaves out. Money is integer cents."""

    price_cents: int | None
    shipping_cents: int | None = None
    two_day_cents: int | None = None
    available: bool | None = True
    seller: str | None = None


class OfferReading(TypedDict):
    """One offer in an answer, as the ground truth states it."""

    price_cents: int | None
    shipping_cents: int | None
    available: bool
    seller: str | None


class OffersReading(TypedDict):
    """Both offers that an affiliate answer can name; no ``bestMarketplacePrice`` is ``None``."""

    featured: OfferReading
    marketplace: OfferReading | None


@dataclass(frozen=True, slots=True)
class Listing:
    """The featured offer and the best third-party offer beside it.

    ``third_party`` is Walmart's ``marketplace`` flag: the featured offer is itself a
    third party's, its name is ``featured.seller``. Otherwise Walmart sells the item.
    """

    third_party: bool
    featured: Offer
    marketplace: Offer | None = None

    def without(self, field: str) -> Listing:
        """The listing with one JSON field hidden, named as in Walmart's JSON.

        Fields of the inner object are dotted (``bestMarketplacePrice.price``); a name that is
        not part of the listing changes nothing.
        """
        if field == "bestMarketplacePrice":
            return replace(self, marketplace=None)
        outer, _, inner = field.partition(".")
        if outer == "bestMarketplacePrice":
            if self.marketplace is None or inner not in MARKETPLACE_FIELDS:
                return self
            return replace(self, marketplace=_hide(self.marketplace, MARKETPLACE_FIELDS[inner]))
        if field not in FEATURED_FIELDS:
            return self
        return replace(self, featured=_hide(self.featured, FEATURED_FIELDS[field]))

    def reading(self) -> OffersReading:
        """The offers of this listing: one without a price, or switched off, is unavailable."""
        seller = self.featured.seller or WALMART
        marketplace = self.marketplace
        return {
            "featured": _read(self.featured, seller),
            "marketplace": None if marketplace is None else _read(marketplace, marketplace.seller),
        }


FEATURED_FIELDS = {
    "salePrice": "price_cents",
    "standardShipRate": "shipping_cents",
    "twoThreeDayShippingRate": "two_day_cents",
    "availableOnline": "available",
    "sellerInfo": "seller",
}
MARKETPLACE_FIELDS = FEATURED_FIELDS | {"price": "price_cents"}
del MARKETPLACE_FIELDS["salePrice"]


def _hide(offer: Offer, attribute: str) -> Offer:
    return Offer(
        price_cents=None if attribute == "price_cents" else offer.price_cents,
        shipping_cents=None if attribute == "shipping_cents" else offer.shipping_cents,
        two_day_cents=None if attribute == "two_day_cents" else offer.two_day_cents,
        available=None if attribute == "available" else offer.available,
        seller=None if attribute == "seller" else offer.seller,
    )


def _read(offer: Offer, seller: str | None) -> OfferReading:
    if offer.price_cents is None or offer.available is False:
        return {"price_cents": None, "shipping_cents": None, "available": False, "seller": None}
    return {
        "price_cents": offer.price_cents,
        "shipping_cents": offer.shipping_cents,
        "available": True,
        "seller": seller,
    }
