"""The whole program with even polling and with learning, in turn, by the sandbox's own account."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, NamedTuple

EVEN, LEARNING = "even", "learning"

# Calls of the two runs of a pair that differ by more (share) compare machines, not schedules.
SAME_CALLS = 0.03
# Pairs are repeated where a busy machine has kept one run from its calls, up to this multiple.
MOST_ATTEMPTS = 2

FIGURES = ("calls", "changes_seen_share", "unseen_mean_s", "unseen_p95_s")


class Stack(NamedTuple):
    """Arguments of ``walmart-stream local``, the same for all runs."""

    items: int
    seconds: int
    speed: float


class Pair(NamedTuple):
    """One run of each schedule in the same market."""

    seed: int
    even: Mapping[str, Any]
    learning: Mapping[str, Any]

    @property
    def ratio(self) -> float:
        """The mean time that changes went unseen: learning's over even polling's."""
        return float(self.learning["unseen_mean_s"]) / float(self.even["unseen_mean_s"])

    @property
    def is_fair(self) -> bool:
        """Whether both made the same calls, and lost nothing."""
        calls = self.learning["calls"] / self.even["calls"]
        clean = not any(run[name] for run in (self.even, self.learning) for name in _FAULTS)
        return abs(calls - 1) <= SAME_CALLS and clean


_FAULTS = ("lost", "duplicated", "wrong")


def pairs(wanted: int, stack: Stack) -> Iterator[Pair]:
    """Pairs of runs until *wanted* of them are fair; the one that begins takes turns."""
    fair = 0
    for seed in range(1, 1 + MOST_ATTEMPTS * wanted):
        order = (EVEN, LEARNING) if seed % 2 else (LEARNING, EVEN)
        runs = {schedule: _run(schedule, seed, stack) for schedule in order}
        pair = Pair(seed, runs[EVEN], runs[LEARNING])
        yield pair
        fair += pair.is_fair
        if fair == wanted:
            return


def summary(found: Sequence[Pair]) -> dict[str, Any]:
    """The figures of all pairs; of the fair ones the ratio, and its spread."""
    ratios = [pair.ratio for pair in found if pair.is_fair]
    return {
        "pairs": [
            {
                "seed": pair.seed,
                "fair": pair.is_fair,
                "ratio": round(pair.ratio, 3),
                EVEN: {name: pair.even[name] for name in FIGURES},
                LEARNING: {name: pair.learning[name] for name in FIGURES},
            }
            for pair in found
        ],
        "fair": len(ratios),
        "ratio_mean": round(fmean(ratios), 3) if ratios else None,
        "ratio_sd": round(stdev(ratios), 3) if len(ratios) > 1 else None,
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)] if ratios else None,
    }


def _run(schedule: str, seed: int, stack: Stack) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            *(sys.executable, "-m", "walmart_stream", "local"),
            *("--for", str(stack.seconds), "--items", str(stack.items), "--workers", "1"),
            *("--speed", f"{stack.speed:g}", "--seed", str(seed), "--json", str(report)),
        ]
        environment = {**os.environ, "POLL_SCHEDULE": schedule, "DATA_DIR": f"{folder}/data"}
        done = subprocess.run(
            command, env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
        if not report.is_file():
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        figures: dict[str, Any] = json.loads(report.read_text("utf-8"))
        return figures
