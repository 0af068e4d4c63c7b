"""The offers that an item names as the Affiliate API sends it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, UNAVAILABLE, WALMART, Offer
from walmart_stream.domain.reading.amounts import cents, shipping_cents
from walmart_stream.domain.reading.seller_values import flag as yes_or_no
from walmart_stream.domain.reading.texts import MAX_NAME, MAX_SELLER, flag, text_of

_BEST = "bestMarketplacePrice."

# Half the time of calling a named tuple's class.
_new_tuple = tuple.__new__

# ``stock`` is "Available", "Limited Supply", "Last few items" or "Not available"; the others are
# how the same is written elsewhere at Walmart.
AVAILABLE = "Available"
_SOLD_OUT = re.compile("notavailable|unavailable|outofstock|notinstock|soldout")
_BETWEEN_LETTERS = re.compile(r"[\W_]+")
# The longest of them, with room for "currently" and the like. What is longer says something else.
_LONGEST_STOCK = 60


def affiliate_offers(item: Mapping[str, Any]) -> dict[str, Offer | None]:
    """The offers that an affiliate answer speaks for: featured, and marketplace.

    ``None`` for the marketplace offer means that the answer does not name one.

    Raises:
        BadInput: a field that is used has the wrong type or value.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    best = item.get("bestMarketplacePrice")
    if best is not None and not isinstance(best, dict):
        raise WrongShape("bestMarketplacePrice: must be an object")
    get = item.get
    featured = featured_offer(
        get("salePrice"),
        get("standardShipRate"),
        get("twoThreeDayShippingRate"),
        get("sellerInfo"),
        get("availableOnline"),
        get("stock"),
        get("marketplace"),
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
            get("stock"),
        ),
    }


def item_name(item: Mapping[str, Any]) -> str | None:
    """The item's name without HTML entities."""
    name = item.get("name")
    return None if name is None else text_of(name, "name", MAX_NAME)


def featured_offer(
    price: object,
    shipping: object,
    two_day: object,
    seller: object,
    online: object,
    stock: object,
    marketplace: object,
) -> Offer:
    """The offer that an item's own fields name.

    Without a seller it is Walmart's, unless ``marketplace`` says that a third party sells it:
    then the seller is unknown.

    The arguments are the values of ``salePrice``, ``standardShipRate``,
    ``twoThreeDayShippingRate``, ``sellerInfo``, ``availableOnline``, ``stock`` and
    ``marketplace``, ``None`` where absent.

    Raises:
        BadInput, Doubtful: see :func:`affiliate_offers`.
    """
    by_walmart = marketplace is None or marketplace is False or not yes_or_no(marketplace)
    unnamed = WALMART if by_walmart else None
    return _offer("salePrice", "", unnamed, price, shipping, two_day, seller, online, stock)


def marketplace_offer(
    price: object, shipping: object, two_day: object, seller: object, online: object, stock: object
) -> Offer:
    """The offer in ``bestMarketplacePrice``, as :func:`featured_offer`."""
    return _offer("price", _BEST, None, price, shipping, two_day, seller, online, stock)


def _offer(
    price_field: str,
    prefix: str,
    unnamed: str | None,
    price: object,
    shipping: object,
    two_day: object,
    seller: object,
    online: object,
    stock: object,
) -> Offer:
    """One offer; *unnamed* sells it if the answer does not name a seller."""
    # Everything is read before availability decides, so that a wrong type is found either way.
    price_cents = None if price is None else cents(price, price_field, prefix)
    rate = two_day_rate = None
    if shipping is not None:
        # Only texts can be FREE; numbers, which nearly all rates are, are spared a call.
        read = shipping_cents if shipping.__class__ is str else cents
        rate = read(shipping, "standardShipRate", prefix)
    if two_day is not None:
        read = shipping_cents if two_day.__class__ is str else cents
        two_day_rate = read(two_day, "twoThreeDayShippingRate", prefix)
    named = unnamed
    if seller is not None:
        named = text_of(seller, "sellerInfo", MAX_SELLER, prefix) or unnamed
    if online is not None and online is not True:
        online = flag(online, "availableOnline", prefix)
    # A price of 0 is no price.
    if not price_cents or online is False:
        return UNAVAILABLE
    if stock is not None and stock != AVAILABLE and _is_sold_out(stock):
        return UNAVAILABLE
    return _new_tuple(Offer, (price_cents, rate, two_day_rate, True, named))


def _is_sold_out(stock: object) -> bool:
    """Whether ``stock`` says so; the field is read for nothing else, so any other value may be."""
    if not isinstance(stock, str) or len(stock) > _LONGEST_STOCK:
        return False
    return _SOLD_OUT.search(_BETWEEN_LETTERS.sub("", stock).lower()) is not None
