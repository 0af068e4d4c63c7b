"""The offers that an item names as the Affiliate API sends it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.money import cents
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, UNAVAILABLE, WALMART, Offer

_BEST = "bestMarketplacePrice."

# Half the time of calling a named tuple's class.
_new_tuple = tuple.__new__

# Longer texts are cut: state, changelog and documents carry them, and Walmart's own limits for
# product and seller names are shorter.
MAX_NAME = 500
MAX_SELLER = 200


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
    get = item.get
    featured = featured_offer(
        get("salePrice"),
        get("standardShipRate"),
        get("twoThreeDayShippingRate"),
        get("sellerInfo"),
        get("availableOnline"),
    )
    if best is None:
        return {FEATURED: featured, MARKETPLACE: None}
    get = best.get
    return {
        FEATURED: featured,
        MARKETPLACE: marketplace_offer(
            get("price"),
            get("standardShipRate"),
            get("twoThreeDayShippingRate"),
            get("sellerInfo"),
            get("availableOnline"),
        ),
    }


def item_name(item: Mapping[str, Any]) -> str | None:
    """The item's name without HTML entities."""
    name = item.get("name")
    return None if name is None else text_of(name, "name", MAX_NAME)


def featured_offer(
    price: object, shipping: object, two_day: object, seller: object, online: object
) -> Offer:
    """The offer that an item's own fields name; without a seller it is Walmart's.

    The arguments are the values of ``salePrice``, ``standardShipRate``,
    ``twoThreeDayShippingRate``, ``sellerInfo`` and ``availableOnline``, ``None`` where absent.

    Raises:
        BadInput, Doubtful: see :func:`affiliate_offers`.
    """
    return _offer("salePrice", "", WALMART, price, shipping, two_day, seller, online)


def marketplace_offer(
    price: object, shipping: object, two_day: object, seller: object, online: object
) -> Offer:
    """The offer in ``bestMarketplacePrice``, as :func:`featured_offer`."""
    return _offer("price", _BEST, None, price, shipping, two_day, seller, online)


def _offer(
    price_field: str,
    prefix: str,
    unnamed: str | None,
    price: object,
    shipping: object,
    two_day: object,
    seller: object,
    online: object,
) -> Offer:
    """One offer; *unnamed* sells it if the answer does not say who."""
    # Everything is read before availability decides, so that a wrong type is found either way.
    price_cents = None if price is None else cents(price, price_field, prefix)
    shipping_cents = None if shipping is None else cents(shipping, "standardShipRate", prefix)
    two_day_cents = None if two_day is None else cents(two_day, "twoThreeDayShippingRate", prefix)
    named = unnamed
    if seller is not None:
        named = text_of(seller, "sellerInfo", MAX_SELLER, prefix) or unnamed
    if online is not None and online is not True:
        online = _flag(online, "availableOnline", prefix)
    if price_cents is None or online is False:
        return UNAVAILABLE
    return _new_tuple(Offer, (price_cents, shipping_cents, two_day_cents, True, named))


def text_of(value: object, field: str, longest: int, prefix: str = "") -> str | None:
    """*value* without HTML entities and blanks around it, cut to *longest* characters.

    Raises:
        WrongShape: it is no text; the error names *prefix* and *field*.
    """
    if not isinstance(value, str):
        raise WrongShape(f"{prefix}{field}: text is due, not {type(value).__name__}")
    if "&" in value:
        value = _unescape(value) if len(value) <= MAX_NAME else html.unescape(value)
    return value.strip()[:longest] or None


# An item's answers name it in the same words each time. Some ten megabytes.
_unescape = lru_cache(maxsize=20_000)(html.unescape)


def _flag(value: object, field: str, prefix: str) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise WrongShape(f"{prefix}{field}: true or false is due")
