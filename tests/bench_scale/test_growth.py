"""The growth that the bench of sizes states, and the sizes that it takes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from tests.bench_scale.__main__ import growth, lines, main

SIZES = {
    "100000": {"memory_mib": 200.0, "idle_cores": 0.06, "livez_p99_ms": 9.0},
    "10000": {"memory_mib": 110.0, "idle_cores": 0.04, "livez_p99_ms": 0.0},
    "1000000": {"memory_mib": 1076.6796875, "idle_cores": 0.1, "livez_p99_ms": 12.0},
}


def test_growth_is_the_largest_over_the_smallest_size() -> None:
    """Memory of an item is what it takes beyond a worker with few; nothing is divided by 0."""
    assert growth(SIZES) == {"memory_mib": 9.79, "idle_cores": 2.5, "kib_per_item": 1.0}


def test_the_table_has_a_row_for_each_figure() -> None:
    """As Markdown, for docs/performance.md."""
    shown = lines({"sizes": SIZES, "growth": growth(SIZES), "load_before": 1.5})

    assert shown[0] == "| | 100,000 | 10,000 | 1,000,000 | times |"
    assert "| idle_cores | 0.06 | 0.04 | 0.1 | 2.5 |" in shown
    assert any("1 KiB" in line for line in shown)


@pytest.mark.parametrize("sizes", ["", "10 000", "1e6", "0", "10,-5"])
def test_sizes_that_cannot_be_measured_are_refused(sizes) -> None:
    """With the form that is right, before anything starts."""
    done = CliRunner().invoke(main, ["--sizes", sizes])

    assert (done.exit_code, "Invalid value for '--sizes': must be" in done.stderr) == (2, True)


def test_an_item_cannot_have_more_observations_than_there_are() -> None:
    """There would be no item at all."""
    done = CliRunner().invoke(main, ["--sizes", "10,100", "--each", "11"])

    assert (done.exit_code, "Invalid value for '--each': must be 10" in done.stderr) == (2, True)
