"""A believable catalogue, made from a seed: what never changes about each item.

The quirks of the real API are made here on purpose: keys that are missing, ratings as text,
HTML entities in names, a list price below the sale price, UPCs with leading zeros or none,
variants that no answer mentions.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from urllib.parse import quote

import orjson

from walmart_stream.sandbox.market.assortment import ADJECTIVES, BRANDS, COLORS, SHELVES, Shelf

NumberStyle = Literal["float", "int", "text"]


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """The unchanging part of an item.

    ``base_cents`` is the price that the market hovers around. ``static_json`` holds the JSON
    keys that never change, as one JSON object. ``numbers`` is how the item's prices are
    written: with a fraction, as an integer where whole, or as text.
    """

    item_id: int
    name: str
    brand: str
    shelf: Shelf
    upc: str | None
    base_cents: int
    stock: str
    numbers: NumberStyle
    popularity: int
    rating: float
    flags: frozenset[str]
    search_text: str
    static_json: bytes


class Catalogue:
    """All products, found by item id, UPC or GTIN; ``by_id`` is in ascending order of ids."""

    def __init__(self, products: Iterable[Product]) -> None:
        self.products = tuple(products)
        self.by_id = {p.item_id: p for p in sorted(self.products, key=lambda p: p.item_id)}
        self._by_upc: dict[str, list[Product]] = {}
        for product in self.products:
            if product.upc is not None:
                self._by_upc.setdefault(product.upc, []).append(product)

    def with_upc(self, upc: str) -> Sequence[Product]:
        """The products with this 12-digit UPC; Walmart's own and resold ones can share it."""
        return self._by_upc.get(upc, ())

    def with_gtin(self, gtin: str) -> Sequence[Product]:
        """The products with this GTIN: a UPC with up to two zeros in front."""
        return self.with_upc(gtin[-12:]) if not gtin[:-12].strip("0") else ()


def generate_catalogue(items: int, seed: int) -> Catalogue:
    """A catalogue of *items* products; the same seed gives the same ones, a longer one more."""
    random = Random(f"catalogue:{seed}")  # noqa: S311 - a simulation, not a secret
    ids = _ItemIds(random)
    products: list[Product] = []
    while len(products) < items:
        products.extend(_family(random, ids, products[-1].upc if products else None))
    return Catalogue(products[:items])


class _ItemIds:
    """Unique item ids; old items have 8 digits, newer ones up to 11."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._taken: set[int] = set()

    def next(self) -> int:
        while True:
            digits = self._random.choices((8, 9, 10, 11), (25, 45, 22, 8))[0]
            item_id = self._random.randrange(10 ** (digits - 1), 10**digits)
            if item_id not in self._taken:
                self._taken.add(item_id)
                return item_id


@dataclass(frozen=True, slots=True)
class _Traits:
    """A product's traits, before it is decided which of them its JSON holds."""

    item_id: int
    family: Sequence[int]
    shelf: Shelf
    brand: str
    name: str
    color: str
    size: str | None
    upc: str | None
    base_cents: int


def _family(random: Random, ids: _ItemIds, previous_upc: str | None) -> list[Product]:
    """One product, or a few that differ in colour or size and name each other as variants."""
    shelf = random.choice(SHELVES)
    brand, adjective, noun = (random.choice(words) for words in (BRANDS, ADJECTIVES, shelf.nouns))
    base_cents = _base_price(random, shelf)
    members = random.randint(2, 5) if random.random() < 0.3 else 1
    item_ids = [ids.next() for _ in range(members)]
    colors = random.sample(COLORS, members)
    family: list[Product] = []
    for item_id, color in zip(item_ids, colors, strict=True):
        size = random.choice(shelf.sizes) if shelf.sizes else None
        name = f"{brand} {adjective} {noun}, {', '.join(filter(None, (size, color)))}"
        upc = _upc(random, previous_upc)
        previous_upc = upc
        traits = _Traits(item_id, item_ids, shelf, brand, name, color, size, upc, base_cents)
        family.append(_product(random, traits))
    return family


def _base_price(random: Random, shelf: Shelf) -> int:
    dollars = shelf.low * (shelf.high / shelf.low) ** random.random()
    return int(dollars) * 100 + random.choice((0, 47, 88, 96, 97, 98, 99))


def _upc(random: Random, previous: str | None) -> str | None:
    chance = random.random()
    if chance < 0.07:
        return None
    if chance < 0.09 and previous is not None:
        return previous
    digits = (
        f"{0 if random.random() < 0.35 else random.randrange(10)}{random.randrange(10**10):010}"
    )
    odd, even = (sum(int(d) for d in digits[start::2]) for start in (0, 1))
    return f"{digits}{-(3 * odd + even) % 10}"


def _product(random: Random, traits: _Traits) -> Product:
    numbers: NumberStyle = random.choices(("float", "int", "text"), (90, 9, 1))[0]
    rating = round(random.betavariate(6, 2) * 4 + 1, 3)
    flags = frozenset(f for f in ("clearance", "rollBack", "specialBuy") if random.random() < 0.08)
    reviews = int(random.paretovariate(0.6)) if random.random() < 0.85 else None
    static = _static_json(random, traits, numbers, flags)
    if reviews is not None:
        static |= {"customerRating": f"{rating:g}", "numReviews": min(reviews, 90_000)}
    return Product(
        item_id=traits.item_id,
        name=traits.name,
        brand=traits.brand,
        shelf=traits.shelf,
        upc=traits.upc,
        base_cents=traits.base_cents,
        stock=random.choices(("Available", "Limited Supply", "Last few items"), (90, 7, 3))[0],
        numbers=numbers,
        popularity=reviews or 0,
        rating=rating,
        flags=flags,
        search_text=f"{traits.name} {' '.join(traits.shelf.path)}".lower(),
        static_json=orjson.dumps(static),
    )


def written_number(cents: int, style: NumberStyle) -> float | int | str:
    """An amount as the API writes it: ``24.97``, ``25`` or ``"24.97"``."""
    if style == "text":
        return f"{cents // 100}.{cents % 100:02}"
    if style == "int" and cents % 100 == 0:
        return cents // 100
    return cents / 100


def _escaped(text: str) -> str:
    return html.escape(text).replace("&#x27;", "&#39;")


def _static_json(
    random: Random, traits: _Traits, numbers: NumberStyle, flags: frozenset[str]
) -> dict[str, Any]:
    item_id, name, brand, color = traits.item_id, traits.name, traits.brand, traits.color
    chance = random.random
    page = f"https://www.walmart.com/ip/{quote(name.replace(' ', '-'), safe='')}/{item_id}"
    image = f"https://i5.walmartimages.com/asr/{random.getrandbits(64):016x}.jpeg"
    images = {
        kind: f"{image}?odnHeight={pixels}&odnWidth={pixels}&odnBg=ffffff"
        for kind, pixels in (("thumbnailImage", 100), ("mediumImage", 180), ("largeImage", 450))
    }
    blurb = f"<p>The {name} by {brand}.</p><ul><li>{color}</li><li>Made for every day</li></ul>"
    item: dict[str, Any] = {
        "itemId": item_id,
        "parentItemId": traits.family[0],
        # Most names come escaped, some do not: a reader has to cope with both.
        "name": _escaped(name) if chance() < 0.8 else name,
        "upc": traits.upc,
        "msrp": _list_price(random, traits.base_cents, numbers),
        "categoryPath": "/".join(("Home Page", *traits.shelf.path)),
        "categoryNode": traits.shelf.node,
        "shortDescription": _escaped(f"<p>{name}</p>") if chance() < 0.8 else None,
        "longDescription": _escaped(blurb) if chance() < 0.9 else None,
        "brandName": brand if chance() < 0.95 else None,
        **images,
        "imageEntities": [images | {"entityType": "PRIMARY"}] if chance() < 0.9 else None,
        "productTrackingUrl": "https://goto.walmart.com/c/|PUBID|/568844/9383?veh=aff"
        "&sourceid=imp_000011112222333344"
        f"&prodsku={item_id}&u={quote(page, safe='')}&intsrc=SBOX_1",
        "ninetySevenCentShipping": False,
        "size": traits.size,
        "color": color if chance() < 0.85 else None,
        "shipToStore": chance() < 0.6,
        "freeShipToStore": chance() < 0.5,
        "modelNumber": f"{brand[:2].upper()}-{random.randrange(10**5)}" if chance() < 0.8 else None,
        "variants": list(traits.family) if len(traits.family) > 1 and chance() < 0.5 else None,
        "rhid": str(random.randrange(10_000, 60_000)) if chance() < 0.7 else None,
        "bundle": chance() < 0.03,
        "preOrder": chance() < 0.01,
        "freight": traits.base_cents > 50_000 and chance() < 0.3,
        **{flag: flag in flags for flag in ("clearance", "rollBack", "specialBuy")},
        "attributes": {"color": color} if chance() < 0.7 else None,
        "isTwoDayShippingEligible": chance() < 0.55,
        "maxItemsInOrder": random.choice((5, 12, 99)),
        "giftOptions": {
            "allowGiftWrap": False,
            "allowGiftMessage": chance() < 0.2,
            "allowGiftReceipt": True,
        },
        "offerType": random.choice(("ONLINE_ONLY", "ONLINE_AND_STORE")),
        "freeShippingOver35Dollars": chance() < 0.8,
        "affiliateAddToCartUrl": "https://goto.walmart.com/c/|PUBID|/568844/9383?veh=aff"
        f"&u={quote(f'http://affil.walmart.com/cart/addToCart?items={item_id}|1', safe='')}"
        if chance() < 0.6
        else None,
    }
    if chance() < 0.3:
        digest = hashlib.sha256(str(item_id).encode()).hexdigest()
        item["attributes"] = (item["attributes"] or {}) | {"uniqueProductId": digest[:14].upper()}
    return {key: value for key, value in item.items() if value is not None}


def _list_price(random: Random, base_cents: int, numbers: NumberStyle) -> float | int | str | None:
    chance = random.random()
    if chance < 0.35:
        return None
    # A stale list price below the price asked is a known oddity of the feed.
    factor = random.uniform(0.6, 0.95) if chance < 0.42 else random.uniform(1.0, 1.8)
    return written_number(int(base_cents * factor), numbers)
