"""How prices, shipping, availability and sellers move: a seeded process for each item.

Each item has its own random numbers and its own rate of change, so its listing at a time
depends on the seed, the item and the time only – not on which other items were asked, nor
on how often. Rates are log-normal with a wide spread: most items hardly ever change, a few
all the time, as shops with automatic repricing do. Times are seconds of market time since
the opening; the caller speeds them up.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from walmart_stream.sandbox.market.assortment import SELLERS
from walmart_stream.sandbox.market.catalogue import Product
from walmart_stream.sandbox.market.listing import Listing, Offer

# The median item changes every day and a half.
MEDIAN_INTERVAL = 1.5 * 86_400
# Spread of the rates' logarithm: the busiest 5 % change about 44 times the median.
SPREAD = 2.3
# Repricers act every quarter of an hour at most.
SHORTEST_INTERVAL = 900.0

SHIPPING_RATES = (0, 0, 0, 399, 499, 599, 599, 699, 799, 999, 1299, None)
PRICE_ENDINGS = (0, 44, 47, 88, 94, 96, 97, 97, 98, 99, 99)


@dataclass(slots=True)
class _Course:
    """One item's path so far: its listing now and when it changes next.

    ``moments`` are the market times of the changes that an answer shows, ``changes`` counts all.
    """

    product: Product
    random: Random
    rate: float
    next_at: float
    listing: Listing
    changes: int = 0
    moments: array[float] = field(default_factory=lambda: array("d"))


class Market:
    """The listings of all products over time."""

    def __init__(self, products: Iterable[Product], seed: int) -> None:
        self._courses = {p.item_id: _open(p, seed) for p in products}

    def listing(self, item_id: int, at: float) -> Listing:
        """The item's listing at market time *at* (seconds); time never goes back.

        Raises:
            KeyError: there is no such item.
        """
        return _advance(self._courses[item_id], at).listing

    def changes(self, item_id: int, at: float) -> int:
        """How many changes the item has seen up to market time *at*.

        Raises:
            KeyError: there is no such item.
        """
        return _advance(self._courses[item_id], at).changes

    def moments(self, item_id: int, at: float) -> list[float]:
        """Market times up to *at* at which the offers became others than an answer had shown.

        Raises:
            KeyError: there is no such item.
        """
        return list(_advance(self._courses[item_id], at).moments)


def _open(product: Product, seed: int) -> _Course:
    random = Random(f"market:{seed}:{product.item_id}")  # noqa: S311 - a simulation
    rate = min(1 / SHORTEST_INTERVAL, random.lognormvariate(-math.log(MEDIAN_INTERVAL), SPREAD))
    listing = _first_listing(random, product)
    return _Course(product, random, rate, random.expovariate(rate), listing)


def _advance(course: _Course, at: float) -> _Course:
    while course.next_at <= at:
        listing = _next_listing(course.random, course.product, course.listing)
        if listing != course.listing:
            if listing.reading() != course.listing.reading():
                course.moments.append(course.next_at)
            course.listing = listing
            course.changes += 1
        course.next_at += course.random.expovariate(course.rate)
    return course


def _first_listing(random: Random, product: Product) -> Listing:
    third_party = random.random() < 0.3
    listing = Listing(
        third_party=third_party,
        featured=Offer(
            price_cents=_priced(random, product.base_cents),
            shipping_cents=random.choice(SHIPPING_RATES),
            two_day_cents=random.choice((None, 0, 997, 1497)),
            seller=random.choice(SELLERS) if third_party else None,
        ),
    )
    if not third_party and random.random() < 0.6:
        listing = replace(listing, marketplace=_rival(random, product))
    if random.random() < 0.05:
        listing = _toggle_stock(random, product, listing)
    return listing


def _rival(random: Random, product: Product, but: str | None = None) -> Offer:
    return Offer(
        price_cents=_priced(random, product.base_cents, lean=-0.03),
        shipping_cents=random.choice(SHIPPING_RATES),
        two_day_cents=random.choice((None, None, 0, 999)),
        seller=random.choice([seller for seller in SELLERS if seller != but]),
    )


def _priced(random: Random, around: int, lean: float = 0.0) -> int:
    """A price near *around* (cents), with the ending of a price tag, never below a dollar."""
    dollars = int(around * math.exp(random.gauss(lean, 0.06))) // 100
    return max(100, dollars * 100 + random.choice(PRICE_ENDINGS))


def _reprice(random: Random, product: Product, offer: Offer) -> Offer:
    if offer.price_cents is None:
        return replace(offer, price_cents=_priced(random, product.base_cents), available=True)
    # Half-way back to the usual price each time, so that prices stay believable for ever.
    return replace(
        offer, price_cents=_priced(random, (offer.price_cents + product.base_cents) // 2)
    )


def _reprice_featured(random: Random, product: Product, listing: Listing) -> Listing:
    return replace(listing, featured=_reprice(random, product, listing.featured))


def _reprice_rival(random: Random, product: Product, listing: Listing) -> Listing:
    if listing.marketplace is None:
        return _reprice_featured(random, product, listing)
    return replace(listing, marketplace=_reprice(random, product, listing.marketplace))


def _price_war(random: Random, product: Product, listing: Listing) -> Listing:
    return _reprice_rival(random, product, _reprice_featured(random, product, listing))


def _change_shipping(random: Random, product: Product, listing: Listing) -> Listing:
    rate = random.choice(SHIPPING_RATES)
    if listing.marketplace is not None and random.random() < 0.5:
        return replace(listing, marketplace=replace(listing.marketplace, shipping_cents=rate))
    return replace(listing, featured=replace(listing.featured, shipping_cents=rate))


def _toggle_stock(random: Random, product: Product, listing: Listing) -> Listing:
    featured = listing.featured
    if featured.price_cents is None or featured.available is False:
        return _restock(random, product, listing)
    # Walmart shows both: no sale price at all, or a price that nobody can order at.
    price = None if random.random() < 0.5 else featured.price_cents
    return replace(listing, featured=replace(featured, price_cents=price, available=False))


def _restock(random: Random, product: Product, listing: Listing) -> Listing:
    price = _priced(random, product.base_cents)
    return replace(listing, featured=replace(listing.featured, price_cents=price, available=True))


def _toggle_rival(random: Random, product: Product, listing: Listing) -> Listing:
    if listing.third_party:
        return _reprice_featured(random, product, listing)
    if listing.marketplace is None:
        return replace(listing, marketplace=_rival(random, product))
    # Rivals come more readily than they go: most of Walmart's own items have one.
    if random.random() < 0.5:
        return _reprice_rival(random, product, listing)
    return replace(listing, marketplace=None)


def _toggle_rival_stock(random: Random, product: Product, listing: Listing) -> Listing:
    rival = listing.marketplace
    if rival is None:
        return _toggle_rival(random, product, listing)
    return replace(listing, marketplace=replace(rival, available=not rival.available))


def _change_rival(random: Random, product: Product, listing: Listing) -> Listing:
    rival = listing.marketplace
    if rival is None:
        return _toggle_rival(random, product, listing)
    return replace(listing, marketplace=_rival(random, product, but=rival.seller))


def _change_buy_box(random: Random, product: Product, listing: Listing) -> Listing:
    """The featured offer passes from Walmart to the rival, or from a third party on."""
    if listing.third_party and random.random() < 0.8:
        walmart = replace(_rival(random, product), seller=None)
        return Listing(third_party=False, featured=walmart, marketplace=listing.featured)
    # Walmart seldom loses the buy box, so that third parties hold about a third of them.
    if not listing.third_party and random.random() < 0.6:
        return _price_war(random, product, listing)
    winner = listing.marketplace
    if winner is None or not winner.available:
        winner = _rival(random, product, but=listing.featured.seller)
    return Listing(third_party=True, featured=winner)


Move = Callable[[Random, Product, Listing], Listing]
MOVES: dict[Move, int] = {
    _reprice_featured: 38,
    _reprice_rival: 26,
    _price_war: 8,
    _change_shipping: 12,
    _toggle_stock: 3,
    _toggle_rival: 4,
    _toggle_rival_stock: 2,
    _change_rival: 4,
    _change_buy_box: 3,
}
_MOVES = tuple(MOVES)
_WEIGHTS = tuple(MOVES.values())


def _next_listing(random: Random, product: Product, listing: Listing) -> Listing:
    # Nothing else happens to what is out of stock, and it does not stay so for long.
    if listing.featured.available is False and random.random() < 0.6:
        return _restock(random, product, listing)
    return random.choices(_MOVES, _WEIGHTS)[0](random, product, listing)
