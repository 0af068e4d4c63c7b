"""The memory of an item's sights: how often it had changed, over what distances.

A sight tells whether an item changed since the sight before, never how often: it is censored. The
chance that an item of rate λ is found changed after *d* seconds is ``1 - exp(-λd)``; unchanged,
``exp(-λd)``. So the unchanged distances count by their sum, exactly, and the changed ones by their
number and their geometric mean, exactly as long as λd is small and closely where it is not.
"""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

# Seconds after which a sight counts half. Longer knows slow items better, shorter follows items
# whose rate drifts; three days lose less than 2 % against never forgetting in worlds that stay.
HALF_LIFE = 3 * 86_400.0

# Milliseconds by which an event may lie ahead of this worker's clock: as far as an observation may
# lie ahead of its record (OBSERVATION_MAX_AHEAD), and clocks of machines are apart.
EVENT_AHEAD_MS = 300_000

# Two sights closer than this (seconds) are one: rounding would make distances of nothing.
SHORTEST_DISTANCE = 0.001


class Sight(NamedTuple):
    """An item was seen at a time (epoch ms); whether it had changed, and is offered by us.

    ``event``: when Walmart told of a change by itself, in this batch; 0: it did not. ``near``: a
    price of it is near what a rule of alerts waits for.
    """

    item_id: str
    at: int
    changed: bool
    own: bool
    event: int = 0
    near: bool = False


class Sights(NamedTuple):
    """An item's sights so far, the later ones counting more.

    ``seen``: time of the last one (epoch ms; 0: never). ``changed``: number of those that found a
    change, and ``distance`` the logarithm of their mean distance (seconds) to the one before;
    ``quiet``: the sum of the distances (seconds) of those that found none. ``own``: 1 where the
    seller offers the item himself. ``told``: when an event last told of a change (epoch ms), 0
    where none does. ``near``: 1 where a price is near what a rule of alerts waits for.
    """

    seen: int = 0
    changed: float = 0.0
    distance: float = 0.0
    quiet: float = 0.0
    own: int = 0
    told: int = 0
    near: int = 0

    def after(self, at: int, *, changed: bool, own: bool, near: bool = False) -> Sights:
        """With the sight at *at* (epoch ms); one that is not newer changes nothing.

        So a log that is read again is not counted again.
        """
        if at <= self.seen:
            return self
        gap = (at - self.seen) / 1000
        if not self.seen or gap < SHORTEST_DISTANCE:
            return self._replace(seen=at, own=int(own), near=int(near))
        kept = exp(-log(2) / HALF_LIFE * gap)
        count, quiet = self.changed * kept, self.quiet * kept
        if not changed:
            return Sights(at, count, self.distance, quiet + gap, int(own), self.told, int(near))
        distance = (count * self.distance + log(gap)) / (count + 1)
        # Found by a poll without an event before it: this item sends none.
        told = self.told if self.told > self.seen else 0
        return Sights(at, count + 1, distance, quiet, int(own), told, int(near))


UNSEEN = Sights()
