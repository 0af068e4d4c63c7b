"""The windowed table's values: what the windows of an item have come to so far.

Stored are the accumulators, and the reader does the sums: a value is written for each item of
every batch, and read when somebody looks at the item.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain.apply import Outcome
from walmart_stream.domain.events import summarise
from walmart_stream.domain.state import OfferState
from walmart_stream.domain.windows import Rules

VERSION = 1


class _Stored(Struct, array_like=True, gc=False):
    version: int
    window_ms: int
    known_ms: int
    offers: dict[str, OfferState]


_encode = Encoder().encode
_decode = Decoder(_Stored).decode


def window_values(outcome: Outcome, rules: Rules) -> dict[tuple[str, int], bytes | None]:
    """(item id, start in epoch ms) -> value of each window that *outcome* touches.

    ``None`` stands for windows that have expired.
    """
    windows: dict[tuple[str, int], dict[str, OfferState]] = {}
    for item_id, name, last in outcome.left:
        windows.setdefault((item_id, last.window.start), {})[name] = last
    for item_id, state in outcome.states.items():
        for name, offer in state.offers.items():
            key = item_id, offer.window.start
            known = windows.get(key)
            if known is None:
                windows[key] = {name: offer}
            else:
                known[name] = offer
    window_ms, known_ms = rules.window_ms, rules.known_ms
    values: dict[tuple[str, int], bytes | None] = {
        key: _encode(_Stored(VERSION, window_ms, known_ms, offers))
        for key, offers in windows.items()
    }
    values.update((key, None) for key in outcome.expired)
    return values


def read_windows(item_id: str, value: bytes) -> Mapping[str, Mapping[str, Any]]:
    """``{offer: fields of WindowClosed}`` of a stored value, as if its window closed now.

    Raises:
        ValueError: the value was written by another version.
    """
    stored = _decode(value)
    if stored.version != VERSION:
        raise ValueError(f"windows of version {stored.version}; this program reads {VERSION}")
    rules = Rules(stored.window_ms, stored.known_ms)
    return {
        name: summarise(
            item_id, name, offer.window, offer.offer, offer.observed_at, rules
        ).document()
        for name, offer in stored.offers.items()
    }
