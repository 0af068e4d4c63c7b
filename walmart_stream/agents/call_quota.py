"""A worker's share of the calls that Walmart grants, and what was used of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from walmart_stream import topics
from walmart_stream.domain.schedule import (
    DAY_MS,
    Usage,
    decode_usage,
    encode_usage,
    share,
    spread,
)
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.settings import Settings


def usage_key(partition: int) -> bytes:
    """Where the polls table keeps the calls that *partition* was charged; no item has this id.

    Another one in each partition: a table in memory is one dict for all of a worker's partitions.
    """
    return b"#calls:%d" % partition


class CallQuota:
    """The daily quota and the rate, by partition. *clock* gives epoch milliseconds.

    Each partition has an equal share of both, so that the shares of all workers add up to no more
    than Walmart grants, whoever owns what. What a partition was charged today is kept in the
    *polls* table and goes with it. A worker reserves calls before it makes them: a kill may waste
    what was reserved, but never makes calls forgotten.
    """

    def __init__(
        self,
        app: StreamApp,
        polls: AwaitedTable,
        settings: Settings,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._polls = polls
        self._per_second = settings.walmart_affiliate_calls_per_second
        self._per_day = settings.walmart_affiliate_daily_calls
        self._partitions = settings.kafka_partitions
        self._clock = clock

    def used(self, partitions: Iterable[int]) -> int:
        """Calls charged to *partitions* today."""
        now = self._clock()
        return sum(self._usage(partition).today(now) for partition in partitions)

    def left(self, partitions: Iterable[int]) -> dict[int, int]:
        """Calls that each of *partitions* may still make today."""
        now = self._clock()
        # Another partition's turn every day: where there are more partitions than calls, none
        # goes without for ever.
        turn = now // DAY_MS
        return {
            partition: max(
                0,
                share(self._per_day, (partition + turn) % self._partitions, self._partitions)
                - self._usage(partition).today(now),
            )
            for partition in partitions
        }

    def rate(self, partitions: set[int]) -> float:
        """Calls a second that *partitions* may make at most."""
        return self._per_second * len(partitions) / self._partitions

    def pace(self, partitions: set[int]) -> float:
        """Calls a second that *partitions* can keep up until midnight (UTC), all limits together.

        Never more than an even spread over the day; less where calls were lost to failures, so
        that a bad hour makes the rest of the day slower instead of dark.
        """
        to_midnight = (DAY_MS - self._clock() % DAY_MS) / 1000
        evenly = self._per_day * len(partitions) / self._partitions / (DAY_MS / 1000)
        left = sum(self.left(partitions).values()) / to_midnight
        return min(self.rate(partitions), evenly, left)

    async def reserve(self, calls: int, partitions: set[int]) -> dict[int, int]:
        """Charge *calls*, or as many as are left, before they are made: partition -> calls."""
        left = self.left(partitions)
        reserved = spread(min(calls, sum(left.values())), left)
        await self._charge(reserved)
        return reserved

    async def settle(self, reserved: Mapping[int, int], made: int) -> None:
        """Of what was *reserved*, give back all but the calls *made*."""
        rest = sum(reserved.values()) - made
        # More than was reserved are made only where midnight has come between.
        difference = spread(abs(rest), reserved) if reserved else {}
        sign = 1 if rest < 0 else -1
        await self._charge({partition: sign * calls for partition, calls in difference.items()})

    async def _charge(self, calls: Mapping[int, int]) -> None:
        now = self._clock()
        owned = self._app.owned(topics.RAW.name)
        await asyncio.gather(
            *(
                self._polls.write(
                    partition,
                    {usage_key(partition): encode_usage(self._usage(partition).plus(more, now))},
                    self._app.outbox(),
                )
                for partition, more in calls.items()
                if partition in owned
            )
        )

    def _usage(self, partition: int) -> Usage:
        value = self._polls.read(partition, usage_key(partition))
        return Usage(0, 0) if value is None else decode_usage(value)
