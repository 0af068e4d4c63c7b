"""The state of an item as of a time in the past, recomputed from its part of the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import to_builtins

from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import OWN, Offer
from walmart_stream.domain.pasts import BEFORE, Horizon, Past, after
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Rules


class Fact(NamedTuple):
    """An offer, and the observation that it was known by, which stands in the log at ``source``.

    Times are epoch ms. ``changed_at`` is ``None`` where the log no longer holds the change.
    """

    offer: Offer
    observed_at: int
    changed_at: int | None
    source: Source


@dataclass(slots=True)
class Then:
    """An item as it was known at a time: its ``offers`` by name, and the buy box's document.

    ``is_whole``: the log holds all that ever was. Else there may have been more, which cannot be
    told. ``is_walmarts_name``: the affiliate side has given the name, and the seller side has no
    say in it.
    """

    name: str | None = None
    offers: dict[str, Fact] = field(default_factory=dict)
    buy_box: dict[str, Any] | None = None
    is_whole: bool = True
    is_walmarts_name: bool = False

    def document(self, at: int, rules: Rules) -> dict[str, Any]:
        """JSON fields, as of *at* (epoch ms).

        ``known`` is false where the observation was older by then than a price counts as known.
        """
        return {
            "name": self.name,
            "offers": {
                name: _fields(fact, at, rules) for name, fact in sorted(self.offers.items())
            },
            "buy_box": self.buy_box,
            "is_whole": self.is_whole,
        }


def _fields(fact: Fact, at: int, rules: Rules) -> dict[str, Any]:
    offer = fact.offer
    return {
        "seller": offer.seller,
        "price_cents": offer.price_cents,
        "shipping_cents": offer.shipping_cents,
        "landed_cents": offer.landed_cents,
        "two_day_cents": offer.two_day_cents,
        "available": offer.available,
        "changed_at": None if fact.changed_at is None else to_iso(fact.changed_at),
        "observed_at": to_iso(fact.observed_at),
        "known": at < fact.observed_at + rules.known_ms,
        "source": to_builtins(fact.source),
    }


class ItemLog(NamedTuple):
    """The observations of one item that its partition's log holds, in log order.

    ``horizon`` is where the log begins, if it has lost its beginning.
    """

    item_id: str
    partition: int
    entries: Sequence[Entry]
    horizon: Horizon | None


def known_then(log: ItemLog, at: int, rules: Rules) -> Then:
    """Recompute what was known of the item by observations up to *at* (epoch ms), which counts.

    As the pipeline applied them, in the order of the log: an observation that came too late to
    change anything is not known here either. Beyond a horizon only what comes out the same
    whatever was before it.
    """
    if log.horizon is None:
        return _then(log.entries, at, rules)
    # Offers that an answer did not name may have been there.
    names = {name for entry in log.entries for name in entry.observation.offers}
    found = [_then(after(past, log.entries, log.horizon, names), at, rules) for past in Past]
    return _common(found)


def _then(entries: Iterable[Entry], at: int, rules: Rules) -> Then:
    then = Then()
    states: dict[str, ItemState] = {}
    for entry in entries:
        item_id = entry.observation.item_id
        known = states.get(item_id)
        before = {} if known is None else {n: o.observed_at for n, o in known.offers.items()}
        states = apply(states, [entry], rules).states
        observed_at = entry.observation.observed_at
        if observed_at <= at:
            _note(then, states[item_id], entry.source, observed_at, before)
    return then


def _note(
    then: Then, state: ItemState, source: Source, observed_at: int, before: dict[str, int]
) -> None:
    """Take over what an observation at *observed_at* has changed."""
    for name, offer in state.offers.items():
        if offer.observed_at == observed_at != before.get(name):
            then.offers[name] = Fact(offer.offer, observed_at, offer.changed_at, source)
    for name in then.offers.keys() - state.offers.keys():
        del then.offers[name]
    # An older answer does not rename an item.
    if observed_at == state.observed_at:
        then.name, then.is_walmarts_name = state.name, state.named_by_walmart
    box = None if state.seller is None else state.seller.box
    if box is not None and box.observed_at == observed_at:
        then.buy_box = box.document()


def _common(found: Sequence[Then]) -> Then:
    """The facts of which all pasts agree.

    The buy box is none of them, since each word about it builds on the one before.
    """
    first, *others = found
    common = Then(is_whole=False)
    for name, fact in first.offers.items():
        rest = [other.offers.get(name) for other in others]
        if fact.source.offset != BEFORE and all(
            one is not None and one._replace(changed_at=None) == fact._replace(changed_at=None)
            for one in rest
        ):
            common.offers[name] = fact._replace(changed_at=_changed_at(name, fact, rest))
    # A name of the seller's own counts only if Walmart had not named the item before.
    if first.is_walmarts_name and all(other.name == first.name for other in others):
        common.name = first.name
    return common


def _changed_at(name: str, fact: Fact, others: Sequence[Fact | None]) -> int | None:
    """The time of the last change, if it is certain; own changes with its buy box, too."""
    certain = name != OWN and all(
        one is not None and one.changed_at == fact.changed_at for one in others
    )
    return fact.changed_at if certain else None
