"""The pasts that a log may have had whose beginning is lost.

What comes out the same whichever of them was can be told, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from msgspec.structs import replace

from walmart_stream.domain.apply import Entry
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN, Offer
from walmart_stream.domain.reading.box_reasons import Badges, Compared, Insight
from walmart_stream.domain.reading.observation import AFFILIATE, Observation
from walmart_stream.domain.reading.seller_observation import NOBODY, SOMEBODY, BoxSight, OwnSight

# Of what was before the log: no offset of it is in the log.
BEFORE = -1
# The records at a log's beginning whose timestamps say when it begins: one alone may be wrong.
FIRST_RECORDS = 10


class Past(Enum):
    """The observations that may have been made before the log begins."""

    NOTHING = "nothing"
    OTHER = "everything was otherwise"
    SAME = "everything was as it is first seen to be"


class Horizon(NamedTuple):
    """Where a log begins that has lost its beginning.

    ``start`` is its first offset, and no record before it was observed after ``until`` (epoch ms).
    """

    start: int
    until: int

    @classmethod
    def of(cls, start: int, first_times: Sequence[int], ahead: int, now: int) -> Horizon | None:
        """The horizon of a log that begins at offset *start*; ``None``: it has all that ever was.

        Whatever stood before has older timestamps than the first :data:`FIRST_RECORDS` (epoch ms),
        as far as the clocks of producers agree, and no observation is further *ahead* (ms) of its
        timestamp. Of an empty log anything may have been until *now*.
        """
        if not start:
            return None
        times = [min(one, now) for one in first_times]
        return cls(start, max(times) + 2 * ahead if times else now)


def after(
    past: Past, entries: Iterable[Entry], horizon: Horizon, offers: set[str]
) -> Iterator[Entry]:
    """*entries* as they follow upon *past*, which ends at the horizon."""
    if past is Past.NOTHING:
        yield from entries
        return
    told: set[str] = set()
    for entry in entries:
        observation = entry.observation
        if observation.observed_at <= horizon.until:
            continue  # it may have come too late
        if observation.source not in told:
            told.add(observation.source)
            before = replace(observation, observed_at=horizon.until)
            if past is Past.OTHER:
                before = _otherwise(before, offers)
            yield Entry(before, replace(entry.source, offset=BEFORE))
        yield entry


def _otherwise(observation: Observation, offers: set[str]) -> Observation:
    """*observation* as if all of it had been different."""
    sight = observation.sight
    names = set(observation.offers) | {name for name in offers if name != OWN}
    if observation.source == AFFILIATE:
        names = {FEATURED, MARKETPLACE}
    else:
        names -= {FEATURED, MARKETPLACE}
    if sight is not None:
        box = sight.box
        holder = NOBODY if box is not None and box.holder == SOMEBODY else SOMEBODY
        sight = replace(
            sight,
            own=OwnSight(True, OTHER.price_cents, OTHER.shipping_cents, OTHER.seller),
            box=BoxSight(holder, None, True),
            complete=False,
            insight=Insight(OTHER.price_cents),
            insight_of=None,
            compared=Compared(Badges(speed="otherwise")),
        )
    return replace(
        observation,
        name="another name",
        offers=dict.fromkeys(names, OTHER),
        sight=sight,
    )


# As no offer is: near the highest price that there can be.
OTHER = Offer(9_876_543_210, 9_876_543, 9_876_542, True, "another seller")
