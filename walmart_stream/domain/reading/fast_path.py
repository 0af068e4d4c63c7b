"""The shape that nearly every observation has, read from the bytes at once.

A shortcut: the general way reads the same from what this one accepts, and judges the rest.
"""

from __future__ import annotations

from typing import Literal

from msgspec import DecodeError, Struct
from msgspec.json import Decoder
from xxhash import xxh3_128_digest

from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, Offer
from walmart_stream.domain.reading.affiliate_offers import featured_offer, marketplace_offer
from walmart_stream.domain.reading.amounts import Doubtful
from walmart_stream.domain.reading.envelope import time_of
from walmart_stream.domain.reading.observation import AFFILIATE, Observation
from walmart_stream.domain.reading.texts import MAX_NAME, text_of
from walmart_stream.domain.remembered import Remembered

# What stands between the other fields of an envelope and the item.
_PAYLOAD = b',"payload":'

# Most answers repeat what the last one about the item said, byte for byte. That is known by a
# digest of these bytes: the bytes themselves would be more than a processor's cache holds, and
# fetching them from memory takes as long as reading them again. The limit, in bytes of memory, is
# some 100,000 items; of more, those that were not read for longest are read in full.
MOST_REMEMBERED = 64 * 1024 * 1024

# What is remembered of an item beside its name: objects of 48 to 120 bytes each, and their places.
_SIZE = 600

# Some answers write amounts as text; the reader of amounts takes both.
Amount = float | int | str | None


class _Envelope(Struct, gc=False):
    """The envelope of an affiliate answer, but for the item."""

    schema: Literal[1]
    source: Literal["affiliate"]
    item_id: str
    observed_at: str
    request_id: str | None = None


class _Said(Struct, gc=False):
    """The content of an item's answer, and the digest of its bytes."""

    name: str | None
    featured: Offer
    marketplace: Offer | None
    digest: bytes


class _Best(Struct, gc=False):
    """Walmart's ``bestMarketplacePrice``, as far as it is used."""

    price: Amount = None
    standardShipRate: Amount = None
    twoThreeDayShippingRate: Amount = None
    sellerInfo: str | None = None
    availableOnline: bool | None = None
    stock: str | None = None


class _Item(Struct, gc=False):
    """An item of an affiliate answer, as far as it is used."""

    itemId: int
    name: str | None = None
    salePrice: Amount = None
    standardShipRate: Amount = None
    twoThreeDayShippingRate: Amount = None
    sellerInfo: str | None = None
    availableOnline: bool | None = None
    stock: str | None = None
    marketplace: bool | None = None
    bestMarketplacePrice: _Best | None = None


_envelope = Decoder(_Envelope).decode
_item = Decoder(_Item).decode


class Reader:
    """Reads observations; remembers in *most* bytes what the last answer about an item said."""

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._last: Remembered[str, _Said] = Remembered(most)

    def read(self, key: bytes | None, value: bytes) -> Observation | None:
        """The observation in *value*, the record of *key*.

        ``None`` if it has not the usual shape, is not JSON, or something is wrong with it.
        """
        # In two parts, each of which must be a JSON object by itself. So nothing can come after
        # the item, and the item is not one inside of another field.
        start = value.find(b"{", 1)
        end = start - len(_PAYLOAD)
        if end < 0 or not value.startswith(_PAYLOAD, end) or not value.endswith(b"}"):
            return None
        head = value[:end] + b"}"
        try:
            # Texts that are skipped are not looked into else.
            if not head.isascii():
                head.decode()
            envelope = _envelope(head)
            item_id = envelope.item_id
            payload = value[start:-1]
            digest = xxh3_128_digest(payload)
            said = self._last.get(item_id)
            if said is None or said.digest != digest:
                if not payload.isascii():
                    payload.decode()
                item = _item(payload)
                # As a number it has no leading zeros and no other digits than 0 to 9.
                if not 0 < item.itemId < 10**20 or str(item.itemId) != item_id:
                    return None
                said = _said(item, digest)
                name = said.name
                self._last.put(item_id, said, _SIZE if name is None else _SIZE + len(name))
            at = time_of(envelope.observed_at)
        except (DecodeError, UnicodeDecodeError, RecursionError, BadInput, Doubtful):
            return None
        if key is None or key != item_id.encode():
            return None
        offers = {FEATURED: said.featured, MARKETPLACE: said.marketplace}
        return Observation(item_id, at, AFFILIATE, said.name, offers)


def _said(item: _Item, digest: bytes) -> _Said:
    """Raises BadInput, Doubtful: as ``affiliate_answer``."""
    featured = featured_offer(
        item.salePrice,
        item.standardShipRate,
        item.twoThreeDayShippingRate,
        item.sellerInfo,
        item.availableOnline,
        item.stock,
        item.marketplace,
    )
    best = item.bestMarketplacePrice
    marketplace = None
    if best is not None:
        marketplace = marketplace_offer(
            best.price,
            best.standardShipRate,
            best.twoThreeDayShippingRate,
            best.sellerInfo,
            best.availableOnline,
            best.stock,
        )
    name = item.name
    if name is not None:
        name = text_of(name, "name", MAX_NAME)
    return _Said(name, featured, marketplace, digest)
