"""The context of one request: the market at that moment and how to write items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from walmart_stream.sandbox.affiliate.item_json import NOT_IN_BASE, Group, ItemWriter, ServedItem
from walmart_stream.sandbox.market.catalogue import Product
from walmart_stream.sandbox.market.listing import Listing


def _nothing() -> frozenset[str]:
    return frozenset()


class Listings(Protocol):
    """Whoever knows how items are offered."""

    def listing(self, item_id: int, at: float) -> Listing:
        """The item's listing at market time *at* (seconds)."""


@dataclass(frozen=True, slots=True)
class Serving:
    """One request's view of the shop, at market time *at* (seconds).

    ``missing`` names the JSON keys to leave out, of each item by itself; ``vanished`` are ids to
    treat as unknown.
    """

    market: Listings
    writer: ItemWriter
    at: float
    publisher: str | None = None
    missing: Callable[[], frozenset[str]] = _nothing
    vanished: frozenset[int] = field(default_factory=frozenset)
    left_out: bool = False

    def listing(self, product: Product) -> Listing:
        """How *product* is offered now."""
        return self.market.listing(product.item_id, self.at)

    def item(self, product: Product, group: Group = "full") -> ServedItem:
        """*product* written for the answer, with the listing that it was written from."""
        listing = self.listing(product)
        missing = self.missing()
        for name in (*missing, *(NOT_IN_BASE if group == "base" else ())):
            listing = listing.without(name)
        return self.writer.write(
            product, listing, group=group, publisher=self.publisher, omitted=missing
        )

    def items(self, products: Iterable[Product], group: Group = "full") -> tuple[ServedItem, ...]:
        """Several products, in order."""
        return tuple(self.item(product, group) for product in products)


@dataclass(frozen=True, slots=True)
class Answer:
    """The body of a 200 answer and the items in it."""

    body: bytes
    items: tuple[ServedItem, ...] = ()


def json_list(items: Iterable[ServedItem]) -> bytes:
    """The items as a JSON array, joined from bytes that were written before."""
    return b"[" + b",".join(b"".join(item.payload) for item in items) + b"]"
