"""Rates from censored sights, and the prior that all items make."""

from __future__ import annotations

import math
import operator
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.schedule.looks import seen
from walmart_stream.domain.schedule.rates import (
    Population,
    Prior,
    bin_of,
    digamma,
    estimate,
    rate_of,
)
from walmart_stream.domain.schedule.sights import UNSEEN, Sights

DAY = 86_400.0
WIDE = Prior(0.5, 1 / DAY)


def log_posterior(rate: float, sights: Sights, prior: Prior) -> float:
    """The logarithm of the density of log λ, written down from its definition."""
    found = prior.shape * math.log(rate) - prior.shape / prior.mean * rate - sights.quiet * rate
    if sights.changed:
        distance = math.exp(sights.distance)
        found += sights.changed * math.log(-math.expm1(-rate * distance))
    return found


@given(
    st.builds(
        Sights,
        seen=st.just(1),
        changed=st.sampled_from([0.0, 0.3, 1.0, 7.5, 400.0]),
        distance=st.floats(4, 12),
        quiet=st.sampled_from([0.0, 60.0, 8640.0, 1e6]),
    ),
    st.sampled_from([Prior(0.05, 1e-6), WIDE, Prior(3, 1e-3), Prior(20, 1e-5)]),
)
def test_the_estimate_is_the_mean_of_the_posterior(sights: Sights, prior: Prior) -> None:
    """Within a tenth of the integral over all rates, by the definition instead of a root."""
    rates = [math.exp(number / 20) for number in range(-6000, 100)]
    logs = [log_posterior(rate, sights, prior) for rate in rates]
    best = max(logs)
    weights = [math.exp(one - best) for one in logs]
    mean = sum(map(operator.mul, weights, rates)) / sum(weights)

    assert estimate(sights, prior)[0] == pytest.approx(min(1.0, max(1e-9, mean)), rel=0.1)


def test_an_item_without_sights_is_taken_for_an_average_one() -> None:
    """It has the mean rate: what it may cost to leave it alone."""
    assert estimate(UNSEEN, WIDE)[0] == pytest.approx(1 / DAY)


def test_quiet_lowers_a_rate_and_changes_raise_it() -> None:
    """The more of them the more; an item that changed at every look changes faster still."""
    quiet = [estimate(seen(*[(8640, False)] * n), WIDE)[0] for n in (0, 1, 5, 20)]
    busy = [estimate(seen(*[(8640, True)] * n), WIDE)[0] for n in (1, 5, 20)]

    assert quiet == sorted(quiet, reverse=True)
    assert busy == sorted(busy)
    assert busy[-1] > 1 / 8640


@pytest.mark.parametrize("rate", [0.2 / 8640, 1 / 8640, 3 / 8640])
def test_a_rate_is_found_again_from_what_polls_can_see(rate: float) -> None:
    """Though several changes between two polls look like one: 2,000 polls, to 10 %."""
    random = Random(7)
    number, distance, quiet = 0, 0.0, 0.0
    for _ in range(2000):
        gap = random.uniform(4000, 13_000)
        if random.random() < -math.expm1(-rate * gap):
            number, distance = number + 1, distance + math.log(gap)
        else:
            quiet += gap

    found = estimate(Sights(1, number, distance / number, quiet), WIDE)[0]

    assert found == pytest.approx(rate, rel=0.1)


@pytest.mark.parametrize("shape", [0.3, 1.0, 5.0])
def test_the_prior_is_learned_from_all_items(shape: float) -> None:
    """Ten thousand items whose rates are drawn from a Gamma distribution and known well."""
    random = Random(3)
    population = Population()
    counts = Counter(
        population.note(max(1e-12, random.gammavariate(shape, 1 / shape / DAY)), 1000.0)
        for _ in range(10_000)
    )

    prior = population.prior(counts, WIDE)

    assert prior.shape == pytest.approx(shape, rel=0.15)
    assert prior.mean == pytest.approx(1 / DAY, rel=0.05)


def test_a_worker_without_items_keeps_its_prior() -> None:
    """One that gives all its partitions away goes on with what it had learned."""
    assert Population().prior({}, WIDE) == WIDE


@given(st.floats(1e-9, 1.0))
def test_a_bin_is_as_wide_as_an_eighth_of_a_root(rate: float) -> None:
    """The root of a rate, which polls follow, is off by a sixteenth at most."""
    assert rate_of(bin_of(rate)) ** 0.5 == pytest.approx(rate**0.5, rel=0.065)


def test_digamma_has_its_known_values() -> None:
    """Minus Euler's constant at one, and the recurrence everywhere."""
    assert digamma(1) == pytest.approx(-0.5772156649, abs=1e-6)
    for x in (0.05, 0.3, 2.5, 40.0):
        assert digamma(x + 1) - digamma(x) == pytest.approx(1 / x, abs=1e-6)
