"""The results topic's values as the sink reads them.

Only the processing agent writes there, but what the database refuses would be refused again by
every worker that takes over: one foreign record would stop the sink for good. So only fields that
are known are read, with the types that they have.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import DecodeError, Meta, ValidationError
from msgspec.json import Decoder

from walmart_stream.domain.errors import EmptyValue, MalformedJson, WrongShape

# JSON's integers have no limit; BSON's have 64 bits.
Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

CHANGE: Literal["price_change"] = "price_change"
UPDATE: Literal["offer_updated"] = "offer_updated"
WINDOW: Literal["window_closed"] = "window_closed"
RESET: Literal["item_reset"] = "item_reset"


class _Source(TypedDict):
    topic: str
    partition: Integer
    offset: Integer


class _Previous(TypedDict):
    price_cents: Integer | None
    shipping_cents: Integer | None
    landed_cents: Integer | None
    available: bool
    seller: str | None


class _BuyBox(TypedDict):
    holder: str
    seller: str | None
    suppressed: bool
    since: str


class _Insights(TypedDict):
    suggested_cents: Integer | None
    suggested_by: str | None
    competitor_cents: Integer | None
    box_price_cents: Integer | None
    box_landed_cents: Integer | None
    win_rate_by_views: float | None
    competitive: bool | None
    fulfillment: str | None
    traffic: str | None
    since: str


class _Badges(TypedDict):
    wfs: bool | None
    pro_seller: bool | None
    speed: str | None


class _Compared(TypedDict):
    own: _Badges | None
    winner: _Badges | None
    since: str


class _Change(TypedDict):
    type: Literal["price_change"]
    item_id: str
    offer: str
    name: str | None
    seller: str | None
    kinds: list[str]
    price_cents: Integer | None
    shipping_cents: Integer | None
    landed_cents: Integer | None
    two_day_cents: Integer | None
    available: bool
    previous: _Previous | None
    delta_cents: Integer | None
    delta_pct: float | None
    observed_at: str
    source: _Source
    buy_box: NotRequired[_BuyBox]
    revision: NotRequired[Integer]
    insights: NotRequired[_Insights]
    compared: NotRequired[_Compared]


class _Update(TypedDict):
    type: Literal["offer_updated"]
    item_id: str
    offer: str
    name: str | None
    seller: str | None
    price_cents: Integer | None
    shipping_cents: Integer | None
    landed_cents: Integer | None
    two_day_cents: Integer | None
    available: bool
    changed_at: str
    observed_at: str
    revision: Integer
    buy_box: NotRequired[_BuyBox]
    insights: NotRequired[_Insights]
    compared: NotRequired[_Compared]


class _Window(TypedDict):
    type: Literal["window_closed"]
    item_id: str
    offer: str
    start: str
    end: str
    observations: Integer
    changes: Integer
    open: Integer | None
    high: Integer | None
    low: Integer | None
    close: Integer | None
    mean: float | None
    coverage: float


class _Reset(TypedDict):
    type: Literal["item_reset"]
    item_id: str
    since: str
    source: _Source


class _WindowOfAWidth(_Window):
    """A window that this release began; those of the first one say nothing of this."""

    width_s: Integer
    known_for_s: float
    carried: bool
    seen_at: str
    since: NotRequired[str]


class _Result(TypedDict):
    type: Literal["price_change", "offer_updated", "window_closed", "item_reset"]
    width_s: NotRequired[Integer]


# How the processing agent begins a change, which need not be searched for its type.
_USUAL = b'{"type":"price_change",'
_kind = Decoder(_Result).decode
_decode = {
    CHANGE: Decoder(_Change).decode,
    UPDATE: Decoder(_Update).decode,
    WINDOW: Decoder(_Window).decode,
    RESET: Decoder(_Reset).decode,
}
_decode_window_of_a_width = Decoder(_WindowOfAWidth).decode


def read_result(value: bytes | None) -> Any:
    """The fields of a ``price_change``, ``offer_updated``, ``window_closed``, ``item_reset``.

    Raises:
        BadInput: it is none of them; the message names the field.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be a result")
    try:
        if value.startswith(_USUAL):
            return _decode[CHANGE](value)
        kind = _kind(value)
        if kind["type"] == WINDOW and "width_s" in kind:
            return _decode_window_of_a_width(value)
        return _decode[kind["type"]](value)
    except ValidationError as exc:
        raise WrongShape(f"not a result: {str(exc)[:200]}") from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
