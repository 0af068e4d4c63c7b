"""The states of one rule on one item, and the transitions between them.

::

    idle ─ true ─► waiting ─ due ─► open ─ false ─► idle
      ▲               │              │
      └─ not true ────┘              └─ near, unknown: stays

An episode is a stretch of event time for which the condition was true for the rule's hold time
without a break. It begins where the condition became true, and it is raised once, however often it
is seen to be true.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import NamedTuple

from msgspec import Struct

from walmart_stream.domain.events import Source


class State(IntEnum):
    """Where a rule stands on an item."""

    IDLE = 0
    SATED = 1
    WAITING = 2
    OPEN = 3


class Input(StrEnum):
    """The word of a look at the item, or of time, on the condition."""

    TRUE = "true"
    # False, but by no more than the hysteresis.
    NEAR = "near"
    FALSE = "false"
    UNKNOWN = "unknown"
    # True at the first look of a rule that waits for it to become true.
    ALREADY = "already"
    # Event time has passed what the episode had to last.
    DUE = "due"
    # The rule was changed, removed, or no longer covers the item.
    REARM = "rearm"


class Action(StrEnum):
    """The work of a transition beside changing the state."""

    NOTHING = ""
    BEGIN = "begin"
    RAISE = "raise"
    CLOSE = "close"


class Turn(NamedTuple):
    """The next state, and the steps that lead to it."""

    state: State
    action: Action = Action.NOTHING


_S, _I, _A = State, Input, Action
# Every pair of a state and an input. The same table stands in docs/alerts.md.
TRANSITIONS: dict[tuple[State, Input], Turn] = {
    (_S.IDLE, _I.TRUE): Turn(_S.WAITING, _A.BEGIN),
    (_S.IDLE, _I.NEAR): Turn(_S.IDLE),
    (_S.IDLE, _I.FALSE): Turn(_S.IDLE),
    (_S.IDLE, _I.UNKNOWN): Turn(_S.IDLE),
    (_S.IDLE, _I.ALREADY): Turn(_S.SATED),
    (_S.IDLE, _I.DUE): Turn(_S.IDLE),
    (_S.IDLE, _I.REARM): Turn(_S.IDLE),
    (_S.SATED, _I.TRUE): Turn(_S.SATED),
    (_S.SATED, _I.NEAR): Turn(_S.SATED),
    (_S.SATED, _I.FALSE): Turn(_S.IDLE),
    (_S.SATED, _I.UNKNOWN): Turn(_S.SATED),
    (_S.SATED, _I.ALREADY): Turn(_S.SATED),
    (_S.SATED, _I.DUE): Turn(_S.SATED),
    (_S.SATED, _I.REARM): Turn(_S.IDLE),
    (_S.WAITING, _I.TRUE): Turn(_S.WAITING),
    (_S.WAITING, _I.NEAR): Turn(_S.IDLE),
    (_S.WAITING, _I.FALSE): Turn(_S.IDLE),
    (_S.WAITING, _I.UNKNOWN): Turn(_S.IDLE),
    (_S.WAITING, _I.ALREADY): Turn(_S.WAITING),
    (_S.WAITING, _I.DUE): Turn(_S.OPEN, _A.RAISE),
    (_S.WAITING, _I.REARM): Turn(_S.IDLE),
    (_S.OPEN, _I.TRUE): Turn(_S.OPEN),
    (_S.OPEN, _I.NEAR): Turn(_S.OPEN),
    (_S.OPEN, _I.FALSE): Turn(_S.IDLE, _A.CLOSE),
    (_S.OPEN, _I.UNKNOWN): Turn(_S.OPEN),
    (_S.OPEN, _I.ALREADY): Turn(_S.OPEN),
    (_S.OPEN, _I.DUE): Turn(_S.OPEN),
    (_S.OPEN, _I.REARM): Turn(_S.IDLE, _A.CLOSE),
}


class Past(Struct, array_like=True, gc=False):
    """The prices that a rule remembers: those that can still matter, by when they ended.

    ``points`` are (until, cents); ``seen`` is up to when it is complete, ``since`` from when, and
    ``gaps`` are the times in between at which no price was known.
    """

    since: int
    seen: int
    last: int | None = None
    points: list[tuple[int, int]] = []
    gaps: list[tuple[int, int]] = []


class Machine(Struct, array_like=True, gc=False):
    """One rule on one item.

    ``met``: a look has said before whether the condition was true.
    ``start`` is when the condition became true, by the record ``source``; ``due`` is when the
    episode is raised if it lasts, and ``cooled`` the earliest time of the next one. ``base`` is
    what a rule that compares remembers, and ``next_base`` what it will once it has been raised.
    """

    fingerprint: str
    offer: str
    severity: str
    state: State = State.IDLE
    met: bool = False
    start: int = 0
    due: int = 0
    cooled: int = 0
    text: str = ""
    source: Source | None = None
    base: list[int | str | None] | None = None
    next_base: list[int | str | None] | None = None
    past: Past | None = None

    def take(self, said: Input) -> Action:
        """Change to the state that follows *said*."""
        turn = TRANSITIONS[self.state, said]
        self.state = turn.state
        return turn.action
