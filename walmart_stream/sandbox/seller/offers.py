"""The seller's own items: SKU, identifiers, price and stock over market time.

A change that was accepted is seen later (the read-back lag); of changes that have become
effective the one submitted last wins. Money is integer cents, times are market seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Generic, Literal, TypeVar

from walmart_stream.sandbox.market.catalogue import Catalogue, Product

Lifecycle = Literal["ACTIVE", "ARCHIVED", "RETIRED"]
Published = Literal["PUBLISHED", "UNPUBLISHED", "STAGE"]
T = TypeVar("T")

SHIPPING_RATES = (0, 0, 0, 399, 499, 599, 799)
# Dearer than this many times the usual price, an offer breaks the reasonable-price rule.
UNREASONABLE = 2.0
# Spelled like sellers spell them: some need percent-encoding in a path.
SKU_FORMS = (
    ("{brand}-{number}", 80),
    ("{number}", 8),
    ("{brand}/{number}", 4),
    ("{brand} {number} EA", 4),
    ("{brand}@{number}&B", 2),
    ("{number}+{brand}#1", 1),
    ("{brand}_50%_{number}", 1),
)


@dataclass(frozen=True, slots=True)
class _Change(Generic[T]):
    submitted: float
    effective: float
    value: T


class Lagged(Generic[T]):
    """A value whose changes are seen only once they are effective."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._submitted = float("-inf")
        self._pending: list[_Change[T]] = []

    def submit(self, value: T, submitted: float, effective: float) -> None:
        """A change accepted at *submitted* that is seen from *effective* on."""
        self._pending.append(_Change(submitted, effective, value))

    def at(self, moment: float) -> T:
        """The value that is seen at *moment*; moments never go back."""
        if self._pending:
            for change in self._pending:
                if change.effective <= moment and change.submitted >= self._submitted:
                    self._value, self._submitted = change.value, change.submitted
            self._pending = [c for c in self._pending if c.effective > moment]
        return self._value

    def take(self, moment: float) -> T | None:
        """The value, if a change became effective since it was last looked at."""
        before = self._submitted
        value = self.at(moment)
        return value if self._submitted != before else None

    @property
    def pending(self) -> int:
        """How many accepted changes are not seen yet."""
        return len(self._pending)


class Stock:
    """Units on hand: customers take some now and then, and an empty shelf is filled again."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._rate = 1 / random.lognormvariate(9.6, 1.0)
        self._usual = random.choice((5, 12, 40, 120))
        self._level = random.randint(1, self._usual)
        self._next_sale = random.expovariate(self._rate)
        self._counts = Lagged[int | None](None)

    def submit(self, units: int, submitted: float, effective: float) -> None:
        """The seller states another quantity."""
        self._counts.submit(units, submitted, effective)

    def at(self, moment: float) -> int:
        """Units that can be sold at *moment*; moments never go back."""
        while self._next_sale <= moment:
            self._level = self._usual if self._level == 0 else self._after_a_sale()
            self._next_sale += self._random.expovariate(self._rate)
        counted = self._counts.take(moment)
        if counted is not None:
            self._level = counted
        return self._level

    def _after_a_sale(self) -> int:
        return max(0, self._level - self._random.randint(1, 3))


@dataclass(slots=True, eq=False)
class OwnItem:
    """One item that the seller offers. Without UPC there is no GTIN either."""

    sku: str
    product: Product
    wpid: str
    lifecycle: Lifecycle
    shipping_cents: int
    price: Lagged[int | None]
    stock: Stock

    @property
    def item_id(self) -> int:
        """The item id, under which the affiliate side knows the item."""
        return self.product.item_id

    @property
    def upc(self) -> str | None:
        """Twelve digits."""
        return self.product.upc

    @property
    def gtin(self) -> str | None:
        """Fourteen digits."""
        return None if self.product.upc is None else self.product.upc.zfill(14)

    def published(self, moment: float) -> Published:
        """Whether customers can see the offer at *moment*."""
        price = self.price.at(moment)
        if price is None:
            return "STAGE"
        if self.lifecycle != "ACTIVE" or price > UNREASONABLE * self.product.base_cents:
            return "UNPUBLISHED"
        return "PUBLISHED"

    def can_sell(self, moment: float) -> bool:
        """Whether customers can order from the seller at *moment*."""
        return self.published(moment) == "PUBLISHED" and self.stock.at(moment) > 0


class OwnItems:
    """All of the seller's items, found by SKU, item id, UPC or GTIN; in the order of SKUs."""

    def __init__(self, items: Iterable[OwnItem]) -> None:
        self.by_sku = {item.sku: item for item in sorted(items, key=lambda item: item.sku)}
        self.by_item_id = {item.item_id: item for item in self.by_sku.values()}

    def find(self, kind: str, text: str) -> OwnItem | None:
        """The item whose identifier of *kind* (SKU, ITEM_ID, UPC, GTIN …) is *text*."""
        if kind == "SKU":
            return self.by_sku.get(text)
        if kind == "ITEM_ID":
            number = int(text) if text.isdecimal() and len(text) <= 18 else 0
            return self.by_item_id.get(number)
        for item in self.by_sku.values():
            if item.upc is not None and item.upc.zfill(14) == text.zfill(14):
                return item
        return None


def choose_items(catalogue: Catalogue, count: int, seed: int) -> OwnItems:
    """*count* items of the catalogue (or all, if it has fewer) as the seller's own."""
    random = Random(f"seller:{seed}")  # noqa: S311 - a simulation, not a secret
    count = min(count, len(catalogue.products))
    skus: set[str] = set()
    items: list[OwnItem] = []
    for product in random.sample(catalogue.products, count):
        sku = _sku(random, product)
        while sku in skus:
            sku = _sku(random, product)
        skus.add(sku)
        items.append(_own(random, product, sku, seed))
    return OwnItems(items)


def _own(random: Random, product: Product, sku: str, seed: int) -> OwnItem:
    price: int | None = int(product.base_cents * random.uniform(0.97, 1.2))
    if random.random() < 0.02:
        price = None
    digest = hashlib.sha256(f"wpid:{product.item_id}".encode()).hexdigest()
    return OwnItem(
        sku=sku,
        product=product,
        wpid=digest[:12].upper(),
        lifecycle="RETIRED" if random.random() < 0.02 else "ACTIVE",
        shipping_cents=random.choice(SHIPPING_RATES),
        price=Lagged(price),
        stock=Stock(Random(f"stock:{seed}:{product.item_id}")),  # noqa: S311 - a simulation
    )


def _sku(random: Random, product: Product) -> str:
    forms, weights = zip(*SKU_FORMS, strict=True)
    form: str = random.choices(forms, weights)[0]
    brand = "".join(letter for letter in product.brand if letter.isalpha())[:3].upper()
    return form.format(brand=brand, number=random.randrange(10_000, 10_000_000))
