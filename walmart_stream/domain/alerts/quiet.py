"""Quiet hours: times of day at which channels get no messages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

_WRITTEN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d) (\S{1,64})")
RIGHT = 'must be like "22:00-07:00 America/Chicago": two times of day and a time zone'


class Quiet(Struct, frozen=True):
    """From ``start`` to ``end`` (minutes after midnight), over midnight where end is earlier."""

    start: int
    end: int
    zone: str

    def ends(self, moment: datetime) -> datetime | None:
        """The end of the quiet hours that *moment* is in; ``None``: it is in none.

        By the clock on the wall of that zone, whatever summer time does to it meanwhile.
        """
        here = moment.astimezone(ZoneInfo(self.zone))
        minute = here.hour * 60 + here.minute
        late = self.start > self.end and minute >= self.start
        if not (late or (self.start <= minute < self.end) or (self.start > self.end > minute)):
            return None
        day = here.date() + timedelta(days=1) if late else here.date()
        hour, rest = divmod(self.end, 60)
        end = datetime(day.year, day.month, day.day, hour, rest, tzinfo=here.tzinfo)
        return end.astimezone(UTC)


def parse_quiet(text: str) -> Quiet:
    """Quiet hours from their text.

    Raises:
        ValueError: it is none; the message says what would be.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(RIGHT)
    first, second, third, fourth = (int(part) for part in found.groups()[:4])
    start, end, zone = first * 60 + second, third * 60 + fourth, found[5]
    if start == end:
        raise ValueError(f"{RIGHT}; the two times must differ")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'{RIGHT}; "{zone}" is not a zone of the IANA list') from None
    return Quiet(start, end, zone)
