"""The events of webhooks: what happened to one of the seller's items, as Walmart tells it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from walmart_stream.sandbox.seller.buy_box import badges, offer_json
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.item_json import money
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace, iso
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.standing import RankedOffer, rank

BUY_BOX_CHANGED = "BUY_BOX_CHANGED"
OFFER_PUBLISHED = "OFFER_PUBLISHED"
OFFER_UNPUBLISHED = "OFFER_UNPUBLISHED"
INVENTORY_OOS = "INVENTORY_OOS"
# Which resource each event type is about; only the first four are about offers.
RESOURCES: Mapping[str, str] = {
    BUY_BOX_CHANGED: "PRICE",
    OFFER_PUBLISHED: "ITEM",
    OFFER_UNPUBLISHED: "ITEM",
    INVENTORY_OOS: "INVENTORY",
    "PO_CREATED": "ORDER",
    "REPORT_STATUS": "REPORTS",
}
VERSION = "V1"
MOST_OFFERS = 5


@dataclass(frozen=True, slots=True)
class Event:
    """An event: its JSON, and what the sandbox meant by it (see ``Said.reading``)."""

    event_id: str
    event_type: str
    sku: str
    item_id: int
    document: dict[str, Any]
    reading: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Events:
    """Makes events."""

    config: SellerConfig
    pace: Pace
    shop: Shop

    def make(self, event_type: str, item: OwnItem, at: float) -> Event:
        """An event of *event_type* about *item* as it stands at market time *at*."""
        event_id = str(uuid.UUID(int=self.pace.random.getrandbits(128), version=4))
        payload, reading = self._payload(event_type, item, at)
        source = {
            "eventType": event_type,
            "eventTime": iso(self.pace.clock()),
            "eventId": event_id,
        }
        document = {
            "source": source,
            "payload": {"partnerId": self.config.partner_id, **payload},
        }
        return Event(event_id, event_type, item.sku, item.item_id, document, reading)

    def _payload(
        self, event_type: str, item: OwnItem, at: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if event_type == BUY_BOX_CHANGED:
            return self._buy_box(item, at)
        if event_type in (OFFER_PUBLISHED, OFFER_UNPUBLISHED):
            return self._publication(event_type, item, at)
        if event_type == INVENTORY_OOS:
            payload = {"sku": item.sku, "shipNode": "10000001", "quantity": item.stock.at(at)}
            return payload, {"own_quantity": item.stock.at(at)}
        if event_type == "PO_CREATED":
            return self._order(item), {}
        return {"sku": item.sku}, {}

    def _buy_box(self, item: OwnItem, at: float) -> tuple[dict[str, Any], dict[str, Any]]:
        standing = self.shop.standing(item, at)
        ranked, winner = rank(item, standing, at), standing.winner
        offer: dict[str, Any] = {
            "offers": [
                offer_json(one) | ({"partnerId": self.config.partner_id} if one.own else {})
                for one in ranked[:MOST_OFFERS]
            ]
        }
        if standing.own is not None:
            offer["currentOffer"] = offer_json(standing.own)
        if winner is not None:
            offer["winningOffer"] = offer_json(winner)
        if winner is not None and standing.own is not None:
            offer["priceDifference"] = (standing.own.price_cents - winner.price_cents) / 100
        payload = {
            "itemInfo": {
                "itemId": str(item.item_id),
                "itemName": item.product.name,
                "category": item.product.shelf.category,
                "productType": item.product.shelf.name,
                "brand": item.product.brand,
                "sku": item.sku,
                "itemCondition": "New",
                "totalNumberOfOffers": len(ranked),
            },
            "offer": offer,
        }
        reading = {
            "own": _read(standing.own),
            "winner": _read(winner),
            "winning": standing.winning,
            "offers": [_read(one) for one in ranked[:MOST_OFFERS]],
            "badges": {
                "own": None if standing.own is None else badges(standing.own.seller),
                "winner": None if winner is None else badges(winner.seller),
            },
        }
        return payload, reading

    def _publication(
        self, event_type: str, item: OwnItem, at: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        published = event_type == OFFER_PUBLISHED
        payload: dict[str, Any] = {
            "sku": item.sku,
            "publishStatus": "PUBLISHED" if published else "UNPUBLISHED",
            "lifecycleStatus": item.lifecycle,
        }
        price = item.price.at(at)
        if not published:
            text = "Reasonable Price Not Satisfied"
            payload |= {
                "statusChangeReasons": {"REASONABLE_PRICE_NOT_SATISFIED": text},
                "itemId": str(item.item_id),
                "itemName": item.product.name,
                "category": item.product.shelf.category,
                "totalNumberOfOffers": len(rank(item, self.shop.standing(item, at), at)),
                "sellerShippingPrice": money(item.shipping_cents),
                "referencePrice": money(item.product.base_cents),
                "referencePriceURL": f"https://www.walmart.com/ip/{item.item_id}",
                "referencePriceType": "WALMART",
            }
            if price is not None:
                payload["sellerOfferPrice"] = money(price)
        return payload, {"published": payload["publishStatus"]}

    def _order(self, item: OwnItem) -> dict[str, Any]:
        now = iso(self.pace.clock())
        number = str(self.pace.random.randrange(10**12, 10**13))
        line = {
            "lineNumber": "1",
            "sku": item.sku,
            "productName": item.product.name,
            "quantity": {"unitOfMeasure": "EACH", "measurementValue": "1"},
            "status": "Created",
            "statusDate": now,
            # The blank is Walmart's.
            "shippingProgramType ": "STANDARD",
            "shippingMethod": "STANDARD",
        }
        return {
            "purchaseOrderId": number,
            "customerOrderId": number[::-1],
            "orderDate": now,
            "orderLines": [line],
            "shipNodeType": "SellerFulfilled",
        }


def _read(offer: RankedOffer | None) -> dict[str, Any] | None:
    if offer is None:
        return None
    return {
        "seller": offer.seller,
        "price_cents": offer.price_cents,
        "shipping_cents": offer.shipping_cents,
    }
