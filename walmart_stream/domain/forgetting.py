"""The bound on how long a silent item is remembered.

Items come and go for years, and each has a state. The rule is one of the observations alone, so
that a replay forgets the same: what is known of an item reaches back ``forget_ms`` from its newest
observation. After a longer silence the item is new, as if it had never been seen; an observation
that is older than the newest one by more is late, whatever it is about.

So a state makes no difference any more once everything that can still come is newer by more than
``forget_ms``, and may be deleted then or at any later time, or never.

An item that the seller side has spoken of is one of the seller's own, which are few: it is not
forgotten.
"""

from __future__ import annotations

import sys

from walmart_stream.domain.closing import close_until
from walmart_stream.domain.events import Event
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import Rules


def new_item(at: int) -> ItemState:
    """The state of an item right before its first observation, made *at* (epoch ms)."""
    return ItemState(applied=at // 1000)


def last_heard(state: ItemState) -> int:
    """The time of the item's newest observation, epoch ms; 0 if there was none."""
    return state.heard_at or state.observed_at


def ends_life(state: ItemState, at: int, rules: Rules) -> bool:
    """Whether an observation *at* (epoch ms) comes after too long a silence."""
    heard_at = last_heard(state)
    return bool(heard_at) and at - heard_at > rules.forget_ms and state.seller is None


def forget(item_id: str, state: ItemState, at: int) -> tuple[list[Event], list[tuple[str, int]]]:
    """Make *state* that of a new item, first observed *at* (epoch ms).

    Also what :class:`~walmart_stream.domain.apply.Outcome` has as events and expired windows: all
    windows of the former life are closed, since the clock may not have come to it.
    """
    events: list[Event] = []
    for name, known in state.offers.items():
        events += close_until(item_id, name, known, sys.maxsize)
    expired = live_windows_of(item_id, state)
    new = new_item(at)
    new.applied = max(new.applied, state.applied + 1)
    for name in ItemState.__struct_fields__:
        setattr(state, name, getattr(new, name))
    return events, expired


def live_windows_of(item_id: str, state: ItemState) -> list[tuple[str, int]]:
    """Item and start (epoch ms) of the windows that live views have of it."""
    starts = {state.previous_window, state.newest_window}
    return [(item_id, start) for start in starts if start is not None]


def is_forgotten(state: ItemState, now: int, rules: Rules) -> bool:
    """Whether deleting *state* at *now* (epoch ms) changes nothing.

    It was silent for twice ``forget_ms``: an observation that belongs to it would be recorded more
    than ``forget_ms`` after it was made. All of its windows have been closed by the clock.
    """
    return ends_life(state, now - rules.forget_ms, rules) and state.next_close(rules) is None
