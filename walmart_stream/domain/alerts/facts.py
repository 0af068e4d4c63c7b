"""The facts about an item that rules ask for, without prices out of all proportion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from walmart_stream.domain.alerts.rules import BEST_RIVAL
from walmart_stream.domain.alerts.state import ItemAlerts, Quote
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import SOMEBODY
from walmart_stream.domain.standing import Rival, Seen, rivals_of
from walmart_stream.domain.state import ItemState, OfferState

# A price that is this many times another, or as small a part of it, counts when seen twice.
OUT_OF_PROPORTION = 10


class Box(NamedTuple):
    """The buy box: ``own``, ``rival`` (``seller``, where named) or ``none``."""

    holder: str
    seller: str | None
    suppressed: bool
    at: int


class Facts(NamedTuple):
    """An item right after an observation at ``at``. ``seen`` are its offers, with their times.

    ``reference`` is the price that Walmart held the own offer against when it last unpublished it
    for its price, in cents; ``None`` if it never did.
    """

    item_id: str
    name: str | None
    at: int
    seen: Mapping[str, Seen]
    box: Box | None = None
    own_seller: str | None = None
    published: bool | None = None
    known_ms: int = 0
    reference: int | None = None

    def offer(self, name: str) -> Offer | None:
        """The offer of that name, or the best rival's; ``None`` if there is none."""
        if name == BEST_RIVAL:
            best = min(self.rivals(), key=lambda rival: rival.landed_cents, default=None)
            if best is None:
                return None
            name = best.offer
        found = self.seen.get(name)
        return None if found is None else found.offer

    def seen_at(self, name: str) -> int:
        """The time at which the offer of that name was seen last; any look tells the best rival."""
        found = self.seen.get(name)
        return self.at if found is None else found.at

    def rivals(self) -> list[Rival]:
        """The rivals that can be bought from now, by the prices that still count as known."""
        newest = max((one.at for one in self.seen.values()), default=self.at)
        return rivals_of(self.seen, self.own_seller, newest - self.known_ms)


def facts_of(observation: Observation, state: ItemState, known_ms: int) -> Facts:
    """The facts in an item's *state* right after *observation*.

    They are as of the newest observation: one that is late for another offer does not go back.

    The state may be ahead of the log. A worker that is replaced while it writes may bring the
    state of observations that its successor reads again, and not where the rules stand: then
    facts come from the observation itself. :func:`learn` leaves out what is late.
    """
    at = observation.observed_at
    seller = state.seller
    box = published = reference = None
    if seller is not None:
        if seller.box is not None:
            said = seller.box
            named = said.seller if said.holder == SOMEBODY else None
            box = Box(said.holder, named, said.suppressed, said.observed_at)
        published = seller.is_published
        reference = seller.reference(at)
    return Facts(
        observation.item_id,
        state.name,
        at,
        {name: _seen(name, known, observation) for name, known in state.offers.items()},
        box,
        None if seller is None else seller.seller,
        published,
        known_ms,
        reference,
    )


def _seen(name: str, known: OfferState, observation: Observation) -> Seen:
    if known.observed_at > observation.observed_at and name in observation.offers:
        offer = observation.offers[name]
        return Seen(UNAVAILABLE if offer is None else offer, observation.observed_at)
    return Seen(known.offer, known.observed_at)


def learn(item: ItemAlerts, facts: Facts) -> Facts | None:
    """Take *facts* over into *item*; give them as they count, or ``None`` if none of it is newer.

    What was seen already is what a crash repeats: the alerts of it are durable.
    """
    box = facts.box
    if box is not None and item.box_at < facts.at < box.at and item.machines:
        box = None
    newer = box is not None and box.at > item.box_at
    counted: dict[str, Seen] = {}
    for name, seen in facts.seen.items():
        quote = item.quotes.get(name)
        # An offer that is newer than the look is known by a look that is yet to come.
        if quote is None or facts.at >= seen.at > quote.at:
            newer = True
            quote = item.quotes[name] = _quoted(quote, seen)
        counted[name] = Seen(quote.offer, quote.at)
    if not newer:
        return None
    for gone in item.quotes.keys() - facts.seen.keys():
        del item.quotes[gone]
    if box is not None:
        item.box_at = max(item.box_at, box.at)
    newest = max((seen.at for seen in counted.values()), default=facts.at)
    return facts._replace(seen=counted, box=box, at=max(facts.at, newest, item.box_at))


def _quoted(known: Quote | None, seen: Seen) -> Quote:
    offer = seen.offer
    price, landed = offer.price_cents, offer.landed_cents
    if known is None:
        return Quote(offer, seen.at, price, landed)
    said = (price, offer.shipping_cents)
    odd = _is_odd(price, known.price) or _is_odd(landed, known.landed)
    if odd and known.doubted != said:
        return Quote(known.offer, seen.at, known.price, known.landed, said)
    return Quote(
        offer,
        seen.at,
        known.price if price is None else price,
        known.landed if landed is None else landed,
    )


def _is_odd(now: int | None, before: int | None) -> bool:
    """Whether one of two amounts is ten times the other or more; 0 always is, beside another."""
    if now is None or before is None or now == before:
        return False
    return max(now, before) >= OUT_OF_PROPORTION * min(now, before)
