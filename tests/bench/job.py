"""The job that every peer does, by this program's own pure domain code.

So what is compared are the frameworks and loops, not the parsing. Of each batch: read the
observations, apply them to their items' states, and hand out what follows from it: the results, the
rows of windows that were left, and the new states.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import NamedTuple

from walmart_stream import topics
from walmart_stream.domain import events, state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.reading import decode
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.window_rows import window_values
from walmart_stream.domain.windows import Rules

# As WINDOW_SIZE and PRICE_KNOWN_FOR are set for this program.
RULES = Rules.in_seconds(3600, 3 * 3600)

Row = tuple[bytes, bytes | None]


class Derived(NamedTuple):
    """The results of a batch, as keys and values to produce."""

    results: list[Row]
    windows: list[Row]
    states: list[Row]


def entry(partition: int, offset: int, key: bytes, value: bytes) -> Entry:
    """A record of the raw topic, read."""
    return Entry(decode(key, value), Source(topics.RAW.name, partition, offset))


def results_of(outcome: Outcome) -> list[Row]:
    """The results topic's records."""
    return [(event.item_id.encode(), events.encode(event)) for event in outcome.events]


def window_key(item_id: str, start: int) -> bytes:
    """Where the row of an item's window from *start* (epoch ms) is kept."""
    return f"{item_id}@{start}".encode()


def windows_of(outcome: Outcome, stored: Callable[[bytes], bytes | None]) -> list[Row]:
    """The rows of windows; *stored* gives the one that there is."""
    values = window_values(outcome, lambda *key: stored(window_key(*key)))
    return [(window_key(*key), value) for key, value in values.items()]


def step(
    old: bytes | None, seen: Entry, stored: Callable[[bytes], bytes | None]
) -> tuple[bytes, list[bytes], list[Row]]:
    """One observation alone, for frameworks that hand out one after the other.

    *old*: the item's stored state; *stored* gives a window's row. Returns the new state, the
    results' values, and the rows of windows.
    """
    item_id = seen.observation.item_id
    known = {} if old is None else {item_id: state.decode(old)}
    outcome = apply(known, (seen,), RULES)
    results = [events.encode(event) for event in outcome.events]
    return state.encode(outcome.states[item_id]), results, windows_of(outcome, stored)


def tune_garbage_collection() -> None:
    """As this program does: what was imported stays, and a batch makes much that lives briefly."""
    gc.freeze()
    gc.set_threshold(100_000, 10, 10)


class Memory:
    """One partition's states in this process's memory, as objects: all that a plain loop needs."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._states: dict[str, ItemState] = {}
        self._windows: dict[bytes, bytes] = {}

    def handle(self, records: Iterable[tuple[int, bytes, bytes]]) -> Derived:
        """Apply *records* (offset, key, value) of this partition in log order."""
        partition = self._partition
        outcome = apply(
            self._states,
            [entry(partition, offset, key, value) for offset, key, value in records],
            RULES,
        )
        windows = windows_of(outcome, self._windows.get)
        for key, value in windows:
            if value is None:
                self._windows.pop(key, None)
            else:
                self._windows[key] = value
        self._states.update(outcome.states)
        states = [(item.encode(), state.encode(new)) for item, new in outcome.states.items()]
        return Derived(results_of(outcome), windows, states)  # type: ignore[arg-type]
