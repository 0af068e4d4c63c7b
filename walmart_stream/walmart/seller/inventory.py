"""How many of the seller's items are in stock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from walmart_stream.walmart.errors import ContentNotFound, MalformedResponse
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import GET_INVENTORY, PUT_INVENTORY

# The most that Walmart gives at once.
PAGE = 50


@dataclass(frozen=True, slots=True)
class Stock:
    """The seller's stock of an item in one place. ``None`` is unknown.

    ``amount`` was put in by the seller; ``available`` is what is left to sell of it, and
    ``reserved`` what is ordered. ``node`` is the ship node, where there are several.
    """

    sku: str
    amount: int | None
    available: int | None = None
    reserved: int | None = None
    node: str | None = None


class SellerInventory:
    """Reads and writes stock."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def get(self, sku: str, node: str | None = None) -> Stock:
        """The stock of one item, of *node* or all together.

        Raises:
            ContentNotFound: there is no such item.
            WalmartError: the call failed.
        """
        return await self._calls.call(
            GET_INVENTORY, "/v3/inventory", lambda reply: _read(reply, sku), params=_of(sku, node)
        )

    async def put(self, sku: str, amount: int, node: str | None = None) -> Stock:
        """Sets the stock of one item; what Walmart then says it is. Raises as ``get``.

        Raises:
            ValueError: *amount* is negative.
        """
        if amount < 0:
            raise ValueError(f"{amount} is no stock")
        return await self._calls.call(
            PUT_INVENTORY,
            "/v3/inventory",
            lambda reply: _read(reply, sku),
            params=_of(sku, node),
            document={"sku": sku, "quantity": {"unit": "EACH", "amount": amount}},
        )

    async def all(self) -> AsyncIterator[Stock]:
        """The stock of all items, one for each item and node.

        Raises:
            MalformedResponse: the pages go round in circles.
            WalmartError: a call failed; what came before it has been yielded.
        """
        params = {"limit": str(PAGE)}
        seen = set()
        while True:
            try:
                stocks, entries, cursor = await self._calls.call(
                    GET_INVENTORY, "/v3/inventories", _read_page, params=params
                )
            except ContentNotFound:
                return
            for stock in stocks:
                yield stock
            # Here the cursor is a new one on each page.
            if cursor is None or not entries:
                return
            if cursor in seen:
                raise MalformedResponse("the pages of the inventory go round in circles")
            seen.add(cursor)
            params["nextCursor"] = cursor


def _of(sku: str, node: str | None) -> dict[str, str]:
    return {"sku": sku} if node is None else {"sku": sku, "shipNode": node}


def _read(reply: Reply, sku: str) -> Stock:
    found = read.document(reply.document, "inventory")
    return Stock(sku=sku, amount=_amount(found.get("quantity")))


def _read_page(reply: Reply) -> tuple[list[Stock], int, str | None]:
    """The stocks on a page, of how many items, and the cursor of the next one."""
    found = read.document(reply.document, "inventories")
    elements = read.fields(found.get("elements"))
    stocks = []
    entries = read.objects(elements.get("inventories"), "inventories")
    for entry in entries:
        item = read.fields(entry)
        sku = item.get("sku")
        if not isinstance(sku, str):
            continue
        for node in read.objects(item.get("nodes"), "nodes"):
            at = read.fields(node)
            stocks.append(
                Stock(
                    sku=sku,
                    amount=_amount(at.get("inputqty")),
                    available=_amount(at.get("availtosellqty")),
                    reserved=_amount(at.get("reservedqty")),
                    node=read.text(at.get("shipnode")),
                )
            )
    cursor = read.fields(found.get("meta")).get("nextcursor", found.get("nextcursor"))
    return stocks, len(entries), read.text(cursor)


def _amount(value: Any) -> int | None:
    return read.count(read.fields(value).get("amount") if isinstance(value, dict) else value)
