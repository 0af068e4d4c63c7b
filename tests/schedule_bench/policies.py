"""Schedules that the learning one is compared with, in the same queue under the same quota."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import exp

from walmart_stream.domain.schedule.learning import LEVELS, LearningSchedule, kind_of
from walmart_stream.domain.schedule.poll import Poll
from walmart_stream.domain.schedule.rates import bin_of, rate_of
from walmart_stream.domain.schedule.uniform import Schedule, UniformSchedule

# As other tools have them: asked for four times as often where there was a change in the last six
# polls' worth of time, a quarter as often where there was none for long.
TIERS = (16.0, 4.0, 1.0)


class Knowing(LearningSchedule):
    """The optimum: knows the true rate, which the simulator puts in place of the distance."""

    def kind(self, poll: Poll, level: int = 0) -> int:
        return kind_of(bin_of(exp(poll.sights.distance)))


class Proportional(LearningSchedule):
    """Asks in proportion to the rate, estimated as changes seen by the time looked at."""

    def kind(self, poll: Poll, level: int = 0) -> int:
        sights = poll.sights
        time = sights.quiet + sights.changed * exp(sights.distance)
        return kind_of(bin_of((sights.changed + 0.5) / (time + self.even)))

    def root(self, kind: int) -> float:
        return rate_of(kind // LEVELS)


class Tiers(LearningSchedule):
    """Three fixed tiers by the share of the polls that found a change."""

    def kind(self, poll: Poll, level: int = 0) -> int:
        sights = poll.sights
        time = sights.quiet + sights.changed * exp(sights.distance)
        if not sights.changed:
            return kind_of(1 if time < 6 * self.even else 2)
        share = sights.changed * exp(sights.distance) / time
        return kind_of(0 if share > 0.5 else 1 if share > 0.1 else 2)

    def root(self, kind: int) -> float:
        return TIERS[kind // LEVELS]


POLICIES: Mapping[str, Callable[[float, float], Schedule]] = {
    "even": UniformSchedule,
    "tiers": Tiers,
    "proportional": Proportional,
    "learning": LearningSchedule,
    "optimum": Knowing,
}
