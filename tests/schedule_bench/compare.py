"""Runs every schedule in every world, and sums up over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from tests.schedule_bench.policies import POLICIES
from tests.schedule_bench.simulate import Fleet, Simulation
from tests.schedule_bench.worlds import DAY, WORLDS

# Calls a day for each item: with 10,000 items Walmart's 5,000.
CALLS_PER_ITEM = 0.5

# One day to learn from nothing, one that counts, and time to see its last changes.
SINCE, UNTIL, COURSES = DAY, 2 * DAY, 3 * DAY

# The world in which sizes and fleets are tried.
USUAL = "log-normal σ=2"

FLEETS = {
    "1 partition, 1 worker": Fleet(1, 1),
    "64 partitions, 8 workers": Fleet(64, 8),
    "64 partitions, 8 workers, all killed and reshuffled every 2 h": Fleet(
        64, 8, tuple(7200.0 * number for number in range(1, 24))
    ),
}


def one(
    world: str, policy: str, items: int, seed: int, fleet: Fleet | None = None
) -> dict[str, Any]:
    """The figures of one policy in one world; the same seed is the same world for all."""
    courses = WORLDS[world].courses(items, COURSES, seed)
    run = Simulation(
        courses,
        POLICIES[policy],
        items * CALLS_PER_ITEM,
        SINCE,
        UNTIL,
        fleet,
        knows=policy == "optimum",
    ).run()
    return {"world": world, "policy": policy, "items": items, "seed": seed, **run.figures()}


def worlds(items: int, seeds: int) -> Iterator[dict[str, Any]]:
    """Every policy in every world."""
    for world in WORLDS:
        for seed in range(seeds):
            for policy in POLICIES:
                yield one(world, policy, items, seed)


def sizes(sizes: Sequence[int], seeds: int) -> Iterator[dict[str, Any]]:
    """Watchlists of other sizes with calls in proportion."""
    for items in sizes:
        for seed in range(seeds):
            for policy in ("even", "learning", "optimum"):
                yield one(USUAL, policy, items, seed)


def fleets(items: int, seeds: int) -> Iterator[dict[str, Any]]:
    """The items shared by workers that come and go."""
    for name, fleet in FLEETS.items():
        for seed in range(seeds):
            for policy in ("even", "learning", "optimum"):
                yield {"fleet": name, **one(USUAL, policy, items, seed, fleet)}


def summary(runs: Sequence[dict[str, Any]], by: str) -> dict[str, dict[str, dict[str, float]]]:
    """Group -> policy -> means over seeds, with the ratios to even polling and to the optimum.

    A ratio is the mean of each seed's own, so that a wild seed counts as one.
    """
    groups: dict[str, dict[str, dict[str, float]]] = {}
    means = {(run[by], run["policy"], run["seed"]): run["unseen_mean_s"] for run in runs}
    for group, policy in dict.fromkeys((run[by], run["policy"]) for run in runs):
        its = [run for run in runs if (run[by], run["policy"]) == (group, policy)]
        ratios = [run["unseen_mean_s"] / means[group, "even", run["seed"]] for run in its]
        to_best = [run["unseen_mean_s"] / means[group, "optimum", run["seed"]] for run in its]
        groups.setdefault(str(group), {})[policy] = {
            "unseen_mean_s": round(fmean(run["unseen_mean_s"] for run in its), 1),
            "unseen_p95_s": round(fmean(run["unseen_p95_s"] for run in its), 1),
            "changes_seen_share": round(fmean(run["changes_seen_share"] for run in its), 4),
            "calls": round(fmean(run["calls"] for run in its), 1),
            "items_per_call": round(fmean(run["items_per_call"] for run in its), 2),
            "to_even": round(fmean(ratios), 3),
            "to_even_worst": round(max(ratios), 3),
            "to_optimum": round(fmean(to_best), 3),
        }
    return groups
