"""Points in time: epoch milliseconds inside the domain, ISO 8601 in UTC at its borders."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from walmart_stream.domain.errors import BadTime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Whatever is computed from a time (the end of its window, at most a week later) is one, too.
LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_DAYS = (LATEST - EPOCH).days
_SECONDS = [f":{second:02d}" for second in range(60)]
_FRACTIONS = [f".{ms:03d}Z" for ms in range(1000)]


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware *moment*, rounded down.

    Raises:
        ValueError: *moment* has no time zone, or lies before 1970 or after 9998.
    """
    if moment.tzinfo is None:
        raise ValueError("the time has no time zone")
    elapsed = moment - EPOCH
    days = elapsed.days
    if days < 0:
        raise ValueError("the time is before 1970")
    if days >= _DAYS:
        raise ValueError("the time is after 9998")
    # As whole numbers: dividing durations takes twice as long, and every observation has a time.
    return days * 86_400_000 + elapsed.seconds * 1000 + elapsed.microseconds // 1000


def parse_iso(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 time with a time zone.

    Raises:
        ValueError: not such a time.
    """
    try:
        return to_ms(datetime.fromisoformat(text))
    except OverflowError:
        raise ValueError("the time is out of range") from None


# A result's time is read for each of its documents.
@lru_cache(maxsize=256)
def parse_moment(text: str) -> tuple[int, datetime]:
    """As :func:`parse_iso`, and the moment itself, in its own time zone and to its microsecond."""
    try:
        moment = datetime.fromisoformat(text)
        return to_ms(moment), moment
    except OverflowError:
        raise ValueError("the time is out of range") from None


def check_not_ahead(at: int, written_at: int, most_ahead: int) -> None:
    """Refuse an observation whose time lies more than *most_ahead* after it was written.

    All are (epoch) milliseconds; *written_at* is the record's Kafka timestamp, and -1 where it has
    none. Such an observation would make everything newer about its item late until its time comes.

    Raises:
        BadTime: it does.
    """
    if at - written_at > most_ahead and written_at >= 0:
        ahead = (at - written_at) // 1000
        raise BadTime(
            f"observed_at: {ahead} s after the record was written; {most_ahead // 1000} s at most "
            "(OBSERVATION_MAX_AHEAD)"
        )


def to_datetime(ms: int) -> datetime:
    """The aware UTC time of epoch milliseconds."""
    return EPOCH + timedelta(milliseconds=ms)


def to_iso(ms: int) -> str:
    """For example ``2026-11-22T18:00:00.123Z``."""
    minutes, rest = divmod(ms, 60_000)
    return f"{_minute(minutes)}{_SECONDS[rest // 1000]}{_FRACTIONS[rest % 1000]}"


# Of seconds, the partitions of a log have more at a time than are kept, up to an hour apart.
@lru_cache(maxsize=4096)
def _minute(minutes: int) -> str:
    return (EPOCH + timedelta(minutes=minutes)).isoformat(timespec="minutes").removesuffix("+00:00")
