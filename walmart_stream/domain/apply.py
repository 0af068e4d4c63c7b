"""The heart: ``(states, observations) -> (states, events)``.

A pure function of the log: however a partition is cut into batches, and whichever of its
prefixes is fed again, the states and the set of events come out the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from walmart_stream.domain.box_reasons import Shown
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.closing import change_width, close_until
from walmart_stream.domain.events import (
    FIRST_SEEN,
    Event,
    OfferUpdated,
    PriceChange,
    Source,
    WindowClosed,
)
from walmart_stream.domain.forgetting import ends_life, forget, last_heard, new_item
from walmart_stream.domain.offers import FEATURED, OWN, UNAVAILABLE, Offer
from walmart_stream.domain.own import SellerState
from walmart_stream.domain.reading.observation import AFFILIATE, Observation
from walmart_stream.domain.reading.seller_observation import Sight
from walmart_stream.domain.rivals import MOST_RIVALS, forget_rivals
from walmart_stream.domain.sellers import same_seller
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.windows import Rules, Window

_FIRST_SEEN: tuple[str, ...] = (FIRST_SEEN,)


class Entry(NamedTuple):
    """An observation and where it stands in the log."""

    observation: Observation
    source: Source


@dataclass(slots=True)
class Outcome:
    """The outcome of a batch.

    ``states`` holds the state of every item that the batch names, changed or not, once; ``events``
    are in log order. ``left`` holds (item id, offer, its last state there) of the windows that an
    offer has left, because it was seen in a later one. ``expired`` names windows (item id, start)
    that are neither an item's newest one nor the one before: live views need them no longer. An
    observation counts as ``applied`` if it was newer for any of its offers, else as ``duplicate``
    or ``late``; one that speaks for no offer at all as ``silent``. ``odd`` counts the fields that
    could not be read and are unknown.
    """

    states: dict[str, ItemState] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    left: list[tuple[str, str, OfferState]] = field(default_factory=list)
    expired: list[tuple[str, int]] = field(default_factory=list)
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    silent: int = 0
    odd: int = 0


# What is told each observation and the state of its item right after it, which it must not keep.
Follow = Callable[[Entry, ItemState], None]


def apply(
    states: Mapping[str, ItemState],
    batch: Iterable[Entry],
    rules: Rules,
    follow: Follow | None = None,
) -> Outcome:
    """Apply *batch*, observations of one partition in log order, to *states* of their items.

    Items without a state are new. What *states* holds is taken over and changed: copying it would
    cost as much as applying, and who calls this has just decoded it.
    """
    outcome = Outcome()
    changed = outcome.states
    for entry in batch:
        observation, source = entry
        item_id = observation.item_id
        state = changed.get(item_id)
        if state is None:
            state = states.get(item_id) or new_item(observation.observed_at)
            changed[item_id] = state
        _observe(state, observation, source, rules, outcome)
        if follow is not None:
            follow(entry, state)
    return outcome


def _observe(
    state: ItemState, observation: Observation, source: Source, rules: Rules, outcome: Outcome
) -> None:
    at = observation.observed_at
    if observation.odd:
        outcome.odd += len(observation.odd)
    sight = observation.sight
    if sight is not None and sight.is_silent:
        outcome.silent += 1
        return
    heard_at = last_heard(state)
    # Of the item's observations, this one included; looked for only when an event says it.
    newest: int | None = None
    if at > heard_at:
        newest = at
        if at - heard_at > rules.forget_ms and ends_life(state, at, rules):
            events, expired = forget(observation.item_id, state, at)
            outcome.events += events
            outcome.expired += expired
        state.heard_at = at
    elif heard_at - at > rules.forget_ms:
        outcome.late += 1
        return
    width = rules.window_ms
    start = at - at % width
    name = observation.name
    renames = (
        name is not None
        and (name != state.name or not state.named_by_walmart)
        and _may_name(state, observation)
    )
    name_now = name if renames else state.name
    known_offers = state.offers
    first_event = len(outcome.events)
    # As of before an offer entered another one; looked for only when one does.
    newest_window: int | None = None
    applied = equal = tells = explains = False
    offers = observation.offers
    if sight is not None:
        offers, applied, equal, explains = _see(state, sight, offers, at, rules)
        tells = state.seller is not None and state.seller.untold
    for offer_name, seen in offers.items():
        found = known_offers.get(offer_name)
        if found is None:
            last = state.absent.get(offer_name)
            if last is not None and at <= last:
                equal = equal or at == last
                continue
            applied = True
            # Only the featured offer exists before it is named: every item has one. That the
            # answer did not name another one is remembered: an older answer that does is late.
            if seen is None and offer_name != FEATURED:
                state.absent[offer_name] = at
                continue
            state.absent.pop(offer_name, None)
            if newest_window is None:
                newest_window = state.newest_window
            offer = UNAVAILABLE if seen is None else seen
            known_offers[offer_name] = found = OfferState(
                offer, at, at, Window(start, width_ms=width, known_ms=rules.known_ms)
            )
            kinds = _FIRST_SEEN
            previous = None
            found.window.observe(at, offer.landed_cents, None, at, is_change=False)
            updates = False
        else:
            seen_at = found.observed_at
            if at <= seen_at:
                equal = equal or at == seen_at
                continue
            applied = True
            offer = UNAVAILABLE if seen is None else seen
            previous = found.offer
            window = found.window
            if start != window.start or width != window.width_ms:
                if newest_window is None:
                    newest_window = state.newest_window
                _enter_window(observation.item_id, offer_name, found, at, start, rules, outcome)
                window = found.window
            # As ``landed_cents``, without a call.
            price, shipping = previous[0], previous[1]
            before = None if price is None or shipping is None else price + shipping
            found.observed_at = at
            # Whatever was closed did not know this observation.
            found.closed = 0
            if offer is previous or offer == previous:
                kinds = ()
                updates = False
                landed = before
            else:
                kinds = _differences(previous, offer)
                updates = not kinds
                found.offer = offer
                landed = offer.landed_cents
            window.observe(at, landed, before, seen_at, bool(kinds))
        if kinds or (tells and offer_name == OWN):
            if newest is None:
                newest = _newest(state, at)
            box, reasons, revision = None, None, newest
            if offer_name == OWN:
                box = None if sight is None else _told(state)
                reasons, revision = _reasons(state), newest + _words(state)
                explains = False
            found.changed_at = at
            outcome.events.append(
                PriceChange(
                    observation.item_id,
                    offer_name,
                    name_now,
                    kinds,
                    offer,
                    previous,
                    at,
                    source,
                    box,
                    revision,
                    reasons,
                )
            )
        elif updates or (explains and offer_name == OWN):
            explains = explains and offer_name != OWN
            outcome.events.append(_update(state, observation.item_id, offer_name, name_now, at))
    if explains and OWN in known_offers:
        outcome.events.append(_update(state, observation.item_id, OWN, name_now, at))
    if sight is not None and max(len(known_offers), len(state.absent)) > MOST_RIVALS:
        for offer_name, lost in forget_rivals(state):
            last = max(start, lost.window.end)
            outcome.events += close_until(observation.item_id, offer_name, lost, last)
    if applied:
        state.applied += 1
        outcome.applied += 1
        if renames:
            _rename(state, observation, outcome, first_event)
        if newest_window is not None and newest_window < start:
            if state.previous_window is not None:
                outcome.expired.append((observation.item_id, state.previous_window))
            state.previous_window = newest_window
    elif equal:
        outcome.duplicate += 1
    else:
        outcome.late += 1


def _see(
    state: ItemState, sight: Sight, named: Mapping[str, Offer | None], at: int, rules: Rules
) -> tuple[dict[str, Offer | None], bool, bool, bool]:
    """Take over what only the seller side says; the offers that it comes to.

    Also whether anything beside offers was newer, whether it was as old as what is known, and
    whether it explains the box otherwise than what is known.
    """
    seller = state.seller
    if seller is None:
        seller = state.seller = SellerState()
    offers: dict[str, Offer | None] = {}
    heard = False
    if sight.own is not None:
        known = state.offers.get(OWN)
        heard = seller.hear(sight.own, at, -1 if known is None else known.observed_at)
        offers[OWN] = seller.offer()
    offers.update(seller.rivals(sight, named, state.offers, at))
    equal = sight.box is not None and seller.box is not None and at == seller.box.observed_at
    newer, as_old, explains = seller.explain(sight, at)
    return offers, seller.look(sight, at, rules) or heard or newer, equal or as_old, explains


def _told(state: ItemState) -> BuyBox | None:
    """The buy box as it is stored with a change of the own offer."""
    if state.seller is None:
        return None
    state.seller.untold = False
    return copy(state.seller.box)


def _reasons(state: ItemState) -> Shown | None:
    """Reasons for the holder of the buy box, as they are stored with the own offer."""
    return None if state.seller is None else state.seller.shown_reasons()


def _words(state: ItemState) -> int:
    """The revision of these reasons, which the own offer adds to its newest observation.

    They are observations of their own, and either may be the one that its document changes by.
    """
    if state.seller is None or state.seller.reasons is None:
        return 0
    return state.seller.reasons.revision


def _enter_window(
    item_id: str,
    name: str,
    known: OfferState,
    at: int,
    start: int,
    rules: Rules,
    outcome: Outcome,
) -> None:
    """Bring *known* into the window from *start*, for an observation at *at*.

    Closes those that it leaves, and those between.
    """
    if known.window.width_ms != rules.window_ms:
        outcome.left.append((item_id, name, copy(known)))
        outcome.events += change_width(item_id, name, known, rules)
        if known.window.start == start:
            return
    outcome.left.append((item_id, name, copy(known)))
    outcome.events += close_until(item_id, name, known, start)
    known.window = Window.begin(
        start,
        rules.window_ms,
        rules.known_ms,
        known.offer.landed_cents,
        known.observed_at,
        at,
    )
    if known.told <= start:
        known.told = 0


def _may_name(state: ItemState, observation: Observation) -> bool:
    """Whether the name in *observation* counts, which is another one than is known.

    An older answer does not rename an item, and the seller side does not rename what the affiliate
    side has named: the two spell names differently, and would take turns.
    """
    if state.named_by_walmart and observation.source != AFFILIATE:
        return False
    return not state.offers or observation.observed_at > state.observed_at


def _rename(state: ItemState, observation: Observation, outcome: Outcome, first_event: int) -> None:
    """Take over the name, which the documents of all offers show."""
    before, state.name = state.name, observation.name
    state.named_by_walmart = observation.source == AFFILIATE
    if state.name == before:
        return
    told = {
        event.offer for event in outcome.events[first_event:] if not isinstance(event, WindowClosed)
    }
    for name in state.offers:
        if name not in told:
            outcome.events.append(
                _update(state, observation.item_id, name, state.name, observation.observed_at)
            )


def _update(
    state: ItemState, item_id: str, name: str, item_name: str | None, at: int
) -> OfferUpdated:
    """The offer as its document is to show it, after an observation at *at*."""
    known = state.offers[name]
    box, reasons, newest = None, None, _newest(state, at)
    if name == OWN and state.seller is not None:
        box, reasons = copy(state.seller.box), _reasons(state)
        newest += _words(state)
    return OfferUpdated(
        item_id,
        name,
        item_name,
        known.offer,
        known.changed_at,
        known.observed_at,
        newest,
        box,
        reasons,
    )


def _newest(state: ItemState, at: int) -> int:
    """The newest observation of the item, one at *at* included."""
    newest = at
    for known in state.offers.values():
        if known.observed_at > newest:
            newest = known.observed_at
    return newest


def _differences(before: Offer, after: Offer) -> tuple[str, ...]:
    kinds = []
    if before.price_cents != after.price_cents:
        kinds.append("price")
    if before.shipping_cents != after.shipping_cents:
        kinds.append("shipping")
    if before.available != after.available:
        kinds.append("availability")
    if before.seller != after.seller and not same_seller(before.seller, after.seller):
        kinds.append("seller")
    return tuple(kinds)
