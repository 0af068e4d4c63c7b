"""How the seller's own offer stands among its rivals', from what is known of an item.

Landed price is the comparison unit. Each seller counts once, with what was last seen of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN, RIVAL, WALMART, Offer
from walmart_stream.domain.reading.seller_observation import SOMEBODY
from walmart_stream.domain.sellers import same_seller, tidy
from walmart_stream.domain.state import ItemState

WINNING = "winning"
COMPETITIVE = "competitive"
LOST = "lost"
SUPPRESSED = "suppressed"
UNKNOWN = "unknown"


class Seen(NamedTuple):
    """An offer, and as of when (anything that can be compared)."""

    offer: Offer
    at: Any


class Holder(NamedTuple):
    """The holder of the buy box: ``own``, ``rival``, ``none`` or ``unknown``.

    ``seller`` is a rival's name, where it was named; ``since`` is in the times of the caller.
    """

    holder: str = UNKNOWN
    seller: str | None = None
    suppressed: bool = False
    since: Any = None


class Rival(NamedTuple):
    """The best rival: the name of its offer, its seller where known, its landed price."""

    offer: str
    seller: str | None
    landed_cents: int


class Standing(NamedTuple):
    """How the own offer stands.

    ``gap_cents`` is own minus the best rival's landed price, ``gap_pct`` 100 times that over the
    rival's; ``None`` where either is unknown. ``rank`` is 1 + the number of rivals whose landed
    price is lower, out of ``ranked`` offers whose landed price is known; ``None`` if own's is not.
    ``win_share`` is the share of time that own held the buy box, and ``win_coverage`` of how much
    time that is known: see :meth:`walmart_stream.domain.buy_box.BuyBox.share`.
    ``insights`` and ``compared`` are what explains the box beside prices, as they are stored with
    the own offer. ``state`` is the first of these that is true:

    * ``unknown``: there is no own offer;
    * ``lost``: it cannot be ordered;
    * ``winning``: by the last word own holds the buy box;
    * ``suppressed``: by the last word own is suppressed, or nobody holds the box for that reason;
    * ``competitive``: own's landed price is not above the best rival's, so that it is not the
      price that keeps it from winning;
    * ``lost``: a rival holds the box;
    * ``unknown``: who holds it is not known, or nobody does, and own is more expensive than the
      best rival or cannot be compared with any.
    """

    state: str
    landed_cents: int | None
    rival: Rival | None
    gap_cents: int | None
    gap_pct: float | None
    rank: int | None
    ranked: int
    buy_box: Holder
    win_share: float | None = None
    win_coverage: float = 0.0
    insights: Mapping[str, Any] | None = None
    compared: Mapping[str, Any] | None = None


def item_standing(item: ItemState, known_ms: int) -> Standing | None:
    """How *item* stands by all that its state knows; ``None`` if the seller side said nothing.

    A price counts as known for *known_ms* after it was seen: a rival that was last seen longer
    before the newest observation of the item is left out.
    """
    seller = item.seller
    if seller is None:
        return None
    seen = {name: Seen(known.offer, known.observed_at) for name, known in item.offers.items()}
    box = seller.box
    oldest = item.observed_at - known_ms
    holder = Holder() if box is None else Holder(box.holder, box.seller, box.suppressed, box.since)
    known = standing(seen, holder, seller.seller, oldest)
    if box is not None:
        share, coverage = box.share(item.observed_at)
        known = known._replace(win_share=share, win_coverage=coverage)
    shown = seller.shown_reasons()
    if shown is not None:
        known = known._replace(insights=shown.insights, compared=shown.compared)
    return known


def standing(
    seen: Mapping[str, Seen], holder: Holder, own_seller: str | None, oldest: Any = None
) -> Standing:
    """How the offers *seen*, by name, compare; *own_seller* is the seller's own name, if known.

    Rivals that were last seen before *oldest* are left out.
    """
    own = seen.get(OWN)
    landed = None if own is None else own.offer.landed_cents
    rivals = rivals_of(seen, own_seller, oldest)
    best = min(rivals, key=lambda rival: rival.landed_cents, default=None)
    gap = percent = None
    if landed is not None and best is not None:
        gap = landed - best.landed_cents
        percent = gap * 100 / best.landed_cents if best.landed_cents else None
    return Standing(
        state=_state(own, gap, holder),
        landed_cents=landed,
        rival=best,
        gap_cents=gap,
        gap_pct=percent,
        rank=None if landed is None else 1 + sum(one.landed_cents < landed for one in rivals),
        ranked=len(rivals) + (landed is not None),
        buy_box=holder,
    )


def _state(own: Seen | None, gap: int | None, holder: Holder) -> str:
    if own is None:
        return UNKNOWN
    if not own.offer.available:
        return LOST
    if holder.holder == OWN:
        return WINNING
    if holder.suppressed:
        return SUPPRESSED
    if gap is not None and gap <= 0:
        return COMPETITIVE
    return LOST if holder.holder == SOMEBODY else UNKNOWN


def rivals_of(seen: Mapping[str, Seen], own_seller: str | None, oldest: Any = None) -> list[Rival]:
    """The rivals' offers that can be ordered and whose landed price is known.

    Those that were last seen before *oldest* are left out.
    """
    own = seen.get(OWN)
    newest: dict[str, tuple[str, Seen]] = {}
    # In this order, so that of two looks at the same time the first one counts.
    for name in (FEATURED, MARKETPLACE):
        one = seen.get(name)
        if one is not None and not _is_own(one.offer, own, own_seller):
            seller = one.offer.seller
            # An offer that nobody is named for is somebody's.
            _note(newest, f"in {name}" if seller is None else _by(seller), name, one)
    for name in sorted([one for one in seen if one.startswith(RIVAL)]):
        _note(newest, _by(name.removeprefix(RIVAL)), name, seen[name])
    found = []
    for name, (offer, at) in newest.values():
        landed = offer.landed_cents
        if offer.available and landed is not None and (oldest is None or at >= oldest):
            found.append(Rival(name, offer.seller, landed))
    return found


@lru_cache(maxsize=20_000)
def _by(seller: str) -> str:
    return f"by {tidy(seller).casefold()}"


def _note(newest: dict[str, tuple[str, Seen]], who: str, name: str, one: Seen) -> None:
    known = newest.get(who)
    if known is None or known[1].at < one.at:
        newest[who] = name, one


def _is_own(offer: Offer, own: Seen | None, own_seller: str | None) -> bool:
    """Whether the affiliate side shows the own offer under another name.

    As long as the seller's own name is not known, a price that is the same tells.
    """
    if own_seller is not None:
        return same_seller(offer.seller, own_seller)
    if own is None or not offer.available or same_seller(offer.seller, WALMART):
        return False
    return offer.price_cents == own.offer.price_cents
