"""The flow of Walmart's events: whether they come, by the rhythm in which they have come."""

from __future__ import annotations

from walmart_stream.domain.schedule.sights import EVENT_AHEAD_MS

# Silence of this multiple of the mean distance between events is no chance: of events that come at
# random, one distance in three thousand is longer.
SILENT_GAPS = 8.0

# Seconds after which silence is believed at the earliest, as the rhythm is not known at first, and
# at the latest: so long changes go unseen when the sender fails.
SOONEST_SILENCE, LATEST_SILENCE = 60.0, 3600.0

# The weight of the last distance in the mean.
STEP = 0.1


class EventFlow:
    """Events of any of a worker's items. Times are epoch ms.

    An event of the future would flow until its time comes, and nobody would poll meanwhile: it
    counts as none, also where it is the clock that was wrong when it was heard.
    """

    def __init__(self) -> None:
        self._last = 0
        self._gap: float | None = None

    def heard(self, at: int, now: int) -> None:
        """An event happened at *at*; an older one than the last says nothing."""
        if at > now + EVENT_AHEAD_MS:
            return
        if self._last > now + EVENT_AHEAD_MS:
            self._last = 0
        if at <= self._last:
            return
        if self._last:
            gap = (at - self._last) / 1000
            self._gap = gap if self._gap is None else self._gap + STEP * (gap - self._gap)
        self._last = at

    @property
    def patience(self) -> float:
        """Seconds of silence after which events do not flow any more."""
        usual = 0.0 if self._gap is None else SILENT_GAPS * self._gap
        return min(LATEST_SILENCE, max(SOONEST_SILENCE, usual))

    def is_flowing(self, now: int) -> bool:
        """Whether events come; not before the first one."""
        since = now - self._last
        return bool(self._last) and -EVENT_AHEAD_MS <= since <= self.patience * 1000

    def is_silent(self, now: int) -> bool:
        """Whether events came, and do not come any more."""
        return bool(self._last) and not self.is_flowing(now)
