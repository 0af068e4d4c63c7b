"""The differences of one item, and the rules by which it is judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from walmart_stream.audit.course import Document
from walmart_stream.audit.report import Comparison
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import OFFERS

# Why something cannot be told.
BEFORE_THE_LOG = "of observations that the log no longer holds"
NEEDS_THE_PAST = "they depend on observations that the log no longer holds"
WAITS = "their results wait in a parked partition"
UNREADABLE = "the log has batches that this program cannot read"


@dataclass(frozen=True, slots=True)
class Scope:
    """The rules by which an item is judged.

    Everything from before the offset ``lower`` must be stored, unless only the clock (``now``,
    epoch ms) closes it; what is stored stems from before ``upper``. ``place``: topic and partition.
    """

    place: tuple[str, int]
    rules: Rules
    now: int
    lower: int
    upper: int
    horizon: Horizon | None = None


@dataclass(slots=True)
class Findings:
    """The differences of one item, before they are counted: it may have moved while it was read.

    ``lost``, ``unexpected``: (collection, name); ``wrong``: (collection, name, fields).
    """

    expected: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    stored: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lost: list[tuple[str, str]] = field(default_factory=list)
    unexpected: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, set[str]]] = field(default_factory=list)
    untold: list[tuple[str, str]] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.lost or self.unexpected or self.wrong)

    def set_waiting(self) -> None:
        """Count the differences as not to be told that results make which nobody has stored yet."""
        missing = [*self.lost, *((collection, name) for collection, name, _ in self.wrong)]
        self.untold += [(collection, WAITS) for collection, _ in missing]
        self.lost, self.wrong = [], []

    def set_doubtful(self) -> None:
        """Count the differences as not to be told: others may have read what we cannot."""
        wrong = ((collection, name) for collection, name, _ in self.wrong)
        found = [*self.lost, *self.unexpected, *wrong]
        self.untold += [(collection, UNREADABLE) for collection, _ in found]
        self.lost, self.unexpected, self.wrong = [], [], []

    def add_to(self, collections: Mapping[str, Comparison]) -> None:
        """Count everything in the comparison of its collection."""
        for name, count in self.expected.items():
            collections[name].expected += count
        for name, count in self.stored.items():
            collections[name].stored += count
        for collection, name in self.lost:
            collections[collection].add_lost(name)
        for collection, name in self.unexpected:
            collections[collection].add_unexpected(name)
        for collection, name, fields in self.wrong:
            collections[collection].add_wrong(name, fields)
        for collection, why in self.untold:
            collections[collection].add_untold(why)

    def compare(
        self, collection: str, name: str, stored: Document, due: Sequence[Document | None]
    ) -> bool:
        """Note the fields of *stored* that are wrong by all that is *due*; whether all is told."""
        candidates = [one for one in due if one is not None]
        if len(candidates) == 1 < len(due):
            return False  # one past alone proves nothing
        first = candidates[0]
        keys = set(stored.keys()).union(*candidates)
        told = {key for key in keys if all(is_equal(first, one, key) for one in candidates[1:])}
        wrong = {key for key in told if not is_equal(first, stored, key)}
        if collection == OFFERS and "revision" not in stored:
            wrong.discard("revision")  # a document of the first release
        is_told = len(candidates) == len(due) and told == keys
        if is_told or wrong:
            self.expected[collection] += 1
        if wrong:
            self.wrong.append((collection, name, wrong))
        return is_told or bool(wrong)

    def note_untold(
        self, collection: str, name: str, faults: set[str], *, lost: bool = False
    ) -> None:
        """Note that a stored document cannot be judged as a whole, or what it contradicts."""
        if faults:
            self.wrong.append((collection, name, faults))
        else:
            self.untold.append((collection, BEFORE_THE_LOG if lost else NEEDS_THE_PAST))

    def lose(self, collection: str, required: Iterable[str]) -> None:
        """Note documents that must be stored and are not."""
        for name in sorted(required):
            self.expected[collection] += 1
            self.lost.append((collection, name))


def is_equal(due: Mapping[str, Any], stored: Mapping[str, Any], key: str) -> bool:
    """Equal in value and type: 5 is not 5.0 in the database, nor is 1 true."""
    absent = object()
    return _is_same(due.get(key, absent), stored.get(key, absent))


def _is_same(due: Any, stored: Any) -> bool:
    if isinstance(due, dict) and isinstance(stored, dict):
        return due.keys() == stored.keys() and all(_is_same(due[k], stored[k]) for k in due)
    return due.__class__ is stored.__class__ and bool(due == stored)
