"""The name and the offers of an item as the Affiliate API sends it.

The price of the item decides: one that cannot be read is bad input. Any other field that cannot be
read is unknown: the rest of the item counts, and ``odd`` names the field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from walmart_stream.domain.errors import BadInput, WrongShape
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, UNAVAILABLE, WALMART, Offer
from walmart_stream.domain.reading.amounts import cents, is_nothing, shipping_cents
from walmart_stream.domain.reading.seller_values import flag as yes_or_no
from walmart_stream.domain.reading.texts import MAX_NAME, MAX_SELLER, text_of

T = TypeVar("T")

_BEST = "bestMarketplacePrice."

# Half the time of calling a named tuple's class.
_new_tuple = tuple.__new__

# ``stock`` is one of these or "Not available"; the others are how that is written elsewhere at
# Walmart.
_IN_STOCK = ("Available", "Limited Supply", "Last few items")
_SOLD_OUT = re.compile("notavailable|unavailable|outofstock|notinstock|soldout")
_BETWEEN_LETTERS = re.compile(r"[\W_]+")
# The longest of them, with room for "currently" and the like. What is longer says something else.
_LONGEST_STOCK = 60


class Answer(NamedTuple):
    """The content of an item. ``odd`` names the fields that could not be read.

    The offers are featured and marketplace; ``None`` for the latter means that the answer does not
    name one. It is left out where the answer names one whose price cannot be read: of that the
    answer says nothing.
    """

    name: str | None
    offers: dict[str, Offer | None]
    odd: tuple[str, ...] = ()


def affiliate_answer(item: Mapping[str, Any]) -> Answer:
    """The content of *item*.

    Raises:
        BadInput: its price cannot be read.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    try:
        return _usual_answer(item)
    except BadInput:
        return _certain_answer(item)


def _usual_answer(item: Mapping[str, Any]) -> Answer:
    """The content of an item of which every field can be read; BadInput for any other."""
    get = item.get
    name, best = get("name"), get("bestMarketplacePrice")
    if name is not None:
        name = text_of(name, "name", MAX_NAME)
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
        return Answer(name, {FEATURED: featured, MARKETPLACE: None})
    if not isinstance(best, dict):
        raise WrongShape("bestMarketplacePrice: must be an object")
    get = best.get
    marketplace = marketplace_offer(
        get("price"),
        get("standardShipRate"),
        get("twoThreeDayShippingRate"),
        get("sellerInfo"),
        get("availableOnline"),
        get("stock"),
    )
    return Answer(name, {FEATURED: featured, MARKETPLACE: marketplace})


def _certain_answer(item: Mapping[str, Any]) -> Answer:
    """The content of an item without the fields that cannot be read."""
    fields = _Fields(item)
    name = fields.tried("name", lambda value: text_of(value, "name", MAX_NAME))
    third_party = fields.tried("marketplace", _flag_or_nothing)
    readable = fields.of_offer()
    # Somebody sells it whose name cannot be read; that need not be Walmart.
    third_party = third_party or "sellerInfo" in fields.odd
    offers: dict[str, Offer | None] = {
        FEATURED: featured_offer(item.get("salePrice"), *readable, third_party)
    }
    best = item.get("bestMarketplacePrice")
    if isinstance(best, dict):
        fields = _Fields(best, _BEST, fields.odd)
        readable = fields.of_offer()
        try:
            offers[MARKETPLACE] = marketplace_offer(best.get("price"), *readable)
        except BadInput:
            fields.odd.append(_BEST + "price")
    elif best is None or best == [] or (isinstance(best, str) and not best.strip()):
        offers[MARKETPLACE] = None
    else:
        fields.odd.append("bestMarketplacePrice")
    return Answer(name, offers, tuple(fields.odd))


class _Fields:
    """Reads the fields of *source*, and notes in ``odd`` those that cannot be read."""

    def __init__(
        self, source: Mapping[str, Any], prefix: str = "", odd: list[str] | None = None
    ) -> None:
        self._source = source
        self._prefix = prefix
        self.odd: list[str] = [] if odd is None else odd

    def tried(self, name: str, read: Callable[[object], T | None]) -> T | None:
        """The field as *read*; ``None`` where it is absent or cannot be read."""
        value = self._source.get(name)
        if value is None:
            return None
        try:
            return read(value)
        except BadInput:
            self.odd.append(self._prefix + name)
            return None

    def of_offer(self) -> tuple[object, object, str | None, bool | None, str | None]:
        """An offer's shipping, two-day shipping, seller, ``availableOnline`` and ``stock``.

        Texts and rates as they stand.
        """
        return (
            self.tried("standardShipRate", _rate_or_nothing),
            self.tried("twoThreeDayShippingRate", _rate_or_nothing),
            self.tried("sellerInfo", _text),
            self.tried("availableOnline", _flag_or_nothing),
            self.tried("stock", _text),
        )


def _rate_or_nothing(value: object) -> object:
    """*value*, which is a rate of shipping, or ``None`` for "n/a" and such."""
    if isinstance(value, str) and is_nothing(value):
        return None
    shipping_cents(value, "shipping")
    return value


def _flag_or_nothing(value: object) -> bool | None:
    return None if isinstance(value, str) and is_nothing(value) else _flag(value, "flag")


def _text(value: object, field: str = "text", prefix: str = "") -> str:
    """*value* as it stands; WrongShape if it is not text."""
    if not isinstance(value, str):
        raise WrongShape(f"{prefix}{field}: must be text, not {type(value).__name__}")
    return value


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
        BadInput: one of them cannot be read.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    # Compared first: nearly all say true or false, and are spared a call.
    third_party = marketplace is True or (
        marketplace is not None and marketplace is not False and _flag(marketplace, "marketplace")
    )
    unnamed = None if third_party else WALMART
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
        online = _flag(online, "availableOnline", prefix)
    sold_out = False
    if stock is not None and stock not in _IN_STOCK:
        sold_out = _is_sold_out(_text(stock, "stock", prefix))
    # A price of 0 is no price.
    if not price_cents or online is False or sold_out:
        return UNAVAILABLE
    return _new_tuple(Offer, (price_cents, rate, two_day_rate, True, named))


def _is_sold_out(stock: str) -> bool:
    """Whether ``stock`` says so; the field is read for nothing else, so any other word may be."""
    if len(stock) > _LONGEST_STOCK:
        return False
    return _SOLD_OUT.search(_BETWEEN_LETTERS.sub("", stock).lower()) is not None


def _flag(value: object, field: str, prefix: str = "") -> bool:
    """Yes or no in any spelling; WrongShape for anything else."""
    found = yes_or_no(value)
    if found is None:
        raise WrongShape(f"{prefix}{field}: must be true or false")
    return found
