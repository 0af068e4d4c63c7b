"""Ratios within one run: what holds on any machine, while seconds belong to the one measured on.

Each round measures everything once. So a ratio is taken within each round, and the median of these
is reported: what else the machine did meanwhile met both sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from tests.bench.figures import Report, cpu_per_100k, of_subject, per_second
from tests.bench.subject import OURS

BOTH = "walmart-stream-both"


class Ratio(NamedTuple):
    """*of* over *over*, in each round."""

    of: str
    over: str
    rounds: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.rounds)


def ratios(report: Report) -> Iterator[Ratio]:
    """All ratios that the figures of *report* allow, those of each broker apart."""
    for broker in dict.fromkeys(run["broker"] for run in report["throughput"]):
        runs = [run for run in report["throughput"] if run["broker"] == broker]
        ours = of_subject(runs, OURS.name)
        if not ours:
            continue
        where = f" on {broker}"
        floors = [one["whole_job"] / 10 for one in report["floor"]]
        yield from _ratio("CPU of a worker" + where, "the floor", cpu_per_100k(ours), floors)
        for name in dict.fromkeys(run["subject"] for run in runs if run["subject"] != OURS.name):
            its = of_subject(runs, name)
            if name == BOTH:
                yield from _ratio(
                    "throughput of both stages" + where,
                    "stage one",
                    per_second(its),
                    per_second(ours),
                )
                continue
            title = report["titles"][name]
            yield from _ratio(
                "throughput of a worker" + where, title, per_second(ours), per_second(its)
            )
            yield from _ratio(
                "CPU of a worker" + where, title, cpu_per_100k(ours), cpu_per_100k(its)
            )
    for broker in dict.fromkeys(one["broker"] for one in report["latency"]):
        found = [one for one in report["latency"] if one["broker"] == broker]
        bare = [one["broker_p50"] for one in found]
        for place, title in (("web", "the web view"), ("mongodb", "MongoDB")):
            median_times = [one[f"{place}_p50"] for one in found]
            yield from _ratio(f"p50 to {title} on {broker}", "a bare consumer", median_times, bare)


def _ratio(of: str, over: str, one: Sequence[float], other: Sequence[float]) -> Iterator[Ratio]:
    rounds = [a / b for a, b in zip(one, other, strict=False) if b]
    if rounds:
        yield Ratio(of, over, rounds)
