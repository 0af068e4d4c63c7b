"""Payloads of the seller side for the oracle, and their meaning.

``None`` is an absent key or an empty cell; :data:`UNSEEN` a field that is not there to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

UNSEEN = "unseen"
# The seller's own number, and its name in events.
PARTNER = "10001"
OWN_NAME = "My Shop"


@dataclass
class Meaning:
    """The oracle's reading of a look: own's fields, rivals by offer, the box.

    A rival is (price, shipping) in cents, or ``None``: it is listed without a price. ``box`` is
    (holder, seller, suppressed).
    """

    own: dict[str, Any] = field(default_factory=dict)
    rivals: dict[str, tuple[int, int | None] | None] = field(default_factory=dict)
    complete: bool = False
    box: tuple[str, str | None, Any] | None = None
    silent: bool = False


def dollars(cents: int) -> float:
    return cents / 100


def present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True)
class OwnItem:
    """An item of the seller's list."""

    item_id: str
    at: int
    price: int | None
    status: str
    lifecycle: str | None
    source = "seller"

    def payload(self) -> dict[str, Any]:
        price = None if self.price is None else {"currency": "USD", "amount": dollars(self.price)}
        return present(
            sku="A/1",
            productName="Kettle",
            price=price,
            publishedStatus=self.status,
            lifecycleStatus=self.lifecycle,
        )

    def meaning(self) -> Meaning:
        published = self.status == "PUBLISHED" and self.lifecycle in (None, "ACTIVE")
        return Meaning({"published": published, "price": self.price or None})


@dataclass(frozen=True)
class Row:
    """A row of the buy-box report; amounts may be unseen, where the file has no such column."""

    item_id: str
    at: int
    price: Any
    shipping: Any
    wins: bool | None
    box_price: Any
    source = "seller"

    def payload(self) -> dict[str, Any]:
        row = {"SKU": "A/1", "Item ID": self.item_id, "Product Name": "Kettle"}
        for header, amount in (
            ("Seller Item Price", self.price),
            ("seller ship price", self.shipping),
            ("Buybox Item Price", self.box_price),
        ):
            if amount != UNSEEN:
                row[header] = "" if amount is None else f"${dollars(amount):,.2f}"
        if self.wins is not None:
            row["IsSellerBuyBoxWinner"] = "Yes" if self.wins else "no"
        return {"report": "BUYBOX", "row": row}

    def meaning(self) -> Meaning:
        amounts = {"price": self.price or None, "shipping": self.shipping}
        meant = Meaning({name: amount for name, amount in amounts.items() if amount != UNSEEN})
        if self.wins:
            meant.box = "own", None, False
        elif self.wins is False:
            meant.box = ("none" if not self.box_price else "rival"), None, UNSEEN
        return meant


@dataclass(frozen=True)
class Listed:
    """An offer in an event."""

    seller: str
    price: int | None
    shipping: int | None
    suppressed: bool = False

    def payload(self) -> dict[str, Any]:
        return present(
            sellerName=self.seller,
            sellerOfferPrice=None if self.price is None else dollars(self.price),
            sellerShippingPrice=None if self.shipping is None else dollars(self.shipping),
            isSuppressed=self.suppressed,
        )


@dataclass(frozen=True)
class BoxChanged:
    """A BUY_BOX_CHANGED event. ``winner``: None, "own", or a rival's place in the list."""

    item_id: str
    at: int
    own: Listed | None
    rivals: tuple[Listed, ...]
    winner: int | str | None
    further: int
    source = "webhook"

    @property
    def winning(self) -> Listed | None:
        if self.winner == "own":
            return self.own
        if isinstance(self.winner, int) and self.winner < len(self.rivals):
            return self.rivals[self.winner]
        return None

    def payload(self) -> dict[str, Any]:
        listed = [rival.payload() for rival in self.rivals]
        about: dict[str, Any] = {"offers": listed}
        if self.own is not None:
            about["currentOffer"] = self.own.payload()
            listed.append({**self.own.payload(), "partnerId": PARTNER})
        if self.winning is not None:
            about["winningOffer"] = self.winning.payload()
        info = {
            "itemId": self.item_id,
            "itemName": "Kettle",
            "totalNumberOfOffers": len(listed) + self.further,
        }
        return {
            "source": {"eventType": "BUY_BOX_CHANGED", "eventId": "e"},
            "payload": {"partnerId": PARTNER, "itemInfo": info, "offer": about},
        }

    def meaning(self) -> Meaning:
        meant = Meaning({"published": False}, complete=self.further == 0)
        if self.own is not None:
            meant.own = {
                "published": True,
                "price": self.own.price or None,
                "shipping": self.own.shipping,
                "seller": OWN_NAME,
            }
        for rival in self.rivals:
            offer = (rival.price, rival.shipping) if rival.price else None
            meant.rivals[f"rival:{rival.seller}"] = offer
        everybody = [*self.rivals, *([] if self.own is None else [self.own])]
        own_is = self.own is not None and self.own.suppressed
        if self.winning is None or self.winning.suppressed:
            meant.box = "none", None, any(one.suppressed for one in everybody)
        elif self.winner == "own":
            meant.box = "own", None, False
        else:
            meant.box = "rival", self.winning.seller, own_is
        return meant


@dataclass(frozen=True)
class Publication:
    """An OFFER_PUBLISHED or OFFER_UNPUBLISHED event."""

    item_id: str
    at: int
    published: bool
    price: int | None
    shipping: int | None
    source = "webhook"

    def payload(self) -> dict[str, Any]:
        kind = "OFFER_PUBLISHED" if self.published else "OFFER_UNPUBLISHED"
        event = present(
            sku="A/1",
            itemName="Kettle",
            sellerOfferPrice=None if self.price is None else {"amount": dollars(self.price)},
            sellerShippingPrice=None if self.shipping is None else dollars(self.shipping),
        )
        return {"source": {"eventType": kind, "eventId": "e"}, "payload": event}

    def meaning(self) -> Meaning:
        amounts = present(price=self.price, shipping=self.shipping)
        if self.price == 0:
            amounts["price"] = None
        return Meaning({"published": self.published, **amounts})


@dataclass(frozen=True)
class OtherEvent:
    """An event that says nothing about offers."""

    item_id: str
    at: int
    source = "webhook"

    def payload(self) -> dict[str, Any]:
        return {"source": {"eventType": "PO_CREATED"}, "payload": {"sku": "A/1"}}

    def meaning(self) -> Meaning:
        return Meaning(silent=True)


SellerLook = OwnItem | Row | BoxChanged | Publication | OtherEvent

prices = st.sampled_from([None, 0, 100, 250, 99_900])
rates = st.sampled_from([None, 0, 99, 599])
unseen = st.just(UNSEEN)
suppressions = st.sampled_from([False, False, False, True])


def seller_looks(
    item_ids: st.SearchStrategy[str], times: st.SearchStrategy[int], *, of_the_box: bool = False
) -> st.SearchStrategy[SellerLook]:
    """Looks of every kind, or reports and events of the buy box only."""
    rivals = st.lists(
        st.builds(Listed, st.sampled_from(["Acme LLC", "B & Co"]), prices, rates, suppressions),
        max_size=2,
        unique_by=lambda rival: rival.seller,
    ).map(tuple)
    boxes = st.one_of(
        st.builds(
            Row,
            item_ids,
            times,
            st.one_of(prices, unseen),
            st.one_of(rates, unseen),
            st.sampled_from([None, True, False, False]),
            prices,
        ),
        st.builds(
            BoxChanged,
            item_ids,
            times,
            st.one_of(st.none(), st.builds(Listed, st.just(OWN_NAME), prices, rates, suppressions)),
            rivals,
            st.sampled_from([None, "own", 0, 1]),
            st.integers(0, 1),
        ),
    )
    items = st.builds(
        OwnItem,
        item_ids,
        times,
        prices,
        st.sampled_from(["PUBLISHED", "PUBLISHED", "UNPUBLISHED", "STAGE"]),
        st.sampled_from([None, "ACTIVE", "ACTIVE", "RETIRED"]),
    )
    if of_the_box:
        return st.one_of(boxes, boxes, items)
    publications = st.builds(Publication, item_ids, times, st.booleans(), prices, rates)
    return st.one_of(items, boxes, publications, st.builds(OtherEvent, item_ids, times))
