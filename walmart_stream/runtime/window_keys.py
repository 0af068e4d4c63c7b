"""The stored keys of a windowed table in few bytes.

Faust makes JSON of an item id and the window's start and end: 43 bytes, of which the id takes 9.
All items share a few windows, whose short forms are kept in mind.
"""

from __future__ import annotations

# Bytes of the short form of a window: its start, and its width (s).
_START, _WIDTH = 4, 3
_LENGTH = _START + _WIDTH

# Windows that are kept in mind; a short form is made in two microseconds.
MOST_KNOWN = 1000

_BEFORE, _BETWEEN = b'["', b'",['
_short: dict[bytes, bytes] = {}


def shorten(key: bytes) -> bytes:
    """*key* as item id and window, if it is written as by Faust."""
    item_id, _, window = key.partition(_BETWEEN)
    short = _short.get(window)
    if short is None:
        short = _shortened(window)
    item_id = item_id[len(_BEFORE) :]
    if short and item_id.isdigit() and key.startswith(_BEFORE):
        return item_id + short
    # JSON begins with another byte; the rest is not trusted to.
    return b"\1" + key if key[:1].isdigit() or key[:1] == b"\1" else key


def lengthen(kept: bytes) -> bytes:
    """The inverse of :func:`shorten`."""
    if kept[:1].isdigit():
        return _BEFORE + kept[:-_LENGTH] + _BETWEEN + _lengthened(kept[-_LENGTH:])
    return kept.removeprefix(b"\1")


def _shortened(window: bytes) -> bytes:
    """The short form of *window*, JSON from the start on; empty if it is not that of a window."""
    if len(_short) >= MOST_KNOWN:
        _short.clear()
    try:
        start, end = map(float, window[: -len(b"]]")].split(b","))
        width = round(end - start + 0.1)
        short = int(start).to_bytes(_START) + width.to_bytes(_WIDTH)
        found = short if _lengthened(short) == window else b""
    except (ValueError, OverflowError):
        found = b""
    _short[window] = found
    return found


def _lengthened(short: bytes) -> bytes:
    start = int.from_bytes(short[:_START])
    # A window ends a tenth of a second before the next one begins.
    return b"%d.0,%d.9]]" % (start, start + int.from_bytes(short[_START:]) - 1)
