"""A row of the buy-box report, whose columns are spelt differently from file to file. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from walmart_stream.domain.reading import seller_values as read

# Old files have the columns "Offer2 Item Price", "Offer2 Ship Price" and so on.
_OTHERS = (("offer2", 2), ("offer3", 3), ("offer4", 4))


@dataclass(frozen=True, slots=True)
class OtherOffer:
    """A rival's price and shipping in cents, in the place that Walmart gave it."""

    place: int
    price_cents: int | None
    shipping_cents: int | None


@dataclass(frozen=True, slots=True)
class BuyBoxRow:
    """One of the seller's items. Money is cents; ``None`` is unknown, shipping of 0 is free.

    ``wins`` is whether the seller holds the box.
    """

    sku: str
    item_id: str
    name: str | None
    category: str | None
    price_cents: int | None
    shipping_cents: int | None
    wins: bool | None
    box_price_cents: int | None
    box_shipping_cents: int | None
    others: tuple[OtherOffer, ...] = ()


def read_row(row: Mapping[str, str], sku: str, item_id: str) -> BuyBoxRow:
    """The row of *sku*. *row* holds its cells by the ``spelling`` of their columns.

    What is missing or cannot be read is ``None``.
    """
    return BuyBoxRow(
        sku=sku,
        item_id=item_id,
        name=row.get("productname"),
        category=row.get("productcategory"),
        price_cents=read.price(row.get("selleritemprice")),
        shipping_cents=read.shipping(row.get("sellershipprice")),
        wins=read.flag(row.get("issellerbuyboxwinner")),
        box_price_cents=read.price(row.get("buyboxitemprice")),
        box_shipping_cents=read.shipping(row.get("buyboxshipprice")),
        others=_others(row),
    )


def _others(row: Mapping[str, str]) -> tuple[OtherOffer, ...]:
    offers = (
        OtherOffer(
            place,
            read.price(row.get(f"{name}itemprice")),
            read.shipping(row.get(f"{name}shipprice")),
        )
        for name, place in _OTHERS
    )
    return tuple(offer for offer in offers if offer.price_cents is not None)
