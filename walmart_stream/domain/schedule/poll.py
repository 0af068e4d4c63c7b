"""The memory of an item's polls, by which a missing item becomes unavailable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from walmart_stream.domain.schedule.sights import EVENT_AHEAD_MS, UNSEEN, Sights

# Outcomes of a poll. A failed one is not kept: it does not count as a poll.
ANSWERED = "answered"
# Walmart left the item out of its answer.
MISSING = "missing"
# Walmart refuses the item, and with it every call that names it.
INVALID = "invalid"
FAILED = "failed"

# A poll from further ahead than this (ms) was written by a clock that was wrong, and counts as
# never: waiting for its time to come would leave the item unpolled. Workers' clocks differ by less.
MOST_AHEAD_MS = 30_000


class Poll(NamedTuple):
    """An item's last poll; times are epoch ms, and 0 is never.

    ``answered`` is when Walmart last had the item, ``misses`` how often in a row it had not since
    ``missed_since``, and ``told`` (0 or 1) whether the item was made unavailable for that.
    """

    at: int
    outcome: str
    answered: int = 0
    misses: int = 0
    missed_since: int = 0
    told: int = 0
    sights: Sights = UNSEEN

    @property
    def seen(self) -> int:
        """The time at which the item was last asked for or seen, whoever saw it."""
        return max(self.at, self.sights.seen)

    def seen_at(self, now: int) -> Poll:
        """This poll as it counts at *now*: what is of the future as never."""
        at, _, _, _, _, _, (seen, _, _, _, _, told, _) = self
        latest = now + MOST_AHEAD_MS
        if at <= latest and seen <= latest and told <= latest:
            return self
        if self.sights.told > now + EVENT_AHEAD_MS:
            return self._replace(sights=self.sights._replace(told=0)).seen_at(now)
        if self.sights.seen > latest:
            return self._replace(sights=self.sights._replace(seen=0)).seen_at(now)
        return self._replace(at=0) if self.at > latest else self


NEVER = Poll(0, "")

# The fields that are of the poll itself.
_OF_POLL = len(Poll._fields) - 1


@dataclass(frozen=True, slots=True)
class AbsenceRule:
    """An item is unavailable once it was missed *polls* times in a row over *time_ms* or longer."""

    polls: int
    time_ms: int

    def after(self, before: Poll, outcome: str, at: int, *, is_gone: bool) -> tuple[Poll, bool]:
        """The poll at *at* (epoch ms) with *outcome*, and whether it makes the item unavailable.

        *is_gone*: Walmart said of this very item that it has it not. Other refusals, such as of
        our account, say nothing of it. An item that was never answered has nothing to lose.
        """
        if outcome == ANSWERED:
            return Poll(at, outcome, answered=at, sights=before.sights), False
        if not is_gone:
            return before._replace(at=at, outcome=outcome), False
        since = min(before.missed_since or at, at)
        misses = before.misses + 1
        told = bool(before.told)
        tells = (
            not told and before.answered > 0 and misses >= self.polls and at - since >= self.time_ms
        )
        told = told or tells
        return Poll(at, outcome, before.answered, misses, since, int(told), before.sights), tells


def encode_poll(poll: Poll) -> bytes:
    """The value of the polls table: one flat list, of short numbers."""
    sights = poll.sights
    if sights == UNSEEN:
        return orjson.dumps(poll[:_OF_POLL])
    kept = [value if value.__class__ is int else round(value, 3) for value in sights]
    return orjson.dumps((*poll[:_OF_POLL], *kept))


def decode_poll(value: bytes) -> Poll:
    """The inverse of :func:`encode_poll`; earlier releases kept no sights, or only two fields.

    Whether an item of theirs was ever answered is not known; it is taken for one that was, so that
    its last price does not stay for ever. Their failed polls counted as polls.
    """
    fields: list[Any] = orjson.loads(value)
    if len(fields) > _OF_POLL:
        poll = Poll._make([*fields[:_OF_POLL], Sights(*fields[_OF_POLL:])])
    elif len(fields) == 2:
        poll = Poll(fields[0], fields[1], answered=fields[0])
    else:
        poll = Poll(*fields)
    return poll._replace(at=0) if poll.outcome == FAILED else poll


# Digits of a time in epoch ms, until the year 2286.
_DIGITS = 13
_ANSWERED = b',"answered",'


def shorten(_: bytes, value: bytes) -> bytes:
    """*value* of the polls table in few bytes, where Walmart had the item at its last poll.

    Only the time is kept of the poll itself, which most of them are, and the sights.
    """
    at, _, rest = value[1:].partition(_ANSWERED)
    again = at + b",0,0,0"
    if value[:1] == b"[" and len(at) == _DIGITS and at.isdigit() and rest.startswith(again):
        return at + rest[len(again) :]
    # A poll is JSON, which begins with another byte; the rest is not trusted to.
    return b"\1" + value if value[:1].isdigit() or value[:1] == b"\1" else value


def lengthen(_: bytes, kept: bytes) -> bytes:
    """The inverse of :func:`shorten`."""
    if kept[:1].isdigit():
        at = kept[:_DIGITS]
        return b"[" + at + _ANSWERED + at + b",0,0,0" + kept[_DIGITS:]
    return kept.removeprefix(b"\1")
