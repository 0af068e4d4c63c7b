"""Rounds: who begins when, and with what."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest
from aiokafka import TopicPartition

from tests.hang import DEADLINE
from walmart_stream.runtime.batch_rounds import ENOUGH_FOR_A_BATCH, Lane, Rounds
from walmart_stream.runtime.partitions import InFlight, Mark

A, B, C = (TopicPartition("topic", partition) for partition in range(3))


class Work:
    """Takes all that waits in a lane, and is done with it when the test says so."""

    def __init__(self) -> None:
        self.begun: list[tuple[TopicPartition, int]] = []
        self._begins = asyncio.Event()
        self._gates: defaultdict[TopicPartition, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(0)
        )

    async def __call__(self, tp: TopicPartition, lane: Lane) -> None:
        taken = len(lane)
        self.begun.append((tp, sum(len(records) for _, records in lane)))
        self._begins.set()
        await self._gates[tp].acquire()
        for _ in range(taken):
            lane.popleft()

    def finish(self, *tps: TopicPartition) -> None:
        for tp in tps:
            self._gates[tp].release()

    async def until_begun(self, *expected: tuple[TopicPartition, int]) -> None:
        """Wait until *expected*, in any order, has begun since this was last asked."""
        async with asyncio.timeout(DEADLINE):
            while len(self.begun) < len(expected):
                self._begins.clear()
                await self._begins.wait()
        assert sorted(self.begun) == sorted(expected)
        self.begun.clear()


@pytest.fixture
def work():
    return Work()


@pytest.fixture
async def rounds(work):
    """Rounds that end with the test, whatever is at work."""
    before = asyncio.all_tasks()
    async with asyncio.TaskGroup() as tasks:
        yield Rounds(tasks, work)
        for task in asyncio.all_tasks() - before - {asyncio.current_task()}:
            task.cancel()


def some(
    tp: TopicPartition, count: int = 1
) -> tuple[TopicPartition, tuple[InFlight, list[object]]]:
    """A delivery of *count* records."""
    return tp, (InFlight(0, Mark(count, None), count), [object()] * count)


async def settle() -> None:
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_at_once_begins_at_once(work, rounds):
    """However many partitions a fetch brings something of."""
    for tp in (A, B, C):
        rounds.add(*some(tp))

    await work.until_begun((A, 1), (B, 1), (C, 1))


async def test_what_comes_meanwhile_begins_when_all_of_the_round_are_done(work, rounds):
    """It makes one batch for each partition."""
    rounds.add(*some(A))
    rounds.add(*some(B))
    await work.until_begun((A, 1), (B, 1))
    for tp in (A, A, B, C):
        rounds.add(*some(tp))

    work.finish(A)
    await settle()
    assert work.begun == []
    work.finish(B)

    await work.until_begun((A, 2), (B, 1), (C, 1))


async def test_a_partition_with_enough_waits_for_nobody(work, rounds):
    """Neither if it is new nor if it has just been at work; and the others do not wait for it."""
    rounds.add(*some(A))
    rounds.add(*some(B))
    await work.until_begun((A, 1), (B, 1))

    rounds.add(*some(C, ENOUGH_FOR_A_BATCH))
    await work.until_begun((C, ENOUGH_FOR_A_BATCH))
    rounds.add(*some(A, ENOUGH_FOR_A_BATCH))
    work.finish(A)
    await work.until_begun((A, ENOUGH_FOR_A_BATCH))
    rounds.add(*some(B))
    work.finish(B)

    await work.until_begun((B, 1))


async def test_nobody_waits_for_long_for_one_that_hangs(work, rounds):
    """A partition whose broker is away keeps the others for a moment, and then no more."""
    rounds.add(*some(A))
    await work.until_begun((A, 1))
    rounds.add(*some(A))
    rounds.add(*some(B))

    await work.until_begun((B, 1))
    work.finish(B)
    await settle()
    rounds.add(*some(C))

    await work.until_begun((C, 1))


async def test_a_partition_is_never_at_work_twice(work, rounds):
    """Its work is done in the order in which it came."""
    rounds.add(*some(A, ENOUGH_FOR_A_BATCH))
    await work.until_begun((A, ENOUGH_FOR_A_BATCH))
    rounds.add(*some(A, ENOUGH_FOR_A_BATCH))
    rounds.add(*some(B))
    await work.until_begun((B, 1))
    work.finish(B)
    await settle()
    assert work.begun == []

    work.finish(A)

    await work.until_begun((A, ENOUGH_FOR_A_BATCH))
