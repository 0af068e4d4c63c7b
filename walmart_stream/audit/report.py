"""The outcome of a verification, counted and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

# Differences named one by one; more help nobody.
EXAMPLES = 20


class Verdict(Enum):
    """The verdict of a verification; the value is the exit code of the command."""

    CLEAN = 0
    NOT_CLEAN = 1
    CANNOT_BE_TOLD = 3


@dataclass(slots=True)
class Comparison:
    """How what is stored differs from what is expected; counts, and the first few by name.

    ``later`` documents stem from observations after the log was read. ``untold`` counts those that
    cannot be judged as a whole, by reason; what of them can be judged is right.
    """

    expected: int = 0
    stored: int = 0
    lost: int = 0
    unexpected: int = 0
    wrong: int = 0
    later: int = 0
    untold: dict[str, int] = field(default_factory=dict)
    first_lost: list[str] = field(default_factory=list)
    first_unexpected: list[str] = field(default_factory=list)
    first_wrong: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        return self.lost + self.unexpected + self.wrong

    @property
    def untold_count(self) -> int:
        return sum(self.untold.values())

    def add_untold(self, why: str) -> None:
        self.untold[why] = self.untold.get(why, 0) + 1

    def add_lost(self, name: str) -> None:
        self.lost += 1
        _note(self.first_lost, name)

    def add_unexpected(self, name: str) -> None:
        self.unexpected += 1
        _note(self.first_unexpected, name)

    def add_wrong(self, name: str, fields: Iterable[str]) -> None:
        self.wrong += 1
        _note(self.first_wrong, f"{name} ({', '.join(sorted(fields))})")


@dataclass(slots=True)
class Report:
    """The log's figures, and a comparison of each collection.

    ``truncated`` are the partitions whose beginning the log no longer holds. ``pending`` records
    wait to be forwarded to their partition; of ``pending_untold`` ones it no longer holds whether
    they were. ``unreadable`` says of batches of the log, by place, why they cannot be read: what
    they hold is not judged. ``waiting`` counts, by partition that is parked, the records that
    nobody has processed.
    """

    observations: int = 0
    bad: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    misplaced: int = 0
    pending: int = 0
    pending_untold: int = 0
    unreadable: dict[str, str] = field(default_factory=dict)
    truncated: list[int] = field(default_factory=list)
    collections: dict[str, Comparison] = field(default_factory=dict)
    dead_letters: Comparison | None = None
    dead_letter_repeats: int = 0
    silent: int = 0
    waiting: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def lost(self) -> int:
        return sum(part.lost for part in self.comparisons().values())

    @property
    def unexpected(self) -> int:
        return sum(part.unexpected for part in self.comparisons().values())

    @property
    def wrong(self) -> int:
        return sum(part.wrong for part in self.comparisons().values())

    @property
    def untold(self) -> int:
        """How many documents, records and batches cannot be judged as a whole."""
        documents = sum(part.untold_count for part in self.comparisons().values())
        return documents + self.pending_untold + len(self.unreadable)

    @property
    def verdict(self) -> Verdict:
        """Not clean if anything differs or waits to be forwarded; else whether all was judged."""
        if self.lost or self.unexpected or self.wrong or self.pending:
            return Verdict.NOT_CLEAN
        return Verdict.CANNOT_BE_TOLD if self.untold else Verdict.CLEAN

    @property
    def is_clean(self) -> bool:
        """No difference, everything judged, and no observation on its way to its partition."""
        return self.verdict is Verdict.CLEAN

    def comparisons(self) -> dict[str, Comparison]:
        """All comparisons by name, that of the dead letters included if there was one."""
        if self.dead_letters is None:
            return self.collections
        return {**self.collections, "dead letters": self.dead_letters}

    def fields(self) -> dict[str, Any]:
        """As JSON."""
        found = asdict(self)
        found["verdict"] = self.verdict.name.lower()
        found["untold"] = self.untold
        # JSON has texts as keys.
        found["waiting"] = {str(partition): count for partition, count in self.waiting.items()}
        return found


def report_lines(report: Report) -> list[str]:
    """*report* for a person, one fact a line."""
    rate = report.observations / report.seconds if report.seconds else 0.0
    lines = [
        f"raw topic: {report.observations} records, {report.applied} applied, "
        f"{report.duplicate} duplicate, {report.late} late, {report.silent} silent, "
        f"{report.bad} bad, "
        f"{report.misplaced} forwarded to their partition"
        + (f"; {report.seconds:.1f} s, {rate:,.0f}/s" if rate else "")
    ]
    if report.truncated:
        lines.append(
            f"the log no longer begins at offset 0 in {len(report.truncated)} partitions: "
            "what was before is not judged"
        )
    for partition, count in sorted(report.waiting.items()):
        lines.append(f"partition {partition} is parked: {count} records wait, and are not compared")
    if report.pending:
        lines.append(f"{report.pending} records wait to be forwarded to their partition")
    if report.pending_untold:
        lines.append(
            f"{report.pending_untold} records in a foreign partition: whether they were forwarded "
            "cannot be told, the log no longer holds it"
        )
    lines += unreadable_lines(report.unreadable)
    for name, part in report.comparisons().items():
        lines += _comparison_lines(name, part)
    if report.dead_letter_repeats:
        lines.append(f"{report.dead_letter_repeats} dead letters came more than once (allowed)")
    lines.append(
        {
            Verdict.CLEAN: "clean",
            Verdict.NOT_CLEAN: "NOT CLEAN",
            Verdict.CANNOT_BE_TOLD: f"CANNOT BE TOLD of {report.untold}; all else is right",
        }[report.verdict]
    )
    return lines


def unreadable_lines(unreadable: Mapping[str, str]) -> list[str]:
    """The batches that cannot be read, by place, the first few one by one."""
    if not unreadable:
        return []
    lines = [f"{len(unreadable)} batches of the log cannot be read: what they hold is not known"]
    lines += [f"  {place}: {why}" for place, why in list(unreadable.items())[:EXAMPLES]]
    if len(unreadable) > EXAMPLES:
        lines.append(f"  and {len(unreadable) - EXAMPLES} more")
    return lines


def _comparison_lines(name: str, part: Comparison) -> list[str]:
    lines = [
        f"{name}: {part.expected} expected, {part.stored} stored, {part.lost} lost, "
        f"{part.unexpected} unexpected, {part.wrong} wrong"
        + (f", {part.untold_count} cannot be told" if part.untold else "")
        + (f", {part.later} later than the log as read" if part.later else "")
    ]
    lines += [f"  cannot be told: {count}, {why}" for why, count in sorted(part.untold.items())]
    for what, count, first in (
        ("lost", part.lost, part.first_lost),
        ("unexpected", part.unexpected, part.first_unexpected),
        ("wrong", part.wrong, part.first_wrong),
    ):
        lines.extend(f"  {what}: {one}" for one in first)
        if count > len(first):
            lines.append(f"  {what}: and {count - len(first)} more")
    return lines


def _note(names: list[str], name: str) -> None:
    if len(names) < EXAMPLES:
        names.append(name)
