"""Ages of what is seen, of each worker and of all together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.freshness import QUANTILES, freshness, together


def test_a_small_worker_says_the_age_of_every_item() -> None:
    """In order; those never seen are counted."""
    assert freshness([3.04, None, 1.0], 3) == {
        "items": 3,
        "sampled": 3,
        "never": 1,
        "ages_s": [1.0, 3.0],
    }


@given(st.lists(st.integers(0, 10**6), min_size=QUANTILES + 1, max_size=300))
def test_a_large_one_says_some_with_the_oldest(ages) -> None:
    """Evenly spaced: no more than fit."""
    said = freshness(ages, 10**6)["ages_s"]

    assert len(said) == QUANTILES
    assert said == sorted(said)
    assert said[-1] == round(max(ages), 1)


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(0, 10**5)), max_size=60), max_size=4))
def test_together_small_workers_are_as_one(parts) -> None:
    """Every item counts once, and the middle one is the median."""
    ages = sorted(age for part in parts for age in part if age is not None)

    found = together(freshness(part, len(part)) for part in parts)

    assert found["items"] == found["sampled"] == sum(map(len, parts))
    assert found["never"] == found["items"] - len(ages)
    assert found["oldest_s"] == (ages[-1] if ages else None)
    assert found["median_s"] == (ages[(len(ages) - 1) // 2] if ages else None)
    assert sum(bar["items"] for bar in found["histogram"]) == len(ages)


def test_a_sample_stands_for_all_items() -> None:
    """A worker of a hundred times the items counts a hundred times."""
    found = together([freshness([10.0] * 10, 1_000), freshness([100_000.0, None], 10)])

    bars = {bar["up_to_s"]: bar["items"] for bar in found["histogram"]}
    assert (found["items"], found["sampled"], found["never"]) == (1_010, 12, 5)
    assert (bars[60], bars[None]) == (1_000, 5)
    assert (found["median_s"], found["oldest_s"]) == (10.0, 100_000.0)


@pytest.mark.parametrize("parts", [[], [freshness([], 0)]])
def test_without_items_there_are_no_ages(parts) -> None:
    """Null, not 0."""
    found = together(parts)

    assert (found["median_s"], found["p95_s"], found["oldest_s"]) == (None, None, None)
