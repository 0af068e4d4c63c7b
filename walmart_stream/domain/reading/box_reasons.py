"""Reads what explains a lost buy box beside prices: pricing insights, and badges of offers.

An insight is a row of ``POST /v3/price/getPricingInsights``, whose fields are documented in part
only; badges are fields of the offers in a ``BUY_BOX_CHANGED`` event. A price that cannot be read is
bad input, as everywhere; any other field that cannot be read is unknown, and named in ``odd``.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from msgspec import Struct

from walmart_stream.domain.errors import BadInput, WrongShape
from walmart_stream.domain.reading import seller_values as read
from walmart_stream.domain.reading.amounts import decimal_of, price_cents
from walmart_stream.domain.reading.texts import text_of

# Characters that are kept of a word: a speed, a driver, a kind of fulfilment.
MAX_WORD = 50
MAX_SKU = 200


class Insight(Struct, array_like=True, frozen=True, gc=False):
    """Walmart's view of one SKU's price. Money is cents; ``None`` is unknown.

    ``suggested_by`` is the signal that the suggested price comes from, ``competitor_cents`` the
    best price outside of Walmart, ``box_landed_cents`` the box's price with shipping.
    ``win_rate`` is the share of page views at which the seller held the box, between 0 and 1.
    """

    suggested_cents: int | None = None
    suggested_by: str | None = None
    competitor_cents: int | None = None
    box_price_cents: int | None = None
    box_landed_cents: int | None = None
    win_rate: float | None = None
    competitive: bool | None = None
    fulfillment: str | None = None
    traffic: str | None = None


class Badges(Struct, array_like=True, frozen=True, gc=False):
    """An offer beside its price; ``None`` is unknown.

    ``wfs``: Walmart ships it. ``pro_seller``: its seller has the badge. ``speed``: of shipping,
    in Walmart's words.
    """

    wfs: bool | None = None
    pro_seller: bool | None = None
    speed: str | None = None


class Compared(Struct, array_like=True, frozen=True, gc=False):
    """The badges of the own offer and of the one that holds the box, as an event names them."""

    own: Badges | None = None
    winner: Badges | None = None


def insight_of(row: object) -> tuple[str, Insight, tuple[str, ...]]:
    """SKU and content of a *row* of the insights, and the fields that cannot be read.

    Raises:
        BadInput: it is no row, or a price in it cannot be read.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    if not isinstance(row, Mapping):
        raise WrongShape("payload.insight: must be an object")
    found = read.fields(row)
    sku = found.get("sku")
    if not isinstance(sku, str) or not sku.strip():
        raise WrongShape("payload.insight.sku: must be the SKU, a text")
    odd: list[str] = []
    insight = Insight(
        _price(found, "suggestedprice"),
        _word(found, "suggestedpricedriver", odd),
        _price(found, "competitorprice"),
        _price(found, "buyboxbaseprice"),
        _price(found, "buyboxtotalprice"),
        _win_rate(found.get("buyboxwinrate"), odd),
        _flag(found, "pricecompetitive", odd),
        _word(found, "fulfillment", odd),
        _word(found, "traffic", odd),
    )
    return sku.strip()[:MAX_SKU], insight, tuple(odd)


def compared_of(
    own: Mapping[str, Any] | None, winner: Mapping[str, Any] | None, odd: list[str]
) -> Compared:
    """The badges of the *own* offer and the *winner* of an event, as far as it has any."""
    return Compared(*(None if one is None else _badges(one, odd) for one in (own, winner)))


def _badges(offer: Mapping[str, Any], odd: list[str]) -> Badges | None:
    found = read.fields(offer)
    badges = Badges(
        _flag(found, "iswfs", odd),
        _flag(found, "prosellerbadge", odd),
        _word(found, "sellershippingspeed", odd),
    )
    return None if badges == Badges() else badges


def _price(found: Mapping[str, Any], field: str) -> int | None:
    return price_cents(read.amount_in(found.get(field), field), field, "payload.insight.")


def _word(found: Mapping[str, Any], field: str, odd: list[str]) -> str | None:
    value = found.get(field)
    if value is None:
        return None
    try:
        return text_of(value, field, MAX_WORD)
    except BadInput:
        odd.append(field)
        return None


def _flag(found: Mapping[str, Any], field: str, odd: list[str]) -> bool | None:
    value = found.get(field)
    word = read.flag(value)
    if word is None and value is not None and not _is_nothing(value):
        odd.append(field)
    return word


def _win_rate(value: object, odd: list[str]) -> float | None:
    """A share, of Walmart's per cent: a number between 0 and 100, or its text."""
    if value is None or _is_nothing(value):
        return None
    per_cent = -1.0
    if isinstance(value, str):
        with suppress(BadInput):
            per_cent = float(decimal_of(value.strip().removesuffix("%"), "buyboxwinrate"))
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        per_cent = float(value) if 0 <= value <= 100 else -1.0
    if not 0 <= per_cent <= 100:
        odd.append("buyboxwinrate")
        return None
    return per_cent / 100


def _is_nothing(value: object) -> bool:
    return isinstance(value, str) and read.is_nothing(value)
