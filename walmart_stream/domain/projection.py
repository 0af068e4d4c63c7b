"""The windowed table's values: what the windows of an item have come to so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from walmart_stream.domain.apply import Outcome
from walmart_stream.domain.events import WindowClosed, summarise
from walmart_stream.domain.windows import Rules


def window_values(outcome: Outcome, rules: Rules) -> dict[tuple[str, int], bytes | None]:
    """(item id, start in epoch ms) -> value of each window that *outcome* touches.

    The value is the JSON of ``{offer: fields of WindowClosed}``; ``None`` for windows that have
    expired.
    """
    windows: dict[tuple[str, int], dict[str, Any]] = {}
    for event in outcome.events:
        if isinstance(event, WindowClosed):
            windows.setdefault((event.item_id, event.start), {})[event.offer] = event.document()
    for item_id, state in outcome.states.items():
        for name, offer in state.offers.items():
            so_far = summarise(item_id, name, offer.window, offer.offer, offer.observed_at, rules)
            windows.setdefault((item_id, so_far.start), {})[name] = so_far.document()
    values: dict[tuple[str, int], bytes | None] = {
        key: orjson.dumps(offers) for key, offers in windows.items()
    }
    values.update((key, None) for key in outcome.expired)
    return values


def read_windows(value: bytes) -> Mapping[str, Mapping[str, Any]]:
    """``{offer: fields of WindowClosed}`` of a stored value."""
    offers: Mapping[str, Mapping[str, Any]] = orjson.loads(value)
    return offers
