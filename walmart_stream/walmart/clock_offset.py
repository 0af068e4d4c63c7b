"""The time by Walmart's clock, learned from the ``Date`` headers of its answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

# Date has whole seconds, and the header is written at some moment between sending and receiving:
# below this, a difference says nothing about the clocks (seconds).
SMALLEST_OFFSET = 2.0

# A difference of more than this is believed when a second answer repeats it: one header that a
# proxy made up must not move the time of every observation.
LARGEST_UNCONFIRMED = 86_400.0

# How wrong the time may be (seconds). After an answer: Date's whole second, its way and the drift
# since. Before one, or after the machine's clock was set: what an unattended machine is off by.
SURE = 5.0
UNSURE = 600.0


class WalmartClock:
    """Epoch seconds by Walmart's clock; by this machine's until an answer has come.

    From the first answer on it runs by *monotonic* (seconds), so that nobody who sets the
    machine's clock (*wall*, epoch seconds) sets this one too.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall = wall
        self._monotonic = monotonic
        # Walmart's time less the monotonic one, and less the machine's, at the last answer.
        self._base: float | None = None
        self._offset = 0.0
        self._doubted: float | None = None

    @classmethod
    def of(cls, clock: Callable[[], float]) -> WalmartClock:
        """*clock* itself, or one that begins with it."""
        return clock if isinstance(clock, WalmartClock) else cls(clock, clock)

    def __call__(self) -> float:
        return self._wall() if self._base is None else self._base + self._monotonic()

    def now_ms(self) -> int:
        """Epoch milliseconds."""
        return int(self() * 1000)

    @property
    def offset(self) -> float:
        """Seconds that Walmart's clock is ahead of this machine's; 0 before there was an answer.

        Exactly 0 where the two cannot be told apart.
        """
        offset = self() - self._wall()
        return offset if abs(offset) > SMALLEST_OFFSET else 0.0

    @property
    def uncertainty(self) -> float:
        """Seconds that this clock may be wrong by."""
        stepped = abs(self() - self._wall() - self._offset) > SMALLEST_OFFSET
        return UNSURE if self._base is None or stepped else SURE

    def learn(self, headers: Mapping[str, str], sent: float, received: float) -> None:
        """Take over the time in an answer's *headers*, if it contradicts this clock.

        *sent* and *received* are by this clock. An answer that took long may have been written at
        any moment of the wait, and contradicts only what lies outside of it.
        """
        error = measured_offset(headers, sent, received)
        if error is None:
            return
        tolerated = SMALLEST_OFFSET + max(0.0, received - sent) / 2
        if abs(error) <= tolerated:
            error = 0.0
        elif abs(error) > LARGEST_UNCONFIRMED:
            doubted, self._doubted = self._doubted, error
            if doubted is None or abs(error - doubted) > 2 * tolerated:
                return
        self._doubted = None
        wall = self._wall()
        offset = self() + error - wall
        # Where the machine's clock is right it is the finer one of the two.
        self._offset = offset if abs(offset) > SMALLEST_OFFSET else 0.0
        self._base = wall + self._offset - self._monotonic()


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
