"""Inventory: units on hand of one item, or of all page by page."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.refusals import (
    INVENTORY,
    SellerRefusal,
    invalid_content,
    invalid_param,
    not_found,
)
from walmart_stream.sandbox.seller.shop import Shop

MOST_INVENTORIES = 50
MOST_UNITS = 1_000_000
SHIP_NODE = "10000001"
# Cursors that can still be followed; each stands for one page.
MOST_CURSORS = 1_000


def units(entry: Any) -> int | None:
    """The quantity in an inventory object, or ``None`` for nonsense."""
    try:
        value = entry["quantity"]["amount"]
    except (KeyError, TypeError):
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_UNITS:
        return None
    return value


@dataclass(frozen=True, slots=True)
class Inventory:
    """``/v3/inventory`` and ``/v3/inventories``."""

    config: SellerConfig
    pace: Pace
    shop: Shop
    cursors: dict[str, int] = field(default_factory=dict)

    async def get(self, call: Call) -> SellerAnswer:
        """One item's quantity, by the parameter ``sku``.

        Raises:
            SellerRefusal: 400 without ``sku``, 404 for an unknown one.
        """
        item = self._item(call)
        document = _quantity(item, call.at)
        return SellerAnswer(document, (_said(item, document, call.at),), root="inventory")

    async def put(self, call: Call) -> SellerAnswer:
        """States another quantity of one item; it is seen after the read-back lag.

        Raises:
            SellerRefusal: 400 for a body that is not understood, 404 for an unknown SKU.
        """
        item = self._item(call)
        document = call.json(INVENTORY)
        count = units(document)
        if count is None or document.get("sku", item.sku) != item.sku:
            raise invalid_content("quantity", "Request has invalid data format", INVENTORY)
        effective = call.at + self.pace.between(self.config.read_back_seconds)
        item.stock.submit(count, call.at, effective)
        quantity = {"unit": "EACH", "amount": count}
        return SellerAnswer({"sku": item.sku, "quantity": quantity}, root="inventory")

    async def page(self, call: Call) -> SellerAnswer:
        """All items; the cursor is another one on each page, and absent on the last.

        Raises:
            SellerRefusal: 400 for an unknown cursor.
        """
        limit = call.number("limit", 10, MOST_INVENTORIES)
        cursor = call.query.get("nextCursor")
        if cursor is not None and cursor not in self.cursors:
            raise invalid_param("nextCursor", "Invalid Cursor", INVENTORY)
        start = self.cursors[cursor] if cursor is not None else 0
        everything = list(self.shop.items.by_sku.values())
        items = everything[start : start + limit]
        meta: dict[str, Any] = {"totalCount": len(everything)}
        if start + limit < len(everything):
            meta["nextCursor"] = self._cursor(start + limit)
        written = [_nodes(item, call.at) for item in items]
        return SellerAnswer(
            {"meta": meta, "elements": {"inventories": written}},
            tuple(_said(i, json, call.at) for i, json in zip(items, written, strict=True)),
        )

    def _item(self, call: Call) -> OwnItem:
        sku = call.query.get("sku")
        if sku is None:
            raise SellerRefusal(
                400, "MISSING_REQUEST_PARAM", "sku is missing", field="sku", service=INVENTORY
            )
        item = self.shop.items.by_sku.get(sku)
        if item is None:
            raise not_found(f"No inventory for {sku}", INVENTORY)
        return item

    def _cursor(self, start: int) -> str:
        if len(self.cursors) >= MOST_CURSORS:
            self.cursors.pop(next(iter(self.cursors)))
        cursor = secrets.token_urlsafe(24)
        self.cursors[cursor] = start
        return cursor


def _quantity(item: OwnItem, at: float) -> dict[str, Any]:
    return {"sku": item.sku, "quantity": {"unit": "EACH", "amount": item.stock.at(at)}}


def _nodes(item: OwnItem, at: float) -> dict[str, Any]:
    quantity = {"unit": "EACH", "amount": item.stock.at(at)}
    node = {
        "shipNode": SHIP_NODE,
        "inputQty": quantity,
        "availToSellQty": quantity,
        "reservedQty": {"unit": "EACH", "amount": 0},
    }
    return {"sku": item.sku, "nodes": [node]}


def _said(item: OwnItem, payload: dict[str, Any], at: float) -> Said:
    return Said(item.sku, item.item_id, payload, {"own_quantity": item.stock.at(at)})
