"""Observations read step by step, as plainly as can be: what the fast reading is held against.

It shares nothing with :mod:`walmart_stream.domain.reading.observation` but the shape of the result.
Of the sources it reads the affiliate side only, which is the one that has to be fast.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

import orjson

from walmart_stream.domain.errors import (
    BadNumber,
    BadTime,
    EmptyValue,
    KeyFault,
    MalformedJson,
    UnsupportedSource,
    WrongShape,
)
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.time import parse_iso

SCHEMA = 1
AFFILIATE = "affiliate"
SOURCES = (AFFILIATE, "seller", "webhook")
ITEM_ID = re.compile(r"[1-9][0-9]{0,19}")
# The exact parser is recursive. Items are four levels deep.
DEEPEST = 200
FEATURED = "featured"
MARKETPLACE = "marketplace"
WALMART = "Walmart.com"

# Longer texts are cut: state, changelog and documents carry them, and Walmart's own limits for
# product and seller names are shorter.
MAX_NAME = 500
MAX_SELLER = 200


UNAVAILABLE = Offer(None, None, None, False, None)
# A thousand million dollars: no price is larger, and up to here a double times 100 is exact to
# far better than the 0.01 cent that the test for doubtful cases below relies on.
MAX_CENTS = 10_000_000_000

# What JSON calls a number, a little wider. Decimal alone would also take 1_0, full-width digits
# and NaN.
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*", re.ASCII)
_CENT = Decimal("0.01")


class Doubtful(Exception):
    """A double so near to half a cent that only the decimal text can tell how to round it."""


def cents(value: object, field: str) -> int | None:
    """*value* in cents; ``None`` where it is absent.

    Accepts what Walmart sends: int, float, decimal text. A float that lies on half a cent is not
    rounded, since the text it came from may have been longer than a double.

    Raises:
        Doubtful: decode the JSON again with decimals.
        BadNumber: negative, not finite, too large or not a number.
        WrongShape: neither number nor text.
    """
    if value is None:
        return None
    if value.__class__ is float:
        scaled = value * 100
        if not 0 <= scaled <= MAX_CENTS:
            raise _not_a_price(value, field)
        rounded = round(scaled)
        if abs(scaled - rounded) > 0.49:
            raise Doubtful
    elif value.__class__ is int:
        rounded = value * 100
    elif value.__class__ is str or value.__class__ is Decimal:
        rounded = _from_decimal(value, field)
    else:
        raise WrongShape(f"{field}: a number is due, not {type(value).__name__}")
    if not 0 <= rounded <= MAX_CENTS:
        raise _not_a_price(value, field)
    return rounded


def _from_decimal(value: str | Decimal, field: str) -> int:
    try:
        if isinstance(value, str):
            if not _NUMBER.fullmatch(value):
                raise InvalidOperation
            value = Decimal(value)
        # Not finite or too large for the context is an invalid operation, too.
        rounded = value.quantize(_CENT, ROUND_HALF_EVEN)
        if value < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise _not_a_price(value, field) from None
    return int(rounded.scaleb(2))


def _not_a_price(value: object, field: str) -> BadNumber:
    return BadNumber(f"{field}: {str(value)[:40]!r} is not a price")


def affiliate_offers(item: Mapping[str, Any]) -> dict[str, Offer | None]:
    """The offers that an affiliate answer speaks for: featured, and marketplace.

    ``None`` for the marketplace offer means that the answer does not name one.

    Raises:
        BadInput: a field that is used has the wrong type or value.
        Doubtful: see :func:`cents`.
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


def decode(key: bytes | None, value: bytes | None) -> Observation:
    """Read a record of the raw topic.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    if not value:
        raise EmptyValue("an observation is due, the value is empty")
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        envelope = _large_numbers(value)
        if envelope is None:
            raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    item_id, observed_at, source = _check_envelope(envelope)
    if key is None:
        raise KeyFault("the key is missing; it must be the item id")
    if key != item_id.encode():
        raise KeyFault(f"the key {key[:40]!r} is not the item id {item_id!r}")
    payload = envelope["payload"]
    try:
        offers = affiliate_offers(payload)
    except Doubtful:
        if _is_deeper(payload, DEEPEST):
            raise WrongShape(f"payload: nested in more than {DEEPEST} levels") from None
        exact = json.loads(value, parse_float=_exact)
        offers = affiliate_offers(exact["payload"])
    return Observation(item_id, observed_at, source, item_name(payload), offers)


def _large_numbers(value: bytes) -> Any:
    """*value* where nothing is wrong but numbers beyond doubles, which only a reader minds."""
    try:
        read = json.loads(value.decode(), parse_float=_exact, parse_constant=_refuse)
        json.dumps(read, ensure_ascii=False, default=str).encode()  # not with half a surrogate
    except (ValueError, RecursionError):
        return None
    return read


def _refuse(text: str) -> None:
    raise ValueError(text)


def _check_envelope(envelope: Any) -> tuple[str, int, str]:
    if envelope.__class__ is not dict:
        raise WrongShape("an object is due")
    get = envelope.get
    if get("schema").__class__ is not int or get("schema") != SCHEMA:
        raise WrongShape("schema: 1 is due")
    item_id = get("item_id")
    if item_id.__class__ is not str or not ITEM_ID.fullmatch(item_id):
        raise WrongShape("item_id: a number of up to 20 digits, as text, is due")
    source = get("source")
    if source not in SOURCES:
        raise WrongShape(f"source: one of {', '.join(SOURCES)} is due")
    if get("request_id").__class__ not in (str, type(None)):
        raise WrongShape("request_id: text is due")
    observed_at = get("observed_at")
    if observed_at.__class__ is not str:
        raise WrongShape("observed_at: an ISO 8601 time is due")
    try:
        at = parse_iso(observed_at)
    except ValueError as exc:
        raise BadTime(f"observed_at: {str(exc)[:100]}") from None
    payload = get("payload")
    if payload.__class__ is not dict:
        raise WrongShape("payload: an object is due")
    if source != AFFILIATE:
        raise UnsupportedSource(f"observations of source {source!r} are not read here")
    if _item_id_text(payload.get("itemId")) != item_id:
        raise WrongShape(f"payload.itemId: {item_id} is due, as in item_id")
    return item_id, at, source


def _item_id_text(value: Any) -> str | None:
    if value.__class__ is int:
        return str(value)
    if value.__class__ is str:
        return str(value.strip())
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    return None


def _exact(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)  # an exponent below -10^18: 0.0


def _is_deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for node in layer
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not layer:
            return False
    return True
