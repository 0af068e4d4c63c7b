"""Computes the figures of a report from its runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Report = dict[str, Any]


def per_second(runs: Sequence[Report]) -> list[float]:
    """Records a second of each run."""
    return [run["messages"] / run["seconds"] for run in runs]


def cpu_per_100k(runs: Sequence[Report]) -> list[float]:
    """CPU seconds per 100,000 records of each run."""
    return [run["cpu_seconds"] / run["messages"] * 1e5 for run in runs]


def of_subject(runs: Iterable[Report], name: str) -> list[Report]:
    """The runs of one subject."""
    return [run for run in runs if run["subject"] == name]
