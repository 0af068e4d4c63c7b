"""Schedules a topic's partitions: in shared rounds while backlogs are small, else independently.

Most of what a small batch costs is what every batch costs: requests to the brokers and their
answers, above all. Partitions that begin together share these.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import TopicPartition

from walmart_stream.runtime.partitions import InFlight

Delivery = tuple[InFlight, list[Any]]
Lane = deque[Delivery]

# A partition with this backlog does not wait for others: they are a batch already.
ENOUGH_FOR_A_BATCH = 100

# Seconds after which those who wait for a round to end begin without it.
LONGEST_ROUND = 0.05


class Rounds:
    """Has *work_off* do what waits in a partition, never twice at once for the same one.

    *work_off* is given the partition and its lane, and takes out of it what it does. All
    partitions that have something begin a round at once; when the last of them is done, all that
    have something then begin the next one.
    """

    def __init__(
        self, tasks: asyncio.TaskGroup, work_off: Callable[[TopicPartition, Lane], Awaitable[None]]
    ) -> None:
        self._tasks = tasks
        self._work_off = work_off
        self._lanes: defaultdict[TopicPartition, Lane] = defaultdict(deque)
        self._at_work: set[TopicPartition] = set()
        # Of those, who is in the present round; empty between two of them.
        self._round: set[TopicPartition] = set()
        self._is_due = False

    def add(self, tp: TopicPartition, delivery: Delivery) -> None:
        """*delivery* is the next one of partition *tp*."""
        self._lanes[tp].append(delivery)
        if tp in self._at_work:
            return
        if self._has_enough(tp):
            self._begin(tp, set())
        elif not self._round and not self._is_due:
            # Not at once: the same fetch may have brought something of other partitions.
            self._is_due = True
            self._tasks.create_task(self._begin_due_round())

    def _has_enough(self, tp: TopicPartition) -> bool:
        return sum(len(records) for _, records in self._lanes[tp]) >= ENOUGH_FOR_A_BATCH

    async def _begin_due_round(self) -> None:
        self._is_due = False
        self._begin_round()

    def _begin_round(self) -> None:
        if self._round:
            return
        self._round = {tp for tp, lane in self._lanes.items() if lane and tp not in self._at_work}
        if self._round:
            self._tasks.create_task(self._limit(self._round))
        for tp in self._round:
            self._begin(tp, self._round)

    async def _limit(self, this_round: set[TopicPartition]) -> None:
        # A partition whose leader is away, or whose batch is hard, keeps the others no longer.
        await asyncio.sleep(LONGEST_ROUND)
        if self._round is this_round:
            self._round = set()
            self._begin_round()

    def _begin(self, tp: TopicPartition, its_round: set[TopicPartition]) -> None:
        self._at_work.add(tp)
        self._tasks.create_task(self._work(tp, its_round))

    async def _work(self, tp: TopicPartition, its_round: set[TopicPartition]) -> None:
        lane = self._lanes[tp]
        while True:
            await self._work_off(tp, lane)
            its_round.discard(tp)
            if not self._has_enough(tp):
                break
            self._begin_round()
        self._at_work.discard(tp)
        self._begin_round()
