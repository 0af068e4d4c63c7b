"""The heart: ``(states, observations) -> (states, events)``.

A pure function of the log: however a partition is cut into batches, and whichever of its
prefixes is fed again, the states and the set of events come out the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from walmart_stream.domain.events import (
    FIRST_SEEN,
    Event,
    PriceChange,
    Source,
    WindowClosed,
    summarise,
)
from walmart_stream.domain.observation import Observation
from walmart_stream.domain.offers import FEATURED, UNAVAILABLE, Offer
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.windows import Rules, Window


class Entry(NamedTuple):
    """An observation and where it stands in the log."""

    observation: Observation
    source: Source


@dataclass(slots=True)
class Outcome:
    """What a batch comes to.

    ``states`` holds the state of every item that the batch names, changed or not, once; ``events``
    are in log order. ``expired`` names windows (item id, start) that are neither an item's newest
    one nor the one before: live views need them no longer. An observation counts as ``applied``
    if it was newer for any of its offers, else as ``duplicate`` or ``late``.
    """

    states: dict[str, ItemState] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    expired: list[tuple[str, int]] = field(default_factory=list)
    applied: int = 0
    duplicate: int = 0
    late: int = 0


def apply(states: Mapping[str, ItemState], batch: Iterable[Entry], rules: Rules) -> Outcome:
    """Apply *batch*, observations of one partition in log order, to *states* of their items.

    Items without a state are new. Neither argument is changed.
    """
    outcome = Outcome()
    for entry in batch:
        item_id = entry.observation.item_id
        state = outcome.states.get(item_id)
        if state is None:
            known = states.get(item_id)
            state = outcome.states[item_id] = ItemState() if known is None else known.copy()
        _observe(state, entry, rules, outcome)
    return outcome


def close_windows(
    item_id: str, state: ItemState, now: int, rules: Rules
) -> tuple[ItemState, list[WindowClosed]]:
    """Close the windows that the clock (*now*, epoch ms) has passed, if any.

    A later observation of a window so closed closes it again, with more observations.
    """
    if not any(offer.window.is_due(now, rules) for offer in state.offers.values()):
        return state, []
    state = state.copy()
    events = []
    for name, offer in state.offers.items():
        if offer.window.is_due(now, rules):
            events.append(_close(item_id, name, offer, rules))
            offer.window.emitted = offer.window.observations
    return state, events


def _observe(state: ItemState, entry: Entry, rules: Rules, outcome: Outcome) -> None:
    observation = entry.observation
    at = observation.observed_at
    window_before = state.newest_window
    name_now = observation.name or state.name
    is_newest = at >= state.observed_at
    applied = equal = False
    for name, seen in observation.offers.items():
        known = state.offers.get(name)
        last = state.absent.get(name) if known is None else known.observed_at
        if last is not None and at <= last:
            equal = equal or at == last
            continue
        applied = True
        if known is None:
            # Only the featured offer exists before it is named: every item has one. That the
            # answer did not name another one is remembered: an older answer that does is late.
            if seen is None and name != FEATURED:
                state.absent[name] = at
                continue
            state.absent.pop(name, None)
            offer = UNAVAILABLE if seen is None else seen
            window = Window(rules.start_of(at))
            state.offers[name] = known = OfferState(offer, at, at, window)
            kinds: tuple[str, ...] = (FIRST_SEEN,)
            previous = None
        else:
            offer = UNAVAILABLE if seen is None else seen
            previous = known.offer
            kinds = _differences(previous, offer)
            _advance(observation.item_id, name, known, at, rules, outcome)
            known.offer = offer
            known.observed_at = at
            if kinds:
                known.changed_at = at
        known.window.observe(offer, is_change=bool(kinds) and previous is not None)
        if kinds:
            change = PriceChange(
                observation.item_id,
                name,
                name_now,
                kinds,
                offer,
                previous,
                at,
                entry.source,
            )
            outcome.events.append(change)
    if applied:
        state.applied += 1
        outcome.applied += 1
        if is_newest:
            state.name = name_now
        if window_before is not None and window_before != state.newest_window:
            if state.previous_window is not None:
                outcome.expired.append((observation.item_id, state.previous_window))
            state.previous_window = window_before
    elif equal:
        outcome.duplicate += 1
    else:
        outcome.late += 1


def _advance(
    item_id: str, name: str, known: OfferState, at: int, rules: Rules, outcome: Outcome
) -> None:
    """Count the time since the last observation, closing the window that *at* has left."""
    landed = known.offer.landed_cents
    start = rules.start_of(at)
    if start != known.window.start:
        if known.window.emitted < known.window.observations:
            outcome.events.append(_close(item_id, name, known, rules))
        known.window = Window(start)
    known.window.carry(landed, known.observed_at, at, rules)


def _close(item_id: str, name: str, offer: OfferState, rules: Rules) -> WindowClosed:
    return summarise(item_id, name, offer.window, offer.offer, offer.observed_at, rules)


def _differences(before: Offer, after: Offer) -> tuple[str, ...]:
    kinds = []
    if before.price_cents != after.price_cents:
        kinds.append("price")
    if before.shipping_cents != after.shipping_cents:
        kinds.append("shipping")
    if before.available != after.available:
        kinds.append("availability")
    if before.seller != after.seller:
        kinds.append("seller")
    return tuple(kinds)
