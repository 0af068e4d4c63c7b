"""Observations read step by step, as plainly as can be: what the fast reading is held against.

It shares nothing with :mod:`walmart_stream.domain.reading.observation` but the shape of the result.
Of the sources it reads the affiliate side only, which is the one that has to be fast.
"""

from __future__ import annotations

import html
import json
import re
import string
import sys
import unicodedata
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from html.entities import html5
from typing import Any

import orjson

from walmart_stream.domain.errors import (
    BadInput,
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
SOURCES = (AFFILIATE, "seller", "webhook", "poll", "unlock")
ITEM_ID = re.compile(r"[1-9][0-9]{0,19}")
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

_CENT = Decimal("0.01")
LONGEST_AMOUNT = 100
LONGEST_TIME = 64


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
    elif value.__class__ is str:
        if len(value) > LONGEST_AMOUNT:
            raise BadNumber(f"{field}: {value[:40]!r}… is longer than 100 characters, no price")
        meant = meanings(value)
        if len(meant) != 1:
            raise _not_a_price(value, field)
        rounded = _from_decimal(meant.pop(), value, field)
    elif value.__class__ is Decimal:
        rounded = _from_decimal(value, value, field)
    else:
        raise WrongShape(f"{field}: must be a number, not {type(value).__name__}")
    if not 0 <= rounded <= MAX_CENTS:
        raise _not_a_price(value, field)
    return rounded


def shipping(value: object, field: str) -> int | None:
    """As :func:`cents`, and FREE is 0."""
    short = isinstance(value, str) and len(value) <= LONGEST_AMOUNT
    if short and str(value).strip().lower() in ("free", "free shipping"):
        return 0
    return cents(value, field)


def meanings(text: str) -> set[Decimal]:
    """All amounts of dollars that *text* may mean; one that means one only is an amount."""
    for blank in "\u00a0\u2007\u2009\u202f":
        text = text.replace(blank, " ")
    text = text.strip()
    upper = text.upper()
    for mark in ("US $", "US$", "USD $", "USD$", "USD", "$"):
        if upper.startswith(mark):
            text = text[len(mark) :].strip()
            break
    else:
        for mark in ("US $", "US$", "USD", "$"):
            if upper.endswith(mark):
                text = text[: -len(mark)].strip()
                break
    found = set()
    if _is_plain(text):
        try:
            found.add(Decimal(text))
        except InvalidOperation:
            return set()
    for group in ("", ",", ".", " ", "'", "’"):
        for point in ("", ".", ","):
            amount = _read(text, group, point)
            if amount is not None:
                found.add(amount)
    return found


def _is_plain(text: str) -> bool:
    """Whether it is digits, with a point and an exponent or without."""
    mantissa, e, exponent = text.replace("E", "e").partition("e")
    whole, _, fraction = mantissa.removeprefix("+").partition(".")
    exponent = exponent[1:] if exponent[:1] in ("+", "-") else exponent
    if e and not _are_digits(exponent):
        return False
    return _are_digits(whole + fraction) and "+" not in whole


def _read(text: str, group: str, point: str) -> Decimal | None:
    """The amount if *group* sets its thousands apart and *point* begins its fraction."""
    if group == point or (not group and point != ","):
        return None
    whole, fraction = text, ""
    if point:
        whole, found, fraction = text.rpartition(point)
        if not found or not _are_digits(fraction):
            return None
        if point == "," and len(fraction) > 2:
            return None
    if not group:
        return Decimal(f"{whole}.{fraction}") if _are_digits(whole) else None
    first, *others = whole.split(group)
    if not others or not all(_are_digits(one) and len(one) == 3 for one in others):
        return None
    if not _are_digits(first) or len(first) > 3 or first.startswith("0"):
        return None
    if group == "." and not point and len(others) < 2:
        return None
    return Decimal(f"{first}{''.join(others)}.{fraction or 0}")


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _from_decimal(amount: Decimal, value: object, field: str) -> int:
    try:
        # Not finite or too large for the context is an invalid operation, too.
        rounded = amount.quantize(_CENT, ROUND_HALF_EVEN)
        if amount < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise _not_a_price(value, field) from None
    return int(rounded.scaleb(2))


def _not_a_price(value: object, field: str) -> BadNumber:
    return BadNumber(f"{field}: {str(value)[:40]!r} is not a price")


NOTHING = ("", "-", "--", "n/a", "na", "nan", "null", "none")


def affiliate_content(
    item: Mapping[str, Any],
) -> tuple[str | None, dict[str, Offer | None], list[str]]:
    """The name, the offers that an answer speaks for, and the fields that cannot be read.

    ``None`` for the marketplace offer means that the answer does not name one; it is left out
    where its price cannot be read.

    Raises:
        BadInput: the price of the item cannot be read.
        Doubtful: see :func:`cents`.
    """
    odd: list[str] = []
    name = _tried(odd, "name", _text, item.get("name"), "name", MAX_NAME)
    by_others = _tried(odd, "marketplace", _flag, item.get("marketplace"), "marketplace")
    featured = _offer(item, "salePrice", "", odd)
    named = by_others or "sellerInfo" in odd
    if featured.available and featured.seller is None and not named:
        featured = featured._replace(seller=WALMART)
    offers: dict[str, Offer | None] = {FEATURED: featured}
    best = item.get("bestMarketplacePrice")
    if isinstance(best, dict):
        try:
            offers[MARKETPLACE] = _offer(best, "price", "bestMarketplacePrice.", odd)
        except BadInput:
            odd.append("bestMarketplacePrice.price")
    elif best in (None, []) or (isinstance(best, str) and best.isspace()) or best == "":
        offers[MARKETPLACE] = None
    else:
        odd.append("bestMarketplacePrice")
    return name, offers, odd


def _tried(odd: list[str], field: str, read: Any, *arguments: Any) -> Any:
    try:
        return read(*arguments)
    except BadInput:
        odd.append(field)
        return None


def _offer(source: Mapping[str, Any], price_field: str, prefix: str, odd: list[str]) -> Offer:
    found: dict[str, Any] = {}
    for field in ("standardShipRate", "twoThreeDayShippingRate"):
        found[field] = _tried(odd, prefix + field, _rate, source.get(field), field)
    for field in ("sellerInfo", "stock"):
        found[field] = _tried(odd, prefix + field, _text, source.get(field), field, MAX_SELLER)
    online = _tried(odd, prefix + "availableOnline", _flag, source.get("availableOnline"), "")
    price = cents(source.get(price_field), prefix + price_field)
    stock = source.get("stock")
    sold_out = False
    if isinstance(stock, str) and len(stock) <= 60:
        letters = "".join(c for c in stock if c.isalnum()).lower()
        absent = ("notavailable", "unavailable", "outofstock", "notinstock", "soldout")
        sold_out = any(word in letters for word in absent)
    if not price or online is False or sold_out:
        return UNAVAILABLE
    rate, two_day = found["standardShipRate"], found["twoThreeDayShippingRate"]
    return Offer(price, rate, two_day, True, found["sellerInfo"])


def _rate(value: object, field: str) -> int | None:
    if isinstance(value, str) and value.strip().lower() in NOTHING and len(value) <= LONGEST_AMOUNT:
        return None
    return shipping(value, field)


def _text(value: object, field: str, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise WrongShape(f"{field}: must be text, not {type(value).__name__}")
    text = ""
    while "&" in value:
        before, _, value = value.partition("&")
        name, found, rest = value.partition(";")
        text += before
        if found and name.startswith("#"):
            digits = name[2:] if name[1:2] in ("x", "X") else name[1:]
            allowed = string.hexdigits if name[1:2] in ("x", "X") else string.digits
            known = bool(digits) and all(c in allowed for c in digits)
        else:
            known = bool(found) and f"{name};" in html5
        if known:
            text += html.unescape(f"&{name};")
            value = rest
        else:
            text += "&"
    text += value
    shown = ""
    for character in text:
        # Categories Cc, Zl and Zp: controls, and separators of lines and paragraphs.
        if unicodedata.category(character) in ("Cc", "Zl", "Zp"):
            shown += "" if shown.endswith("\0") else "\0"
        else:
            shown += character
    return shown.replace("\0", " ").strip()[:longest] or None


def _flag(value: object, field: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    # Words of up to 20 characters; an amount's words for nothing are some here, too.
    if value.__class__ is int:
        value = str(value)
    if isinstance(value, str):
        word = value.strip().lower()
        if len(value) <= 20 and word in ("true", "yes", "y", "1", "false", "no", "n", "0"):
            return word in ("true", "yes", "y", "1")
        if len(value) <= LONGEST_AMOUNT and word in NOTHING:
            return None
    raise WrongShape(f"{field}: must be true or false")


def decode(key: bytes | None, value: bytes | None) -> Observation:
    """Read a record of the raw topic.

    Raises:
        BadInput: the record is not a valid observation; the class and message say why.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be an observation")
    try:
        envelope = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        envelope = _exactly(value)
        if envelope is None:
            raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    item_id, observed_at, source = _check_envelope(envelope)
    if key is None:
        raise KeyFault("the key is missing; it must be the item id")
    if key != item_id.encode():
        raise KeyFault(f"the key {key[:40]!r} is not the item id {item_id!r}")
    payload = envelope["payload"]
    try:
        name, offers, odd = affiliate_content(payload)
    except Doubtful:
        name, offers, odd = affiliate_content(_exactly(value)["payload"])
    return Observation(item_id, observed_at, source, name, offers, odd=tuple(odd))


def _exactly(value: bytes) -> Any:
    """*value* by Python's own parser, however deep, with decimals and whole characters.

    ``None`` where it is not JSON.
    """
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(20_000)
    try:
        read = json.loads(
            value.decode(), parse_float=_exact, parse_int=_whole, parse_constant=_refuse
        )
        return _without_surrogates(read)
    except ValueError:
        return None
    finally:
        sys.setrecursionlimit(before)


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, dict):
        return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
    return [_without_surrogates(one) for one in value] if isinstance(value, list) else value


def _whole(text: str) -> int | Decimal:
    return int(text) if len(text) <= 20 else Decimal(text)


def _refuse(text: str) -> None:
    raise ValueError(text)


def _check_envelope(envelope: Any) -> tuple[str, int, str]:
    if envelope.__class__ is not dict:
        raise WrongShape("must be an object")
    get = envelope.get
    if get("schema").__class__ is not int or get("schema") != SCHEMA:
        raise WrongShape("schema: must be 1")
    item_id = get("item_id")
    if item_id.__class__ is not str or not ITEM_ID.fullmatch(item_id):
        raise WrongShape("item_id: must be 1–20 digits without a leading zero, as text")
    source = get("source")
    if source not in SOURCES:
        raise WrongShape(f"source: must be one of {', '.join(SOURCES)}")
    if get("request_id").__class__ not in (str, type(None)):
        raise WrongShape("request_id: must be text")
    observed_at = get("observed_at")
    if observed_at.__class__ is not str:
        raise WrongShape("observed_at: must be an ISO 8601 time")
    if len(observed_at) > LONGEST_TIME:
        raise BadTime(f"observed_at: {observed_at[:40]!r}… is longer than any ISO 8601 time")
    try:
        at = parse_iso(observed_at)
    except ValueError as exc:
        raise BadTime(f"observed_at: {str(exc)[:100]}") from None
    payload = get("payload")
    if payload.__class__ is not dict:
        raise WrongShape("payload: must be an object")
    if source != AFFILIATE:
        raise UnsupportedSource(f"observations of source {source!r} are not read here")
    if _item_id_text(payload.get("itemId")) != item_id:
        raise WrongShape(f"payload.itemId: must be {item_id}, as in item_id")
    return item_id, at, source


def _item_id_text(value: Any) -> str | None:
    if value.__class__ is int:
        return str(value)
    if value.__class__ is str:
        return str(value.strip())
    if value.__class__ is float and value.is_integer():
        return str(int(value))
    if value.__class__ is Decimal and value.adjusted() < 20 and value % 1 == 0:
        return str(int(value))
    return None


def _exact(text: str) -> Decimal | float:
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)  # an exponent below -10^18: 0.0
