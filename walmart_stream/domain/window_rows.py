"""The windowed table's values: what the windows that an item's offers have left came to.

The windows that offers are in are part of the item's state, and are read there. Stored are the
accumulators, and the reader does the sums: few values that are written are ever looked at.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct
from msgspec.msgpack import Decoder, Encoder

from walmart_stream.domain import state_v3
from walmart_stream.domain.apply import Outcome
from walmart_stream.domain.events import WindowClosed, summarise
from walmart_stream.domain.state import ItemState, OfferState, offer_of_the_first_release
from walmart_stream.domain.windows import Rules

VERSION = 2
# Of the first release, which had one width for all.
FIRST_VERSION = 1


class _Stored(Struct, array_like=True, gc=False):
    version: int
    offers: dict[str, OfferState]


class _FirstStored(Struct, array_like=True, gc=False):
    version: int
    window_ms: int
    known_ms: int
    offers: dict[str, state_v3.OfferState]


class _Version(Struct, array_like=True, gc=False):
    version: int


_encode = Encoder().encode
_decode = Decoder(_Stored).decode
_decode_first = Decoder(_FirstStored).decode
_version = Decoder(_Version).decode


def window_values(
    outcome: Outcome, stored: Callable[[str, int], bytes | None]
) -> dict[tuple[str, int], bytes | None]:
    """(item id, start in epoch ms) -> new value of each window that *outcome* has left.

    Offers leave a window one after the other: *stored* gives the value that there is already.
    ``None`` stands for windows that have expired.

    Raises:
        ValueError: a stored value was written by another version.
    """
    windows: dict[tuple[str, int], dict[str, OfferState]] = {}
    for item_id, name, last in outcome.left:
        key = item_id, last.window.start
        offers = windows.get(key)
        if offers is None:
            value = stored(*key)
            offers = windows[key] = {} if value is None else _read(value)
        offers[name] = last
    values: dict[tuple[str, int], bytes | None] = {
        key: _encode(_Stored(VERSION, offers)) for key, offers in windows.items()
    }
    values.update((key, None) for key in outcome.expired)
    return values


def live_windows(
    item_id: str, state: ItemState, stored: Callable[[str, int], bytes | None]
) -> dict[int, dict[str, WindowClosed]]:
    """Start (epoch ms) -> offer -> its window, as if it closed now.

    Of an item's newest window and the one before; *stored* gives the windowed table's values.

    Raises:
        ValueError: a stored value was written by another version.
    """
    found = {}
    for start in {state.previous_window, state.newest_window} - {None}:
        assert start is not None
        value = stored(item_id, start)
        windows = {} if value is None else _read(value)
        for name, offer in state.offers.items():
            if offer.window.start == start:
                windows[name] = offer
        if windows:
            found[start] = {
                name: summarise(item_id, name, offer.window, offer.offer, offer.observed_at)
                for name, offer in windows.items()
            }
    return found


def _read(value: bytes) -> dict[str, OfferState]:
    version = _version(value).version
    if version == FIRST_VERSION:
        first = _decode_first(value)
        rules = Rules(first.window_ms, first.known_ms)
        return {
            name: offer_of_the_first_release(offer, rules) for name, offer in first.offers.items()
        }
    if version != VERSION:
        raise ValueError(
            f"windows of version {version}; this program reads {FIRST_VERSION} and {VERSION}"
        )
    return _decode(value).offers
