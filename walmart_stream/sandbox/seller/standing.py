"""Ranks all offers of an item by landed price, the seller's own among them.

The affiliate side shows the result: the seller's offer is the featured one while it wins the
buy box, and the best marketplace offer beside Walmart's while it is that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random

from walmart_stream.sandbox.market.assortment import SELLERS
from walmart_stream.sandbox.market.listing import WALMART, Listing, Offer
from walmart_stream.sandbox.seller.offers import OwnItem

# How often the further rivals think their prices over, in market seconds.
RIVALS_INTERVAL = 6 * 3600
MOST_RIVALS = 3


@dataclass(frozen=True, slots=True)
class RankedOffer:
    """An offer that can be ordered. ``shipping_cents`` is ``None`` where it is not known."""

    seller: str
    price_cents: int
    shipping_cents: int | None
    own: bool = False

    @property
    def ranked_by(self) -> int:
        """The landed price; unknown shipping ranks as none."""
        return self.price_cents + (self.shipping_cents or 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """An own item at a moment.

    ``listing`` is what the affiliate side shows, ``own_price_cents`` the price that is seen
    (whether or not the offer can be ordered), ``own`` the seller's offer if it can be,
    ``others`` those of others that the affiliate side names.
    """

    listing: Listing
    own_price_cents: int | None
    own_shipping_cents: int
    own: RankedOffer | None
    others: tuple[RankedOffer, ...]
    winner: RankedOffer | None

    @property
    def winning(self) -> bool:
        """Whether the seller holds the buy box."""
        return self.winner is not None and self.winner.own


def stand(item: OwnItem, market: Listing, seller: str, at: float) -> Standing:
    """How *item* stands at market time *at*, where *market* is its listing without the seller."""
    price = item.price.at(at)
    own = None
    if price is not None and item.can_sell(at):
        own = RankedOffer(seller, price, item.shipping_cents, own=True)
    featured = _ranked(market.featured, market.featured.seller or WALMART)
    rival = None if market.marketplace is None else _ranked(market.marketplace, "")
    others = tuple(offer for offer in (featured, rival) if offer is not None)
    wins = own is not None and all(own.ranked_by < other.ranked_by for other in others)
    return Standing(
        listing=_shown(market, own, wins),
        own_price_cents=price,
        own_shipping_cents=item.shipping_cents,
        own=own,
        others=others,
        winner=own if wins else featured,
    )


def rank(item: OwnItem, standing: Standing, at: float) -> tuple[RankedOffer, ...]:
    """All offers that can be ordered at market time *at*, further rivals among them, best first."""
    offers = [*standing.others, *_rivals(item, standing.others, at)]
    if standing.own is not None:
        offers.append(standing.own)
    # Whoever has the buy box comes first among equals.
    return tuple(sorted(offers, key=lambda o: (o.ranked_by, o != standing.winner)))


def _ranked(offer: Offer, seller: str) -> RankedOffer | None:
    if offer.price_cents is None or offer.available is False:
        return None
    return RankedOffer(offer.seller or seller, offer.price_cents, offer.shipping_cents)


def _shown(market: Listing, own: RankedOffer | None, wins: bool) -> Listing:
    if own is None:
        return market
    offer = Offer(own.price_cents, own.shipping_cents, None, available=True, seller=own.seller)
    if wins:
        return Listing(third_party=True, featured=offer)
    rival = None if market.marketplace is None else _ranked(market.marketplace, "")
    # Beside a third party's offer Walmart shows no other.
    if market.third_party or (rival is not None and rival.ranked_by <= own.ranked_by):
        return market
    return replace(market, marketplace=offer)


def _rivals(item: OwnItem, known: Iterable[RankedOffer], at: float) -> list[RankedOffer]:
    """Further sellers, always more expensive than those that the affiliate side names."""
    random = Random(f"rivals:{item.item_id}")  # noqa: S311 - a simulation
    names = [name for name in SELLERS if name not in {offer.seller for offer in known}]
    dearest = max((offer.ranked_by for offer in known), default=item.product.base_cents)
    rivals: list[RankedOffer] = []
    for name in random.sample(names, random.randint(0, MOST_RIVALS)):
        now = Random(f"rival:{item.item_id}:{name}:{int(at // RIVALS_INTERVAL)}")  # noqa: S311
        markup = int(item.product.base_cents * now.uniform(0.01, 0.3)) + 1
        rivals.append(RankedOffer(name, dearest + markup, now.choice((0, 0, 499, None))))
    return rivals
