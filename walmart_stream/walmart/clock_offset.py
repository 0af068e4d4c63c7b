"""How far Walmart's clock is ahead of ours, from the ``Date`` headers of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime

# Date has whole seconds, and the header is written at some moment between sending and receiving:
# below this, a difference says nothing about the clocks.
SMALLEST_OFFSET = 2.0


def measured_offset(headers: Mapping[str, str], sent: float, received: float) -> float | None:
    """Seconds that the server's clock was ahead at the middle of the request.

    *sent* and *received* are epoch seconds of our clock. ``None`` without a usable ``Date``, or
    if the answer is a copy out of a cache, whose ``Date`` is its age's.
    """
    if headers.get("Age", "0").strip() != "0":
        return None
    try:
        date = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    # Half a second: what the header has cut off, on average.
    return date + 0.5 - (sent + received) / 2


def corrected_offset(
    current: float, headers: Mapping[str, str], sent: float, received: float
) -> float:
    """The offset to go on with: *current*, unless this answer contradicts it.

    An answer that took long may have been written at any moment of the wait, and contradicts
    only what lies outside of it. Offsets too small to be told from none are none.
    """
    measured = measured_offset(headers, sent, received)
    if measured is None:
        return current
    if abs(measured - current) <= SMALLEST_OFFSET + max(0.0, received - sent) / 2:
        return current
    return 0.0 if abs(measured) <= SMALLEST_OFFSET else measured
