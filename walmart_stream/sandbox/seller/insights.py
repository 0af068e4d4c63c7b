"""Insights: what Walmart thinks of the seller's prices and listings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from walmart_stream.sandbox.seller.buy_box import insight
from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.item_json import money
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace, iso
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.refusals import INSIGHTS, invalid_content, invalid_param
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.standing import rank

ROWS_A_PAGE = 25
MOST_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Insights:
    """Pricing insights, listing quality and unpublished items."""

    config: SellerConfig
    pace: Pace
    shop: Shop

    async def pricing(self, call: Call) -> SellerAnswer:
        """Twenty-five rows by ``pageNumber`` (from 0), or the one item of ``searchCriteria``.

        Raises:
            SellerRefusal: 400 for a page number that is none.
        """
        body = call.json(INSIGHTS)
        page = body.get("pageNumber", 0)
        if isinstance(page, bool) or not isinstance(page, int) or page < 0:
            raise invalid_content("pageNumber", "pageNumber is invalid", INSIGHTS)
        items = self._active()
        criteria = body.get("searchCriteria")
        if isinstance(criteria, dict) and criteria.get("sku"):
            items = [item for item in items if item.sku == criteria["sku"]]
        rows = items[page * ROWS_A_PAGE : (page + 1) * ROWS_A_PAGE]
        said = tuple(insight(self.shop, item, call.at) for item in rows)
        data = {
            "pageContext": {
                "pageNo": page,
                "currentPageCount": len(rows),
                "totalCount": len(items),
                "totalPages": math.ceil(len(items) / ROWS_A_PAGE),
            },
            "pricingInsightsResponseList": [one.payload for one in said],
        }
        wrapped = self.config.wrapped_insights
        if wrapped == "mixed":
            wrapped = self.pace.random.random() < 0.5
        return SellerAnswer({"status": "OK", "data": data} if wrapped else data, said)

    async def quality_score(self, call: Call) -> SellerAnswer:
        """The seller's overall listing quality."""
        score = {"offerScore": 62.4, "ratingReviewScore": 41.0, "contentScore": 55.8}
        defects = {"itemDefectCnt": 0, "defectRatio": 0.0}
        payload = {"score": score, "postPurchaseQuality": defects, "overAllQuality": 53.1}
        return SellerAnswer({"payload": payload, "status": "OK"})

    async def quality_items(self, call: Call) -> SellerAnswer:
        """Each item's listing quality, with the best price found elsewhere.

        Raises:
            SellerRefusal: 400 for an unknown cursor.
        """
        limit = max(1, call.number("limit", MOST_ITEMS, MOST_ITEMS))
        cursor = call.query.get("nextCursor", "0")
        if not (cursor.isascii() and cursor.isdecimal()) or len(cursor) > 9:
            raise invalid_param("nextCursor", "Invalid Cursor", INSIGHTS)
        start, items = int(cursor), self._active()
        said = tuple(self._quality(item, call.at) for item in items[start : start + limit])
        document: dict[str, Any] = {
            "status": "OK",
            "totalItems": len(items),
            "payload": [one.payload for one in said],
        }
        if start + limit < len(items):
            document["nextCursor"] = str(start + limit)
        return SellerAnswer(document, said)

    async def unpublished(self, call: Call) -> SellerAnswer:
        """Items taken off the site because of their price; amounts are texts."""
        said = tuple(
            self._unpublished(item, call.at)
            for item in self._active()
            if item.published(call.at) == "UNPUBLISHED"
        )
        return SellerAnswer({"status": "OK", "payload": [one.payload for one in said]}, said)

    def _active(self) -> list[OwnItem]:
        return [i for i in self.shop.items.by_sku.values() if i.lifecycle == "ACTIVE"]

    def _quality(self, item: OwnItem, at: float) -> Said:
        standing = self.shop.standing(item, at)
        rivals = [offer for offer in rank(item, standing, at) if not offer.own]
        price: dict[str, Any] = {
            "score": None,
            "walmartShipping": standing.own_shipping_cents / 100,
            "asin": None,
            "additionalDes": None,
        }
        reading: dict[str, Any] = {
            "own_price_cents": standing.own_price_cents,
            "own_shipping_cents": standing.own_shipping_cents,
        }
        if standing.own_price_cents is not None:
            price["price"] = money(standing.own_price_cents)
        if rivals:
            price["competitorPrice"] = money(rivals[0].price_cents)
            reading["competitor_price_cents"] = rivals[0].price_cents
            reading["competitor_shipping_cents"] = rivals[0].shipping_cents
            if rivals[0].shipping_cents is not None:
                price["competitorShipping"] = rivals[0].shipping_cents / 100
        if not standing.winning:
            price["issueTitle"] = "Price Not Competitive"
        speed = {"score": None, "issueTitle": None, "issueDesc": None, "shippingType": "STANDARD"}
        payload = {
            "sku": item.sku,
            "itemId": str(item.item_id),
            "productName": item.product.name,
            "scoreDetails": {"offer": {"price": price, "shippingSpeed": speed}},
        }
        return Said(item.sku, item.item_id, payload, reading)

    def _unpublished(self, item: OwnItem, at: float) -> Said:
        price = item.price.at(at)
        payload = {
            "sku": item.sku,
            "itemId": str(item.item_id),
            "gtin": item.gtin,
            "productName": item.product.name,
            "publishStatus": "UNPUBLISHED",
            "unpublishReasons": ["REASONABLE_PRICE_NOT_SATISFIED"],
            "unpublishedDate": iso(self.pace.clock())[:10],
            "marketPrice": _text_money(item.product.base_cents),
            "price": _text_money(price or 0),
        }
        reading = {"own_price_cents": price, "published": "UNPUBLISHED"}
        return Said(item.sku, item.item_id, payload, reading)


def _text_money(cents: int) -> dict[str, str]:
    return {"amount": f"{cents / 100:.2f}", "currency": "USD"}
