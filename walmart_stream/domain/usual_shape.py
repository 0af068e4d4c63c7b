"""The shape that nearly every observation has, read from the bytes in one go.

It is a shortcut: what it reads, the checks of :mod:`walmart_stream.domain.observation` read the
same, and what it does not know, they judge.
"""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct
from msgspec.json import Decoder

Number = float | int | None


class Best(Struct, gc=False):
    """Walmart's ``bestMarketplacePrice``, as far as it is used."""

    price: Number = None
    standardShipRate: Number = None
    twoThreeDayShippingRate: Number = None
    sellerInfo: str | None = None
    availableOnline: bool | None = None


class Item(Struct, gc=False):
    """An item of an affiliate answer, as far as it is used."""

    itemId: int
    name: str | None = None
    salePrice: Number = None
    standardShipRate: Number = None
    twoThreeDayShippingRate: Number = None
    sellerInfo: str | None = None
    availableOnline: bool | None = None
    bestMarketplacePrice: Best | None = None


class Envelope(Struct, gc=False):
    """The envelope of an affiliate answer."""

    schema: Literal[1]
    source: Literal["affiliate"]
    item_id: str
    observed_at: str
    payload: Item
    request_id: str | None = None


_decode = Decoder(Envelope).decode


def read(value: bytes) -> Envelope | None:
    """The envelope in *value*; ``None`` if it has not the usual shape, or is no JSON at all."""
    try:
        if not value.isascii():
            value.decode()  # texts that are skipped are not looked into otherwise
        envelope = _decode(value)
    except (DecodeError, UnicodeDecodeError, RecursionError):
        return None
    number = envelope.payload.itemId
    # As a number it has no leading zeros and no other digits than 0 to 9.
    if 0 < number < 10**20 and str(number) == envelope.item_id:
        return envelope
    return None
