"""Estimates how often items change, from censored sights and from what the other items do.

An item's rate λ (changes a second) is taken to be drawn from a Gamma distribution, the prior, whose
two numbers are learned over all items of the worker (empirical Bayes). The estimate is the mean of
λ given the item's sights, which the cost of a late poll is proportional to. It begins with the
mode of the logarithm of λ, the root of

    shape - (shape / mean + quiet) λ + changed · h(λ · distance),   h(y) = y / (exp(y) - 1)

Where nothing was censored that is the mean. Where sights were, the mean is higher, to the second
order (Laplace's method) by the share changed · y² h''(y) / (2 s²), with -s the second derivative of
the logarithm of λ's density at the mode. Without it the busiest items of a wide distribution are
asked for too rarely.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, expm1, log
from typing import NamedTuple

from walmart_stream.domain.schedule.sights import Sights

# Rates (changes a second) that can be told apart: once in thirty years to once in a second.
LOWEST_RATE, HIGHEST_RATE = 1e-9, 1.0

# Newton steps at most, each of the logarithm of the rate. The start is exact to the second order
# where an item was seen often, and two steps do; where it had changed at every look, a dozen. After
# one below the second number the rate is right to its square, far better than a bin is wide.
STEPS = 30
EXACT = 0.02
LARGEST_STEP = 2.0

# The share by which a mean is above its mode at most: the second order means little beyond that.
MOST_SKEW = 1.0

# Rates are counted in bins of this width (natural logarithm): the square root within 6 %.
BIN_WIDTH = 0.25

# Spreads of rates that a prior can have: from one rate for all to ten orders of magnitude.
LEAST_SHAPE, MOST_SHAPE = 0.05, 20.0

# How fast a bin's shape follows its items.
SHAPE_STEP = 0.2


class Prior(NamedTuple):
    """The Gamma distribution that rates are drawn from: ``mean`` in changes a second."""

    shape: float
    mean: float


def estimate(sights: Sights, prior: Prior) -> tuple[float, float]:
    """The rate of an item with *sights* under *prior*: (changes a second, shape).

    The shape is that of the rate's distribution: how sure it is.
    """
    prior_shape, mean = prior
    _, changed, distance, quiet, _, _, _ = sights
    pull = prior_shape / mean + quiet
    if changed < 1e-6:
        return _bounded(prior_shape / pull), prior_shape
    distance = exp(distance)
    value = (prior_shape + changed) / (pull + changed * distance / 2)
    for _ in range(STEPS):
        y = value * distance
        h = y / expm1(y) if y < 700 else 0.0
        bend = h * (h + y - 1)
        pulled = pull * value
        shape = pulled + changed * bend
        step = (prior_shape - pulled + changed * h) / shape
        if -EXACT < step < EXACT:
            # The step is the error, to the first order; the next one would be its square.
            value *= 1 + step
            break
        if not -LARGEST_STEP <= step <= LARGEST_STEP:
            step = LARGEST_STEP if step > 0 else -LARGEST_STEP
        value *= exp(step)
    skew = changed * (bend * (2 * h + y) - h * y) / (2 * shape * shape)
    value *= 1 + (skew if skew < MOST_SKEW else MOST_SKEW)
    if not LOWEST_RATE <= value <= HIGHEST_RATE:
        value = _bounded(value)
    return value, shape


def bin_of(rate: float) -> int:
    """The bin that *rate* is counted in."""
    return round(log(rate) / BIN_WIDTH)


def rate_of(number: int) -> float:
    """The rate in the middle of a bin."""
    return exp(number * BIN_WIDTH)


class Population:
    """The shapes of the estimates by rate, and the prior that items of such rates make.

    The Gamma distribution with the greatest likelihood is the one that has their mean and their
    mean logarithm; the logarithm of an estimate is lowered by what its uncertainty takes (the
    expectation step of EM; Minka, Estimating a Gamma distribution, 2002, for the shape).
    """

    def __init__(self) -> None:
        self._shapes: dict[int, float] = {}

    def note(self, rate: float, shape: float) -> int:
        """An estimated *rate* has this *shape*; the bin that it is counted in."""
        number = round(log(rate) / BIN_WIDTH)
        known = self._shapes.get(number, shape)
        self._shapes[number] = known + SHAPE_STEP * (shape - known)
        return number

    def prior(self, counts: Mapping[int, int], before: Prior) -> Prior:
        """The prior that the items make, *counts* of them by bin; *before* where there are none."""
        total = mean = logs = 0.0
        for number, count in counts.items():
            shape = self._shapes.get(number, before.shape)
            total += count
            mean += count * rate_of(number)
            logs += count * (number * BIN_WIDTH + digamma(shape) - log(shape))
        if not total:
            return before
        mean, logs = mean / total, logs / total
        spread = max(1e-3, log(mean) - logs)
        shape = (3 - spread + ((spread - 3) ** 2 + 24 * spread) ** 0.5) / (12 * spread)
        return Prior(min(MOST_SHAPE, max(LEAST_SHAPE, shape)), _bounded(mean))


def digamma(x: float) -> float:
    """The derivative of the logarithm of the gamma function, for *x* > 0, to 1e-6."""
    result = 0.0
    while x < 6:
        result -= 1 / x
        x += 1
    square = 1 / (x * x)
    return result + log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - square / 252))


def _bounded(rate: float) -> float:
    return min(HIGHEST_RATE, max(LOWEST_RATE, rate))
