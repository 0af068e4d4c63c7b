"""The memory of an item's polls, by which a missing item becomes unavailable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import orjson

# Outcomes of a poll. A failed one is not kept: it is no poll.
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

    def seen_at(self, now: int) -> Poll:
        """This poll as it counts at *now*: one of the future as never."""
        if self.at > now + MOST_AHEAD_MS:
            return self._replace(at=0)
        return self


NEVER = Poll(0, "")


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
            return Poll(at, outcome, answered=at), False
        if not is_gone:
            return before._replace(at=at, outcome=outcome), False
        since = min(before.missed_since or at, at)
        misses = before.misses + 1
        told = bool(before.told)
        tells = (
            not told and before.answered > 0 and misses >= self.polls and at - since >= self.time_ms
        )
        return Poll(at, outcome, before.answered, misses, since, int(told or tells)), tells


def encode_poll(poll: Poll) -> bytes:
    """The value of the polls table."""
    return orjson.dumps([*poll])


def decode_poll(value: bytes) -> Poll:
    """The inverse of :func:`encode_poll`; earlier releases kept time and outcome only.

    Whether an item of theirs was ever answered is not known; it is taken for one that was, so that
    its last price does not stay for ever. Their failed polls counted as polls.
    """
    fields = orjson.loads(value)
    poll = Poll(*fields)
    if len(fields) == 2:
        poll = poll._replace(answered=poll.at)
    return poll._replace(at=0) if poll.outcome == FAILED else poll
