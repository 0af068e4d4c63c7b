"""The bench of schedules, small: its figures are whole, and learning is worth it."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from tests.schedule_bench.__main__ import main
from tests.schedule_bench.end_to_end import Pair, summary
from tests.schedule_bench.fuzz import Fuzz
from tests.schedule_bench.policies import POLICIES
from tests.schedule_bench.simulate import Simulation
from tests.schedule_bench.worlds import DAY, WORLDS


def test_the_bench_writes_figures_tables_and_a_plot(tmp_path: Path) -> None:
    """They cover every world, every schedule, sizes, fleets and the cost."""
    names = ["figures.json", "tables.md", "plot.svg"]
    figures_file, tables, plot = (tmp_path / name for name in names)
    arguments = [
        "--items",
        "100",
        "--seeds",
        "1",
        "--size",
        "40",
        "--cost-items",
        "500",
        "--fuzz-runs",
        "1",
    ]
    arguments += ["--json", str(figures_file), "--markdown", str(tables), "--plot", str(plot)]

    done = CliRunner().invoke(main, arguments, catch_exceptions=False)

    assert done.exit_code == 0
    figures = json.loads(figures_file.read_text("utf-8"))
    assert figures["worlds"].keys() == WORLDS.keys()
    assert all(its.keys() == POLICIES.keys() for its in figures["worlds"].values())
    assert figures["sizes"].keys() == {"40"}
    assert figures["cost"]["items"] == 500
    assert "| log-normal σ=2 |" in tables.read_text("utf-8")
    assert plot.read_text("utf-8").startswith("<svg")


def test_learning_sees_changes_sooner_with_the_same_calls() -> None:
    """After a day, in the world of the sandbox; far from chance, and no call more."""
    courses = WORLDS["log-normal σ=2"].courses(600, 3 * DAY, seed=1)
    runs = {
        policy: Simulation(courses, POLICIES[policy], 300, DAY, 2 * DAY).run()
        for policy in ("even", "learning")
    }

    even, learning = (runs[policy].figures() for policy in ("even", "learning"))

    assert learning["unseen_mean_s"] < 0.7 * even["unseen_mean_s"]
    assert learning["changes_seen_share"] > even["changes_seen_share"]
    assert learning["calls"] <= even["calls"] + 5
    assert learning["items_per_call"] == 20


def test_no_trouble_exceeds_a_budget_or_leaves_an_item_behind() -> None:
    """Crashes, rebalances, clock steps, imports, outages and a midnight; others in the bench."""
    faults = {seed: Fuzz(seed).run().faults for seed in range(10)}

    assert not any(faults.values()), faults


def test_pairs_end_to_end_compare_schedules_only_where_both_made_their_calls() -> None:
    """A busy machine that keeps one run from its calls says nothing of schedules; nor does a run
    that lost something."""
    even = {
        "calls": 1000,
        "changes_seen_share": 0.5,
        "unseen_mean_s": 1000.0,
        "unseen_p95_s": 3000.0,
        "lost": 0,
        "duplicated": 0,
        "wrong": 0,
    }
    learning = even | {"calls": 1020, "unseen_mean_s": 500.0}
    pairs = [
        Pair(1, even, learning),
        Pair(2, even, learning | {"unseen_mean_s": 400.0}),
        Pair(3, even | {"calls": 700}, learning | {"unseen_mean_s": 10.0}),
        Pair(4, even, learning | {"lost": 1}),
    ]

    found = summary(pairs)

    assert [pair["fair"] for pair in found["pairs"]] == [True, True, False, False]
    assert (found["fair"], found["ratio_mean"], found["ratio_range"]) == (2, 0.45, [0.4, 0.5])
    assert summary(pairs[2:])["ratio_mean"] is None
