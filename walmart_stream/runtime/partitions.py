"""The state of one assigned partition: the only truth of where reading stands.

::

    assigned ─► restoring ─► reading ⇄ in flight ─► drained ─► revoked
                               ⇅           │
                             parked ◄──────┘

The client's position follows :meth:`Partition.ask`, never the other way round. Whatever a fetch
brings counts only if the partition still asks for it, so a seek or a rebalance that races with a
fetch leaves nothing to put right.
"""

from __future__ import annotations

import zlib
from collections import deque
from enum import Enum
from typing import Any, NamedTuple

from walmart_stream.runtime.unpacking import UnreadableBatch

# Milliseconds from one answer to the next in which a log may have lost its end and grown again: no
# broker restarts, and no leader is replaced, in less. Proving the opposite costs one more fetch.
UNPROVEN_AFTER_MS = 1000

# What can be wrong with a log, as it is counted.
CUT, EXPIRED = "cut", "expired"


class Phase(Enum):
    """Where a partition is on its way; see the drawing above."""

    RESTORING = "assigned; its position is not known until its tables are restored"
    READING = "fetched from its position; nothing of it is in work"
    IN_FLIGHT = "an agent has records of it, and more may be fetched"
    PARKED = "not fetched until somebody says where to go on"
    DRAINED = "being revoked: what is in work may end, nothing more begins"


class LogCut(Exception):
    """The log lost its end, and others have written there since."""


def digest(key: bytes | None, value: bytes | None) -> int:
    """Tells records apart that stand at the same offset, before and after a log lost its end."""
    return zlib.crc32(value or b"", zlib.crc32(key or b""))


class Mark(NamedTuple):
    """A record that a log must still hold if what was read before still counts."""

    offset: int
    digest: int | None

    @classmethod
    def of(cls, record: Any) -> Mark:
        """The mark of *record*: equal records at one offset have equal marks."""
        content = digest(record.key, record.value)
        return cls(record.offset, content ^ (record.timestamp & 0xFFFFFFFF))

    def fits(self, record: Any) -> bool:
        """Whether *record*, which stands at the mark's offset, is the marked one.

        The mark of a table's last record lacks the time, which the table does not know.
        """
        return self.digest in (digest(record.key, record.value), Mark.of(record).digest)

    @classmethod
    def parse(cls, note: str | None) -> Mark | None:
        """The mark that :meth:`note` wrote; ``None`` if anybody else wrote *note*."""
        offset, _, digest = (note or "").partition(":")
        return cls(int(offset), int(digest, 16)) if offset.isdigit() and digest else None

    def note(self) -> str:
        """The metadata of a committed offset."""
        return "" if self.digest is None else f"{self.offset}:{self.digest:x}"


class Answer(NamedTuple):
    """Records of a fetch that began at *start*; the next one begins at *end*.

    ``heard_ms``: when the broker last answered for the partition (epoch ms), which then ended
    before ``log_end``.
    """

    start: int
    records: list[Any]
    end: int
    heard_ms: int | None
    log_end: int | None


class InFlight:
    """Records between delivery and the end of their processing; *mark* is the last one's."""

    __slots__ = ("count", "done", "first", "mark")

    def __init__(self, first: int, mark: Mark, count: int, done: bool = False) -> None:
        self.first = first
        self.mark = mark
        self.count = count
        self.done = done


class Partition:
    """One partition, from its assignment to its revocation."""

    def __init__(self) -> None:
        self.position: int | None = None
        self.in_flight: deque[InFlight] = deque()
        self.parked = self.drained = False
        self.mark: Mark | None = None
        self._proven = True
        self.heard_ms: int | None = None
        self.log_end: int | None = None
        #: The batch at the position, if it cannot be read: it is to be set apart before a fetch.
        self.unreadable: UnreadableBatch | None = None

    @property
    def phase(self) -> Phase:
        if self.drained:
            return Phase.DRAINED
        if self.position is None:
            return Phase.RESTORING
        if self.parked:
            return Phase.PARKED
        return Phase.IN_FLIGHT if self.waiting else Phase.READING

    # -- reading

    def start_at(self, position: int, mark: Mark | None = None) -> None:
        """Read on at *position*, *mark* being the last record before it; forget all in flight."""
        self.position, self.mark = position, mark
        self._proven = mark is None
        self.in_flight = deque()
        self.unreadable = None

    def rewind(self, position: int) -> None:
        """Read on at *position*, and commit it, whatever was committed before."""
        self.start_at(position)
        self.in_flight.append(InFlight(position, Mark(position - 1, None), 0, done=True))

    def skip_to(self, position: int) -> None:
        """Read on at *position* or later; the records before it are not there any more."""
        self.position = max(self.position or 0, position)
        self.mark, self._proven = None, True
        self.unreadable = None

    @property
    def waiting(self) -> int:
        """Records that an agent has, or will get."""
        if not self.in_flight:
            return 0  # as most are, each time
        return sum(batch.count for batch in self.in_flight if not batch.done)

    def ask(self) -> int:
        """The offset where the next fetch begins: at the mark once more if the log may be cut."""
        assert self.position is not None
        return self.position if self._proven or self.mark is None else self.mark.offset

    def take(self, answer: Answer) -> list[Any]:
        """The records of *answer* to deliver: none, if the mark must be seen first.

        What was fetched ahead is of one answer, however long it waited to be taken.

        Raises:
            LogCut: the log holds another record where the last one was read.
        """
        if self.position is None or answer.start != self.ask():
            return []
        if self._proven and self.mark is not None and self._was_silent(answer):
            self._proven = False
            return []
        self.heard_ms, self.log_end = answer.heard_ms, answer.log_end
        records = answer.records
        if not self._proven and self.mark is not None and answer.end > answer.start:
            # A later record than the mark comes first where that one was compacted.
            is_there = bool(records) and records[0].offset == self.mark.offset
            if is_there and not self.mark.fits(records[0]):
                raise LogCut
            self._proven = True
        if records and records[0].offset < self.position:
            records = [record for record in records if record.offset >= self.position]
        if not records:
            self.position = max(self.position, answer.end)
        return records

    def _was_silent(self, answer: Answer) -> bool:
        """Whether the log may have been cut since the answer before; if the clock was set, too."""
        if self.heard_ms is None or answer.heard_ms is None:
            return False
        return not 0 <= answer.heard_ms - self.heard_ms <= UNPROVEN_AFTER_MS

    def advance(self, records: list[Any], end: int) -> Mark:
        """Read on at *end*, behind *records*; the mark of the last one."""
        self.position, self.mark = end, Mark.of(records[-1])
        return self.mark

    def deliver(self, records: list[Any], end: int) -> InFlight:
        """Note that an agent gets *records*; reading goes on at *end*."""
        batch = InFlight(records[0].offset, self.advance(records, end), len(records))
        self.in_flight.append(batch)
        return batch

    # -- finishing

    def holds(self, batch: InFlight) -> bool:
        """Whether *batch* still counts: nothing was sought, parked or revoked since delivery."""
        return any(held is batch for held in self.in_flight)

    def finish(self, batch: InFlight) -> None:
        """Everything that follows from *batch* is durable."""
        batch.done = True
        while len(self.in_flight) > 1 and self.in_flight[0].done and self.in_flight[1].done:
            self.in_flight.popleft()

    @property
    def finished(self) -> int | None:
        """The offset before which everything is durable."""
        return next((batch.first for batch in self.in_flight if not batch.done), self.position)

    @property
    def committable(self) -> InFlight | None:
        """The last batch that may be committed: none is passed that is not done (#606)."""
        return self.in_flight[0] if self.in_flight and self.in_flight[0].done else None

    def committed(self, batch: InFlight) -> None:
        """The broker has acknowledged the commit of *batch*."""
        if self.committable is batch:
            self.in_flight.popleft()

    # -- parking

    def park(self, at: int | None, mark: Mark | None) -> None:
        """Stop before *at* (``None``: before what is not finished); *mark*: the record before."""
        self.parked = True
        at = self.finished if at is None else at
        if at is None:
            return
        done = [batch for batch in self.in_flight if batch.done and batch.mark.offset < at]
        if mark is not None:
            done.append(InFlight(at, mark, 0, done=True))
        self.start_at(at)
        self.in_flight.extend(done[-1:])

    def unpark(self, at: int | None) -> None:
        """Read on: at *at*, or where it was parked."""
        self.parked = False
        if at is not None:
            self.rewind(at)
