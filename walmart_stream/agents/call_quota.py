"""A worker's share of the calls that Walmart grants, and what was used of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from walmart_stream import topics
from walmart_stream.domain.schedule.pace import burst_of
from walmart_stream.domain.schedule.quota import (
    DAY_MS,
    NONE,
    Days,
    Usage,
    decode_usage,
    encode_usage,
    share,
    spread,
)
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.settings import Settings
from walmart_stream.walmart.clock_offset import WalmartClock

# From reserving a call to its last attempt (seconds): a minute of trying again, after a wait for
# the rate, and Walmart's own timeout. So close to midnight a call is charged to both days.
LONGEST_CALL = 120.0


def usage_key(partition: int) -> bytes:
    """Where the polls table keeps the calls that *partition* was charged; no item has this id.

    Another one in each partition: a table in memory is one dict for all of a worker's partitions.
    """
    return b"#calls:%d" % partition


class Reservation(NamedTuple):
    """Calls charged before they are made: partition -> calls, and the days they may fall on."""

    charged: Mapping[int, int]
    days: Days

    @property
    def calls(self) -> int:
        return sum(self.charged.values())


class CallQuota:
    """The daily quota and the rate, by partition.

    Each partition has an equal share of both, so that the shares of all workers add up to no more
    than Walmart grants, whoever owns what. What a partition was charged is kept in the *polls*
    table and goes with it. A worker reserves calls before it makes them: a kill may waste
    what was reserved, but never makes calls forgotten. The day is Walmart's, as *clock* knows it,
    and a call that may fall on either of two days is charged to both.
    """

    def __init__(
        self,
        app: StreamApp,
        polls: AwaitedTable,
        settings: Settings,
        clock: WalmartClock,
    ) -> None:
        self._app = app
        self._polls = polls
        self._per_second = settings.walmart_affiliate_calls_per_second
        self._per_day = settings.walmart_affiliate_daily_calls
        self._partitions = settings.kafka_partitions
        self._clock = clock

    def used(self, partitions: Iterable[int], days_ago: int = 0) -> int:
        """Calls charged to *partitions* today, or *days_ago*: one at most."""
        day = self._clock.now_ms() // DAY_MS - days_ago
        return sum(self._usage(partition).on(day) for partition in partitions)

    def left(self, partitions: Iterable[int]) -> dict[int, int]:
        """Calls that each of *partitions* may still make today."""
        days = self._days()
        return {partition: max(0, self._left(partition, days)) for partition in partitions}

    def rate(self, partitions: set[int]) -> float:
        """Calls a second that *partitions* may make at most."""
        return self._per_second * len(partitions) / self._partitions

    def burst(self, partitions: set[int]) -> float:
        """Calls that *partitions* may make at once after a quiet time."""
        return max(1.0, burst_of(self._per_day) * len(partitions) / self._partitions)

    def pace(self, partitions: set[int]) -> float:
        """Calls a second that *partitions* can keep up until midnight (UTC), all limits together.

        Never more than an even spread over the day; less where calls were lost to failures, so
        that a bad hour makes the rest of the day slower instead of dark.
        """
        to_midnight = (DAY_MS - self._clock.now_ms() % DAY_MS) / 1000
        evenly = self._per_day * len(partitions) / self._partitions / (DAY_MS / 1000)
        left = sum(self.left(partitions).values()) / to_midnight
        return min(self.rate(partitions), evenly, left)

    def quiet_since(self, partitions: set[int]) -> int | None:
        """The time of the last call charged to any of *partitions* (epoch ms); ``None``: never."""
        return max((self._usage(each).at for each in partitions), default=0) or None

    async def reserve(self, calls: int, partitions: set[int]) -> Reservation:
        """Charge *calls*, or as many as are left, before they are made."""
        days = self._days()
        left = {each: max(0, self._left(each, days)) for each in partitions}
        charged = spread(min(calls, sum(left.values())), left)
        await self._charge(charged, days)
        return Reservation(charged, days)

    async def settle(self, reservation: Reservation, made: int) -> None:
        """Give back the reserved calls but those that were *made*."""
        back = spread(max(0, reservation.calls - made), reservation.charged)
        await self._charge({each: -calls for each, calls in back.items()}, reservation.days)

    async def _charge(self, calls: Mapping[int, int], days: Days) -> None:
        at = self._clock.now_ms()
        owned = self._app.owned(topics.RAW.name)
        await asyncio.gather(
            *(
                self._polls.write(
                    partition,
                    {
                        usage_key(partition): encode_usage(
                            self._usage(partition).plus(more, days, at)
                        )
                    },
                    self._app.outbox(),
                )
                for partition, more in calls.items()
                if partition in owned
            )
        )

    def _days(self) -> Days:
        doubt = self._clock.uncertainty
        return Days.around(self._clock.now_ms(), doubt, doubt + LONGEST_CALL)

    def _left(self, partition: int, days: Days) -> int:
        usage = self._usage(partition)
        return min(self._share(partition, day) - usage.on(day) for day in days)

    def _share(self, partition: int, day: int) -> int:
        # Another partition's turn every day: where there are more partitions than calls, none
        # goes without for ever.
        return share(self._per_day, (partition + day) % self._partitions, self._partitions)

    def _usage(self, partition: int) -> Usage:
        value = self._polls.read(partition, usage_key(partition))
        return NONE if value is None else decode_usage(value)
