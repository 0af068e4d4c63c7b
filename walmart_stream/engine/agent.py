"""Agents that handle batches, and acknowledge one only after its handler has returned; timers.

What either of them raises must be an infrastructure failure, for bad input is dead-lettered: the
process ends at once, and its supervisor starts another one, which begins where this one stopped.
(In Faust an agent's exception acknowledges its message, and a timer's everything in flight.)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from faust.types import TP

from walmart_stream.engine.consumer import BatchConsumer
from walmart_stream.runtime.batch_rounds import Delivery, Lane, Rounds
from walmart_stream.runtime.failure import end_process
from walmart_stream.runtime.partitions import Mark


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition in log order.

    They are aiokafka's, with key, value, offset, timestamp (epoch ms) and headers.
    """

    topic: str
    partition: int
    records: list[Any]


class Park(Exception):
    """A handler's way to say: everything before *offset* is done, and nobody may read on.

    The partition waits there, across rebalances, until :meth:`StreamApp.unpark`; the others go on.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset


logger = logging.getLogger(__name__)

Handler = Callable[[Batch], Awaitable[None]]


def batch_agent(
    app: Any, topic: Any, name: str, handle: Handler, *, took: Callable[[float], None]
) -> None:
    """Register a Faust agent on *topic* that hands its batches to *handle*.

    A batch counts as processed when *handle* returns; offsets are committed no further. Batches of
    a partition come one after the other, and those of different partitions side by side, since
    most of a batch's time is waiting for a broker or a database (see :class:`Rounds`). What comes
    meanwhile is the next batch. *took* is told the seconds of every batch.
    """

    async def run(stream: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            rounds = Rounds(tasks, work_off)
            async for event in stream.noack().events():
                for tp, delivery in event.value:
                    rounds.add(tp, delivery)

    async def work_off(tp: TP, lane: Lane) -> None:
        await app.flow_control.acquire()
        if deliveries := _take(app.consumer, tp, lane, app.max_batch):
            await process(tp, deliveries)

    async def process(tp: TP, deliveries: Sequence[Delivery]) -> None:
        consumer: BatchConsumer = app.consumer
        records = deliveries[0][1]
        if len(deliveries) > 1:
            records = [record for _, part in deliveries for record in part]
        consumer.begin()
        started = time.monotonic()
        try:
            await handle(Batch(tp.topic, tp.partition, records))
            for in_flight, _ in deliveries:
                consumer.finish(tp, in_flight)
        except Park as park:
            if consumer.holds(tp, deliveries[0][0]):
                done = [record for record in records if record.offset < park.offset]
                consumer.park(tp, str(park), park.offset, Mark.of(done[-1]) if done else None)
        except Exception as exc:
            if not app.should_stop:
                end_process(f"agent {name} failed: {type(exc).__name__}")
            # It did not end within the time for that, and now what it needs is closed. It is not
            # acknowledged: whoever has the partition next repeats it.
            logger.info("agent %s did not finish a batch: %s", name, type(exc).__name__)
        finally:
            consumer.end()
        took(time.monotonic() - started)

    run.__name__ = run.__qualname__ = name
    app.agent(topic, name=name, concurrency=1)(run)


def _take(consumer: BatchConsumer, tp: TP, lane: Lane, limit: int) -> list[Delivery]:
    """Take the first deliveries out of a lane, up to *limit* records.

    A rebalance drops what has not begun, like everything else that is queued then.
    """
    records = 0
    held: list[Delivery] = []
    while lane:
        in_flight, part = lane[0]
        if consumer.holds(tp, in_flight):
            if held and records + len(part) > limit:
                break
            records += len(part)
            held.append(lane[0])
        lane.popleft()
    return held


def timer(app: Any, seconds: float, name: str, tick: Callable[[], Awaitable[None]]) -> None:
    """Have *tick* called every *seconds* seconds, from when the tables are restored."""

    async def run() -> None:
        try:
            await tick()
        except Exception as exc:
            if app.should_stop:
                # Faust stops the producer before the timers. What was not sent is done by whoever
                # has the partition next.
                logger.info("timer %s did not finish: %s", name, type(exc).__name__)
                return
            end_process(f"timer {name} failed: {type(exc).__name__}")

    run.__name__ = run.__qualname__ = name
    app.timer(seconds)(run)
