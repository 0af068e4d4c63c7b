"""Amounts, shares, times and texts as the pages write them; filters of the templates.

Browsers with JavaScript write numbers and times once more, in the reader's own form.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import Any

from walmart_stream.domain.time import parse_iso, to_datetime

# Characters of a text from outside in a list; its page has more of it.
SHORT = 120
LONG = 500


class Html(str):
    """Text that is HTML already, which templates put in as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


UNKNOWN = Html('<span class="unknown">unknown</span>')
NEVER = Html('<span class="unknown">never</span>')

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def dollars(cents: int | None) -> str:
    """An amount; an unknown one is "unknown", never 0."""
    if cents is None:
        return "unknown"
    sign = "−" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02}"


def money(cents: int | None) -> Html:
    """An amount as an element that the reader's locale can be applied to."""
    if cents is None:
        return UNKNOWN
    return Html(f'<data data-money value="{cents}">{dollars(cents)}</data>')


def delta(cents: int | None) -> Html:
    """A difference of amounts, with its sign; nothing where it is not known."""
    if cents is None:
        return Html('<span class="unknown">–</span>')
    text = dollars(cents) if cents < 0 else f"+{dollars(cents)}"
    return Html(f'<data data-money="signed" value="{cents}">{text}</data>')


def number(value: float | None) -> Html:
    """A count."""
    if value is None:
        return UNKNOWN
    return Html(f'<data data-number value="{value}">{value:,}</data>')


def percent(share: float | None) -> Html:
    """A share between 0 and 1."""
    if share is None:
        return UNKNOWN
    return Html(f'<data data-share value="{share}">{share:.0%}</data>')


def points(percents: float | None) -> Html:
    """A difference in percent, with its sign; nothing where it is not known."""
    if percents is None:
        return Html('<span class="unknown">–</span>')
    return Html(f'<data data-points value="{percents}">{percents:+.1f}%</data>')


def moment(value: datetime | str | None) -> Html:
    """A time; the browser writes it in the reader's zone, with UTC in the tooltip."""
    at = as_time(value)
    if at is None:
        return NEVER
    iso = _iso(at)
    return Html(f'<time data-moment datetime="{iso}">{iso[:10]} {iso[11:16]} UTC</time>')


def age(value: datetime | str | None, now: datetime, limit: float | None = None) -> Html:
    """How long ago a time is; past *limit* seconds it fades and says so."""
    at = as_time(value)
    if at is None:
        return NEVER
    seconds = max(0.0, (now - at).total_seconds())
    is_old = limit is not None and seconds > limit
    past = "" if limit is None else f' data-limit="{round(limit)}"'
    mark = ' class="old"' if is_old else ""
    words = f"{span(seconds)} ago{' – old' if is_old else ''}"
    utc = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return Html(f'<time data-age{past} datetime="{_iso(at)}" title="{utc}"{mark}>{words}</time>')


def span(seconds: float | None) -> str:
    """A length of time in its two largest units."""
    if seconds is None:
        return "unknown"
    rest = int(seconds)
    for place, (size, unit) in enumerate(_UNITS):
        if rest >= size:
            count, rest = divmod(rest, size)
            smaller, name = _UNITS[place + 1] if place + 1 < len(_UNITS) else (1, "s")
            more = rest // smaller
            return f"{count} {unit} {more} {name}" if more and count < 10 else f"{count} {unit}"
    return f"{rest} s"


def text(value: Any, longest: int = SHORT) -> Html:
    """A text from outside: markup in it is text, and its direction stays within it."""
    if value is None or value == "":
        return Html("")
    shown = str(value)
    if len(shown) > longest:
        shown = f"{shown[:longest]}…"
    return Html(f"<bdi>{escape(shown)}</bdi>")


def at(milliseconds: int) -> datetime:
    """An aware time from epoch milliseconds."""
    return to_datetime(milliseconds)


def as_time(value: datetime | str | None) -> datetime | None:
    """A time of the data, whichever of their forms it has."""
    return to_datetime(parse_iso(value)) if isinstance(value, str) else value


def _iso(at: datetime) -> str:
    # A page has hundreds of times, and this takes a fifth of what `strftime` does.
    return f"{at.isoformat(timespec='milliseconds')[:23]}Z"


FILTERS = {
    "age": age,
    "at": at,
    "delta": delta,
    "dollars": dollars,
    "moment": moment,
    "money": money,
    "number": number,
    "percent": percent,
    "points": points,
    "span": span,
    "text": text,
}
