"""Every bad record of the raw topic must be a dead letter, with its bytes untouched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from walmart_stream import topics
from walmart_stream.audit.misplaced import digest_of
from walmart_stream.audit.report import Comparison
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.reading import decode

# Why something cannot be told.
RECORD_GONE = "of records that the log no longer holds"
READ_TODAY = "refused by another release; this one reads the record (docs/operations.md, Upgrade)"
LETTER_GONE = "they may have been among the dead letters that retention has deleted"

# See walmart_stream.agents.dead_letters: what was too large is cut.
CUT = "x-error-cut"


class BadRecord(NamedTuple):
    """A digest of its key and value, and its Kafka timestamp (epoch ms)."""

    digest: int
    timestamp: int


# By their place in the raw topic: partition and offset.
BadRecords = dict[tuple[int, int], BadRecord]


class DeadLetterCheck:
    """Feed it the dead-letter topic, then :meth:`finish`.

    *starts* and *ends*: first and last offset of what was read of each partition of the raw topic.
    Dead-lettering is at least once: a place that comes again is a repeat, not a difference. Of
    places that a person has *passed_over* (partition, offset) none is due.
    """

    def __init__(
        self,
        bad: BadRecords,
        starts: Mapping[int, int],
        ends: Mapping[int, int],
        passed_over: Callable[[int, int], bool] = lambda partition, offset: False,
    ) -> None:
        self._passed_over = passed_over
        self._bad = bad
        self._starts = starts
        self._ends = ends
        self._found: set[tuple[int, int]] = set()
        self._comparison = Comparison(expected=len(bad))
        self.repeats = 0

    def add(
        self, headers: Iterable[tuple[str, bytes | None]], key: bytes | None, value: bytes | None
    ) -> None:
        """Take the next dead letter; those of other topics than the raw one are passed over."""
        reason: dict[str, str] = {}
        for name, text in headers:
            # Ours come first; what follows are the original record's, which may have the same.
            reason.setdefault(name, (text or b"").decode(errors="replace"))
        if reason.get("x-error-topic") != topics.RAW.name:
            return
        self._comparison.stored += 1
        try:
            place = int(reason["x-error-partition"]), int(reason["x-error-offset"])
        except (KeyError, ValueError):
            self._comparison.add_unexpected("a dead letter without the place it came from")
            return
        name = f"{place[0]}:{place[1]}"
        bad = self._bad.get(place)
        if bad is None:
            partition, offset = place
            if offset >= self._ends.get(partition, 0) and partition in self._ends:
                self._comparison.later += 1
            elif offset < self._starts.get(partition, 0):
                self._comparison.add_untold(RECORD_GONE)
            elif _is_readable(key, value):
                # What the record says is judged with the other results.
                self._comparison.add_untold(READ_TODAY)
            else:
                self._comparison.add_unexpected(name)
        elif bad.digest != digest_of(key, value) and CUT not in reason:
            self._comparison.add_wrong(name, ["original bytes"])
            self._found.add(place)
        elif place in self._found:
            self.repeats += 1
        else:
            self._found.add(place)

    def missing(self) -> Iterable[BadRecord]:
        """The bad records that no dead letter has come of."""
        return (
            bad
            for place, bad in self._bad.items()
            if place not in self._found and not self._passed_over(*place)
        )

    def finish(self, *, letters_lost: bool = False) -> Comparison:
        """The comparison; names are ``partition:offset`` in the raw topic.

        *letters_lost*: retention has deleted dead letters.
        """
        for partition, offset in sorted(self._bad.keys() - self._found):
            if self._passed_over(partition, offset):
                self._comparison.expected -= 1
            elif letters_lost:
                self._comparison.add_untold(LETTER_GONE)
            else:
                self._comparison.add_lost(f"{partition}:{offset}")
        return self._comparison


def _is_readable(key: bytes | None, value: bytes | None) -> bool:
    try:
        decode(key, value)
    except BadInput:
        return False
    return True
