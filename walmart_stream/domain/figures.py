"""Figures of a seller's day: time in the buy box, changes up and down, items above their rivals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from walmart_stream.domain.events import FIRST_SEEN
from walmart_stream.domain.offers import OWN, Offer
from walmart_stream.domain.standing import Holder, Seen, standing


class Moved(NamedTuple):
    """A price change: of which offer, at which time (epoch ms), and the offer before it.

    ``before`` is ``None`` at the first sight; ``delta_cents`` where it is not known.
    """

    offer: str
    at: int
    kinds: tuple[str, ...]
    delta_cents: int | None
    before: Offer | None


def own_time(steps: Sequence[Sequence[Any]], begin: int, end: int) -> tuple[int, int]:
    """Milliseconds of [*begin*, *end*) in which own held the buy box, and in which it is known.

    *steps* are ``[epoch ms, holder, …]``, oldest first; each counts until the next one.
    """
    own = known = 0
    for step, following in pairwise([*steps, None]):
        assert step is not None
        until = end if following is None else min(following[0], end)
        spent = until - max(step[0], begin)
        if spent > 0 and step[1] != "unknown":
            known += spent
            own += spent if step[1] == OWN else 0
    return own, known


def directions(changes: Iterable[Moved], begin: int, end: int) -> tuple[int, int, int]:
    """The changes in [*begin*, *end*): how many, how many of them up, how many down.

    First sights are none; the rest are of shipping, availability or seller without a price's.
    """
    count = up = down = 0
    for change in changes:
        if begin <= change.at < end and change.kinds and FIRST_SEEN not in change.kinds:
            count += 1
            up += (change.delta_cents or 0) > 0
            down += (change.delta_cents or 0) < 0
    return count, up, down


def as_of(offers: Mapping[str, Offer], changes: Iterable[Moved], at: int) -> dict[str, Offer]:
    """The offers at *at* (epoch ms): those of now, with all later *changes* taken back."""
    found = dict(offers)
    for change in sorted(changes, key=lambda one: one.at, reverse=True):
        if change.at < at or change.offer not in found:
            continue
        if change.before is None:
            del found[change.offer]
        else:
            found[change.offer] = change.before
    return found


def is_above(offers: Mapping[str, Offer]) -> bool | None:
    """Whether own's landed price is above the best rival's; ``None`` where either is unknown."""
    own = offers.get(OWN)
    if own is None:
        return None
    seen = {name: Seen(offer, 0) for name, offer in offers.items()}
    gap = standing(seen, Holder(), own.seller).gap_cents
    return None if gap is None else gap > 0
