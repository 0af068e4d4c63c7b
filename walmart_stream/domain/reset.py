"""Recomputes an item from the log, without records that should never have been applied.

An earlier release applied observations from far in the future; everything newer about the item
was late from then on. The log still has all of it, so the item's state and results are what the
log comes to by the present rules, in which such a record is a dead letter.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.json import Encoder

from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Rules


class ItemReset(Struct, frozen=True, tag_field="type", tag="item_reset"):
    """Voids what is stored of an item from ``since`` on, or of records from ``source`` on.

    What is right follows as other events.
    """

    schema: int
    item_id: str
    since: str
    source: Source


encode_reset = Encoder().encode


def rebuild(
    item_id: str,
    entries: Sequence[Entry],
    first_bad: Source,
    old: ItemState,
    rules: Rules,
) -> tuple[ItemReset, Outcome]:
    """The state by an item's log, where an earlier release has applied a record that is bad.

    *entries*: all of the item's good observations in log order; *first_bad*: where the first bad
    record stands; *old*: the state that knows of it. The outcome has the events that may differ
    from what was derived then.
    """
    before = [each for each in entries if each.source.offset < first_bad.offset]
    after = [each for each in entries if each.source.offset > first_bad.offset]
    times = [each.observation.observed_at for each in after]
    # The bad one closed the window that the last good one was in.
    if before:
        times.append(max(each.observation.observed_at for each in before))
    since = min(times, default=0)
    outcome = apply({}, entries, rules)
    outcome.events = [
        event
        for event in outcome.events
        if not isinstance(event, PriceChange)
        or event.source.offset > first_bad.offset
        or event.observed_at >= since
    ]
    state = outcome.states.setdefault(item_id, ItemState())
    # The newer one of two stored states has the larger number.
    state.applied = max(state.applied, old.applied + 1)
    return ItemReset(1, item_id, to_iso(since), first_bad), outcome
