"""Tumbling event-time windows of an offer's landed price.

Times are epoch milliseconds, prices cents. The sums are integers, so that the same observations
give the same window however they were batched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

# How long after a window's end the clock closes it: by then the last answer has been processed.
CLOSE_DELAY_MS = 60_000

# The width of the first release's windows where nothing else was configured. Ids of windows of
# this width do not name it.
FIRST_WIDTH_MS = 3_600_000


# Longer than any two observations can be apart.
NEVER_MS = 1 << 62


class RuleSettings(Protocol):
    """The settings that :class:`Rules` are made of, in seconds."""

    @property
    def window_size(self) -> float: ...
    @property
    def price_known_for(self) -> float: ...
    @property
    def forget_after(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that results depend on.

    The width of windows, how long a price counts as known, and for how long a silent item is
    remembered: see :mod:`walmart_stream.domain.forgetting`.
    """

    window_ms: int
    known_ms: int
    forget_ms: int = NEVER_MS

    @classmethod
    def of(cls, settings: RuleSettings) -> Rules:
        """The rules by WINDOW_SIZE, PRICE_KNOWN_FOR and FORGET_AFTER_DAYS."""
        return cls.in_seconds(settings.window_size, settings.price_known_for, settings.forget_after)

    @classmethod
    def in_seconds(
        cls, window_size: float, known_for: float, forget_after: float | None = None
    ) -> Rules:
        """From the settings ``WINDOW_SIZE``, ``PRICE_KNOWN_FOR`` and ``FORGET_AFTER_DAYS``.

        All of them in seconds; without the last, nothing is forgotten.
        """
        forget_ms = NEVER_MS if forget_after is None else int(forget_after * 1000)
        return cls(int(window_size * 1000), int(known_for * 1000), forget_ms)

    def start_of(self, at: int) -> int:
        """Start of the window that *at* falls in; windows are aligned to the epoch."""
        return at - at % self.window_ms


class Window(Struct, array_like=True, gc=False):
    """The accumulators of one offer's window.

    ``weighted`` is the sum of landed cents times the milliseconds they were known for, and
    ``covered`` the sum of those milliseconds, both up to the last observation. ``width_ms`` and
    ``known_ms`` are the rules that the window began with and keeps. ``carried``: a price that was
    known at the start counts as open, high and low. ``since`` is set in the first window after the
    width changed: observations at or before it were counted in a window of the former width.

    ``carried`` is ``None`` in a window that the first release began: there a price carried in
    counts for the mean only.
    """

    start: int
    observations: int = 0
    changes: int = 0
    open: int | None = None
    high: int | None = None
    low: int | None = None
    close: int | None = None
    weighted: int = 0
    covered: int = 0
    width_ms: int = 0
    known_ms: int = 0
    carried: bool | None = False
    since: int | None = None

    @classmethod
    def begin(
        cls,
        start: int,
        width_ms: int,
        known_ms: int,
        landed: int | None,
        seen_at: int,
        until: int,
    ) -> Window:
        """The window from *start*, entered with the price *landed*, seen at *seen_at*.

        *until* is when the next observation replaces that price: at the start itself, nothing is
        carried in.
        """
        carried = landed is not None and seen_at + known_ms > start and until > start
        price = landed if carried else None
        return cls(start, 0, 0, price, price, price, price, 0, 0, width_ms, known_ms, carried)

    @property
    def end(self) -> int:
        return self.start + self.width_ms

    def known_for(self, seen_at: int, until: int) -> int:
        """The milliseconds of this window in which a price seen at *seen_at* was known.

        Those before *until*, when the next price replaces it, or the window ends.
        """
        # Comparisons instead of min and max: this runs for every offer of every observation.
        begin = self.start
        if seen_at > begin:
            begin = seen_at
        end = seen_at + self.known_ms
        if until < end:
            end = until
        return end - begin if end > begin else 0

    def observe(
        self, at: int, landed: int | None, before: int | None, seen_at: int, is_change: bool
    ) -> None:
        """Count an applied observation, *at* a time in this window, of the price *landed*.

        It replaces the price *before*, which was seen at *seen_at*.
        """
        if before is not None:
            if seen_at >= self.start and at - seen_at <= self.known_ms:
                # The usual case, without a call: seen in this window, and known ever since.
                known_for = at - seen_at
            else:
                known_for = self.known_for(seen_at, at)
            self.weighted += before * known_for
            self.covered += known_for
        self.observations += 1
        if is_change:
            self.changes += 1
        # What is the close already counts for open, high and low, too.
        if landed is None or landed == self.close:
            return
        self.close = landed
        high, low = self.high, self.low
        if high is None or low is None:
            self.open = self.high = self.low = landed
        elif landed > high:
            self.high = landed
        elif landed < low:
            self.low = landed
