"""The course of one item by its observations: its changes, its offers, and each offer's history.

Recomputed with the pure domain and nothing of the pipeline. Where the log has lost its beginning
it is recomputed for three pasts that there may have been: what comes out the same whatever was
before can be told, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import bson
import orjson
from bson.codec_options import CodecOptions

from walmart_stream.audit.spool import Spooled
from walmart_stream.domain import events
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import FIRST_SEEN, PriceChange, Source, WindowClosed
from walmart_stream.domain.pasts import BEFORE, Horizon, Past, after
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import NEVER_MS, Rules
from walmart_stream.storage.documents import change_document, offer_document

Document = Mapping[str, Any]

UTC_CODEC: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class Version(NamedTuple):
    """A document, and the offset of the observation that it is of."""

    offset: int
    document: Document


class Seen(NamedTuple):
    """An applied observation of one offer. ``begins``: the offer was not known, or forgotten."""

    at: int
    landed: int | None
    is_change: bool
    begins: bool
    offset: int


@dataclass(slots=True)
class Course:
    """How one item went. ``changes`` by ``_id``; ``offers`` by ``_id``, each version in order;
    ``seen`` by offer, in order of time.
    """

    changes: dict[str, Version] = field(default_factory=dict)
    offers: dict[str, list[Version]] = field(default_factory=dict)
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    silent: int = 0


def courses(
    item_id: str,
    observations: Sequence[Spooled],
    place: tuple[str, int],
    rules: Rules,
    horizon: Horizon | None,
    offers: Iterable[str] = (),
) -> list[Course]:
    """The one course that *observations* mean or, beyond a *horizon*, those that they may mean.

    *place*: topic and partition. *offers*: what may have been there before.
    """
    if horizon is None:
        return [_course(item_id, _entries(observations, place), rules)]
    known = set(offers)
    # Nobody knows whether the seller side had spoken of the item, which then is not forgotten.
    never = replace(rules, forget_ms=NEVER_MS)
    return [
        _course(
            item_id,
            after(past, _entries(observations, place), horizon, known),
            rules if past is Past.NOTHING else never,
        )
        for past in Past
    ]


def _entries(observations: Iterable[Spooled], place: tuple[str, int]) -> Iterator[Entry]:
    for one in observations:
        yield Entry(one.observation, Source(*place, one.offset))


def _course(item_id: str, entries: Iterable[Entry], rules: Rules) -> Course:
    course = Course()
    states: dict[str, ItemState] = {}
    memory = _Memory(rules.forget_ms)
    # What is forgotten is decided here: the code that is audited must not judge itself.
    rules = replace(rules, forget_ms=NEVER_MS)
    for entry in entries:
        if memory.is_too_old(entry):
            course.late += 1
            continue
        if memory.begins_anew(entry):
            states = {}
        state = states.get(item_id)
        before = {} if state is None else {n: o.observed_at for n, o in state.offers.items()}
        outcome = apply(states, [entry], rules)
        states = outcome.states
        offset = entry.source.offset
        if offset != BEFORE:
            course.applied += outcome.applied
            course.duplicate += outcome.duplicate
            course.late += outcome.late
            course.silent += outcome.silent
        changed = _take(course, outcome.events, offset)
        at = entry.observation.observed_at
        for name, offer in states[item_id].offers.items():
            if offer.observed_at == at and before.get(name) != at:
                course.seen.setdefault(name, []).append(
                    Seen(at, offer.offer.landed_cents, name in changed, name not in before, offset)
                )
    return course


class _Memory:
    """How long an item is remembered, by the contract.

    An item that the seller side has not spoken of, and that nothing was seen of for more than
    *forget_ms*, is a new one. Whatever is older than its newest observation by more than that is
    too old, of any item.
    """

    def __init__(self, forget_ms: int) -> None:
        self._forget_ms = forget_ms
        self._newest: int | None = None
        self._is_own = False

    def is_too_old(self, entry: Entry) -> bool:
        """Whether the observation is older than what is remembered."""
        if self._newest is None or _is_silent(entry):
            return False
        return entry.observation.observed_at < self._newest - self._forget_ms

    def begins_anew(self, entry: Entry) -> bool:
        """Take the next observation; whether what was known before is forgotten."""
        if _is_silent(entry):
            return False
        at, newest = entry.observation.observed_at, self._newest
        self._newest = at if newest is None else max(at, newest)
        anew = newest is not None and at > newest + self._forget_ms and not self._is_own
        self._is_own = self._is_own or entry.observation.sight is not None
        return anew


def _is_silent(entry: Entry) -> bool:
    sight = entry.observation.sight
    return sight is not None and sight.is_silent


def _take(course: Course, sent: Iterable[events.Event], offset: int) -> set[str]:
    """Take the documents of what was *sent* over; the offers that it names a change of."""
    changed = set()
    for event in sent:
        if isinstance(event, WindowClosed):
            continue
        fields = orjson.loads(events.encode(event))
        offer = stored_form(offer_document(fields))
        course.offers.setdefault(offer["_id"], []).append(Version(offset, offer))
        if not isinstance(event, PriceChange):
            continue
        if event.kinds and event.kinds != (FIRST_SEEN,):
            changed.add(event.offer)
        if offset != BEFORE:
            change = stored_form(change_document(fields))
            course.changes[change["_id"]] = Version(offset, change)
    return changed


def stored_form(document: Document) -> dict[str, Any]:
    """*document* as the database gives it back."""
    return bson.decode(bson.encode(document), UTC_CODEC)
