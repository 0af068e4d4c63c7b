"""Closes windows: by a later observation, by the clock, by a change of width.

Of one offer, in one width, those windows are stored that hold an observation, and those at whose
start a price was known: which these are depends on the observations alone. The clock closes them
when their end has passed; should an observation come anyway, it closes them again, and the
close that knows the later observation is the one that stays.
"""

from __future__ import annotations

from walmart_stream.domain.events import WindowClosed, summarise
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules, Window


def close_until(item_id: str, name: str, known: OfferState, until: int) -> list[WindowClosed]:
    """Close the windows of the offer *known* that end by *until* (epoch ms)."""
    events: list[WindowClosed] = []
    window = known.window
    width_ms = window.width_ms
    end = window.start + (known.closed + 1) * width_ms
    # The bound first: mostly it is the next window that an offer enters, and nothing follows.
    while end <= until and known.next_end() is not None:
        if known.closed:
            window = Window.begin(
                end - width_ms,
                width_ms,
                window.known_ms,
                known.offer.landed_cents,
                known.observed_at,
                end,
            )
        events.append(summarise(item_id, name, window, known.offer, known.observed_at))
        known.closed += 1
        end += width_ms
    return events


def change_width(item_id: str, name: str, known: OfferState, rules: Rules) -> list[WindowClosed]:
    """Close what is open at the former width, and begin at that of *rules*.

    There, the price of the last observation is carried in, which itself is not counted again.
    """
    was_open = known.next_end() is not None
    events = []
    if not known.closed:
        events.append(summarise(item_id, name, known.window, known.offer, known.observed_at))
    seen_at = known.observed_at
    start = rules.start_of(seen_at)
    known.window = window = Window.begin(
        start,
        rules.window_ms,
        rules.known_ms,
        known.offer.landed_cents,
        seen_at,
        start + rules.window_ms,
    )
    window.since = seen_at
    known.told = 0
    known.closed = 0 if window.carried else 1
    if window.carried and not was_open:
        # The clock had closed all of it, at the former width.
        known.closed = -(-(known.known_until - start) // rules.window_ms)
    return events


def announce(state: ItemState, now: int, rules: Rules) -> bool:
    """Note in *state* which unobserved windows :func:`close_windows` will close; if there are any.

    To be stored before they are sent: an observation that comes late makes them wrong, and whoever
    applies it, maybe after a crash, must know that they are out there.
    """
    changed = False
    until = now - CLOSE_DELAY_MS - 1
    for known in state.offers.values():
        window = known.window
        if window.width_ms != rules.window_ms:
            continue
        ended = (until - window.start) // window.width_ms
        known_in = -(-(known.known_until - window.start) // window.width_ms)
        last = window.start + min(ended, known_in) * window.width_ms
        if last > window.end and last > known.told:
            known.told = last
            changed = True
    if changed:
        state.clock = max(state.clock, now)
    return changed


def close_windows(
    item_id: str, state: ItemState, now: int, rules: Rules
) -> tuple[ItemState, list[WindowClosed]]:
    """Close the windows that the clock (*now*, epoch ms) has passed; *state* itself if none is due.

    What is open at another width than that of *rules* is closed at once.
    """
    until = now - CLOSE_DELAY_MS - 1
    due = state.next_close(rules)
    if due is None or due > until:
        return state, []
    state = state.copy()
    announce(state, now, rules)
    events: list[WindowClosed] = []
    for name, known in state.offers.items():
        if known.window.width_ms == rules.window_ms:
            events += close_until(item_id, name, known, until)
        elif known.next_end() is not None:
            events += change_width(item_id, name, known, rules)
    state.clock = max(state.clock, now)
    return state, events
