"""The outcome of a verification, counted and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# Differences named one by one; more help nobody.
EXAMPLES = 20


@dataclass(slots=True)
class Comparison:
    """How what is stored differs from what is expected; counts, and the first few by name."""

    expected: int = 0
    stored: int = 0
    lost: int = 0
    unexpected: int = 0
    wrong: int = 0
    later: int = 0
    first_lost: list[str] = field(default_factory=list)
    first_unexpected: list[str] = field(default_factory=list)
    first_wrong: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        return self.lost + self.unexpected + self.wrong

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
    """The outcome of a verification: the log's figures, and a comparison of each collection.

    ``waiting`` counts, by partition that is parked, the records that nobody has processed.
    """

    observations: int
    bad: int
    applied: int
    duplicate: int
    late: int
    misplaced: int
    pending: int
    truncated: list[int]
    collections: dict[str, Comparison]
    dead_letters: Comparison | None = None
    dead_letter_repeats: int = 0
    silent: int = 0
    waiting: dict[int, int] = field(default_factory=dict)

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
    def is_clean(self) -> bool:
        """No difference, and no observation still on its way to its partition."""
        return not (self.lost or self.unexpected or self.wrong or self.pending)

    def comparisons(self) -> dict[str, Comparison]:
        """All comparisons by name, that of the dead letters included if there was one."""
        if self.dead_letters is None:
            return self.collections
        return {**self.collections, "dead letters": self.dead_letters}


def report_lines(report: Report) -> list[str]:
    """*report* for a person, one fact a line."""
    lines = [
        f"raw topic: {report.observations} records, {report.applied} applied, "
        f"{report.duplicate} duplicate, {report.late} late, {report.silent} silent, "
        f"{report.bad} bad, "
        f"{report.misplaced} forwarded to their partition"
    ]
    if report.truncated:
        lines.append(
            f"the log no longer starts at offset 0 in {len(report.truncated)} partitions: "
            "differences may come from what retention has deleted"
        )
    for partition, count in sorted(report.waiting.items()):
        lines.append(f"partition {partition} is parked: {count} records wait, and are not compared")
    if report.pending:
        lines.append(f"{report.pending} records wait to be forwarded to their partition")
    for name, part in report.comparisons().items():
        lines.append(
            f"{name}: {part.expected} expected, {part.stored} stored, {part.lost} lost, "
            f"{part.unexpected} unexpected, {part.wrong} wrong"
            + (f", {part.later} later than the log as read" if part.later else "")
        )
        for what, count, first in (
            ("lost", part.lost, part.first_lost),
            ("unexpected", part.unexpected, part.first_unexpected),
            ("wrong", part.wrong, part.first_wrong),
        ):
            lines.extend(f"  {what}: {one}" for one in first)
            if count > len(first):
                lines.append(f"  {what}: and {count - len(first)} more")
    if report.dead_letter_repeats:
        lines.append(f"{report.dead_letter_repeats} dead letters came more than once (allowed)")
    lines.append("clean" if report.is_clean else "NOT CLEAN")
    return lines


def _note(names: list[str], name: str) -> None:
    if len(names) < EXAMPLES:
        names.append(name)
