"""The sights that a batch of observations came to, of whatever source."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from walmart_stream.domain.apply import Entry
from walmart_stream.domain.events import Event, PriceChange
from walmart_stream.domain.offers import FEATURED, OWN
from walmart_stream.domain.reading.observation import WEBHOOK
from walmart_stream.domain.schedule.sights import Sight
from walmart_stream.domain.state import ItemState


def sights_of(
    states: Mapping[str, ItemState],
    events: Iterable[Event],
    observed: Iterable[Entry] = (),
    near: Container[str] = (),
) -> Iterator[Sight]:
    """The sights that a batch came to: *states* that it names, and the *events* derived.

    Whoever sees the featured offer has seen the item. A change of the own offer is no news from
    outside, and a first sight is none either. *observed* are the batch's observations, of which
    Walmart's events say that it tells of an item by itself. *near* are the items of which a price
    is near what a rule of alerts waits for.
    """
    told = {
        observation.item_id: observation.observed_at
        for observation, _ in observed
        if observation.source == WEBHOOK
    }
    changed = {
        event.item_id
        for event in events
        if isinstance(event, PriceChange) and event.kinds and event.offer != OWN
    }
    for item_id, state in states.items():
        featured = state.offers.get(FEATURED)
        if featured is not None:
            own = state.offers.get(OWN)
            is_own = own is not None and own.offer.available
            event = told.get(item_id, 0)
            yield Sight(
                item_id, featured.observed_at, item_id in changed, is_own, event, item_id in near
            )
