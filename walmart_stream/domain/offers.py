"""Offers: who sells an item for how much, read from an item as Walmart sends it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, NamedTuple

from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.money import cents

FEATURED = "featured"
MARKETPLACE = "marketplace"
WALMART = "Walmart.com"

# Longer texts are cut: state, changelog and documents carry them, and Walmart's own limits for
# product and seller names are shorter.
MAX_NAME = 500
MAX_SELLER = 200


class Offer(NamedTuple):
    """What one offer says. Money in cents; ``None`` is unknown, and 0 shipping is free."""

    price_cents: int | None
    shipping_cents: int | None
    two_day_cents: int | None
    available: bool
    seller: str | None

    @property
    def landed_cents(self) -> int | None:
        """Price plus standard shipping, where both are known."""
        if self.price_cents is None or self.shipping_cents is None:
            return None
        return self.price_cents + self.shipping_cents


UNAVAILABLE = Offer(None, None, None, False, None)


def affiliate_offers(item: Mapping[str, Any]) -> dict[str, Offer | None]:
    """The offers that an affiliate answer speaks for: featured, and marketplace.

    ``None`` for the marketplace offer means that the answer does not name one.

    Raises:
        BadInput: a field that is used has the wrong type or value.
        Doubtful: see :func:`walmart_stream.domain.money.cents`.
    """
    best = item.get("bestMarketplacePrice")
    if best is not None and not isinstance(best, dict):
        raise WrongShape("bestMarketplacePrice: an object is due")
    featured = _offer(item, "salePrice", "")
    if featured.available and featured.seller is None:
        featured = featured._replace(seller=WALMART)
    marketplace = None if best is None else _offer(best, "price", "bestMarketplacePrice.")
    return {FEATURED: featured, MARKETPLACE: marketplace}


def item_name(item: Mapping[str, Any]) -> str | None:
    """The item's name without HTML entities."""
    return _text(item.get("name"), "name", MAX_NAME)


def _offer(source: Mapping[str, Any], price_field: str, prefix: str) -> Offer:
    # Everything is read before availability decides, so that a wrong type is found either way.
    price = cents(source.get(price_field), prefix + price_field)
    shipping = cents(source.get("standardShipRate"), prefix + "standardShipRate")
    two_day = cents(source.get("twoThreeDayShippingRate"), prefix + "twoThreeDayShippingRate")
    seller = _text(source.get("sellerInfo"), prefix + "sellerInfo", MAX_SELLER)
    online = _flag(source.get("availableOnline"), prefix + "availableOnline")
    if price is None or online is False:
        return UNAVAILABLE
    return Offer(price, shipping, two_day, True, seller)


def _text(value: object, field: str, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongShape(f"{field}: text is due, not {type(value).__name__}")
    return html.unescape(value).strip()[:longest] or None


def _flag(value: object, field: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise WrongShape(f"{field}: true or false is due")
