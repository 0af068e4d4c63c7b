"""Item states as the first release stored them (version 3), to be read by this one."""

from __future__ import annotations

from msgspec import Struct
from msgspec.msgpack import Decoder

from walmart_stream.domain.offers import Offer
from walmart_stream.domain.own import SellerState

VERSION = 3


class Window(Struct, array_like=True, gc=False):
    """``emitted``: how many observations the last emitted close knew, 0 before any."""

    start: int
    observations: int
    changes: int
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    weighted: int
    covered: int
    emitted: int


class OfferState(Struct, array_like=True, gc=False):
    offer: Offer
    observed_at: int
    changed_at: int
    window: Window


class ItemState(Struct, array_like=True, gc=False):
    applied: int
    name: str | None
    previous_window: int | None
    offers: dict[str, OfferState]
    absent: dict[str, int]
    seller: SellerState | None


class _Age(Struct, array_like=True, gc=False):
    applied: int


decode = Decoder(ItemState).decode
_age = Decoder(_Age).decode


def applied(fields: memoryview) -> int:
    """How many observations the stored value knows."""
    return _age(fields).applied
