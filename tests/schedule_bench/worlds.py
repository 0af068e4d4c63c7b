"""Generated worlds: when each item changes. Seeded; times in seconds from the beginning."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

DAY = 86_400.0

# As in the sandbox: the median item changes every day and a half.
MEDIAN_INTERVAL = 1.5 * DAY
# Nothing changes more often than it may be asked for.
HIGHEST_RATE = 1 / 60

# On a sale day items change this number of times as often.
SALE = 6.0
# How far a rate drifts in a day: the standard deviation of its logarithm.
DRIFT = 0.7


@dataclass(frozen=True, slots=True)
class Course:
    """An item's changes, and its true rate (changes a second) at a time."""

    changes: list[float]
    rate_at: Callable[[float], float]


@dataclass(frozen=True, slots=True)
class World:
    """How rates are drawn, and by what they are multiplied at a time, the highest of it."""

    name: str
    draw: Callable[[Random], float]
    factor: Callable[[Random], tuple[Callable[[float], float], float]]

    def courses(self, items: int, until: float, seed: int) -> list[Course]:
        """The courses of *items* up to *until*."""
        random = Random(f"{self.name}:{seed}")
        return [self._course(random, until) for _ in range(items)]

    def _course(self, random: Random, until: float) -> Course:
        rate = min(HIGHEST_RATE, self.draw(random))
        factor, highest = self.factor(random)
        return Course(
            list(_thinned(random, rate, factor, highest, until)), lambda at: rate * factor(at)
        )


def _thinned(
    random: Random, rate: float, factor: Callable[[float], float], highest: float, until: float
) -> Iterator[float]:
    """A Poisson process of *rate* times *factor*, by thinning one of the highest rate."""
    at = random.expovariate(rate * highest)
    while at < until:
        if highest == 1.0 or random.random() * highest < factor(at):
            yield at
        at += random.expovariate(rate * highest)


def log_normal(sigma: float) -> Callable[[Random], float]:
    """Rates of the sandbox's median, their logarithm spread by *sigma*."""
    return lambda random: random.lognormvariate(-math.log(MEDIAN_INTERVAL), sigma)


def _pareto(random: Random) -> float:
    return random.paretovariate(1.1) / (4 * DAY)


def _steady(random: Random) -> tuple[Callable[[float], float], float]:
    return (lambda at: 1.0), 1.0


def _sale_day(random: Random) -> tuple[Callable[[float], float], float]:
    # Half of the items take part, from the eighth hour of the second day on.
    if random.random() < 0.5:
        return (lambda at: 1.0), 1.0
    return (lambda at: SALE if 1.33 * DAY <= at < 2 * DAY else 1.0), SALE


def _daily(random: Random) -> tuple[Callable[[float], float], float]:
    return (lambda at: 1 + 0.9 * math.sin(2 * math.pi * at / DAY)), 1.9


def _drifting(random: Random) -> tuple[Callable[[float], float], float]:
    steps = [random.gauss(0, DRIFT / 2) for _ in range(12)]
    levels = [math.exp(max(-3.0, min(3.0, sum(steps[: n + 1])))) for n in range(12)]
    return (lambda at: levels[min(11, int(2 * at / DAY))]), max(levels)


WORLDS: Mapping[str, World] = {
    world.name: world
    for world in (
        World("log-normal σ=1", log_normal(1), _steady),
        World("log-normal σ=2", log_normal(2), _steady),
        World("log-normal σ=3", log_normal(3), _steady),
        World("Pareto", _pareto, _steady),
        World("sale day, σ=2", log_normal(2), _sale_day),
        World("daily rhythm, σ=2", log_normal(2), _daily),
        World("drifting rates, σ=2", log_normal(2), _drifting),
        World("all alike", log_normal(0), _steady),
    )
}
