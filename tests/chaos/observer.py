"""Watches how far the workers have come: how soon after a kill, and the longest standstill."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from walmart_stream import topics
from walmart_stream.settings import Settings

INTERVAL = 0.25

# After that a client that gets no answer is replaced.
ANSWER = 10.0

# From a kill until everything is made up for, with all that comes in between.
LONGEST_RECOVERY = 300.0

Offsets = Mapping[int, int]


class Recovery(NamedTuple):
    """From a kill until everything is made up for; *alone*: nothing else happened meanwhile."""

    what: str
    seconds: float
    alone: bool


class _Waiting(NamedTuple):
    what: str
    at: float
    due: dict[int, int]
    attacks: int


@dataclass
class Observer:
    """Reads the workers' committed offsets of the raw topic.

    *ends* tells, for each partition, the offset after the last record known to be in the log.
    A kill is recovered from when everything that was in the log by then is committed; a partition
    stands still while it has such records and its committed offset does not move (both seconds).
    """

    settings: Settings
    ends: Callable[[], Offsets]
    recoveries: list[Recovery] = field(default_factory=list)
    longest_stop: float = 0.0
    _waiting: list[_Waiting] = field(default_factory=list)
    _attacks: int = 0

    def attacked(self) -> None:
        """Now workers or the broker were attacked, with whatever."""
        self._attacks += 1

    def killed(self, what: str) -> None:
        """Now *what* was killed; this attack was told already."""
        self._waiting.append(_Waiting(what, time.monotonic(), dict(self.ends()), self._attacks))

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until *stop* is set and every kill is recovered from.

        Raises:
            AssertionError: one was not, within LONGEST_RECOVERY.
        """
        moved: dict[int, tuple[int, float]] = {}
        while not (stop.is_set() and not self._waiting):
            # A broker that is down answers nobody: a new client soon finds the others.
            with suppress(KafkaError, OSError, TimeoutError):
                async with self._consumer() as consumer:
                    while not (stop.is_set() and not self._waiting):
                        committed, there = await self._positions(consumer)
                        self._note(committed, there, moved)
                        await asyncio.sleep(INTERVAL)
            await asyncio.sleep(INTERVAL)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer[bytes, bytes]]:
        consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
            bootstrap_servers=list(self.settings.kafka_brokers),
            group_id=self.settings.app_id,
            enable_auto_commit=False,
        )
        try:
            async with asyncio.timeout(ANSWER):
                await consumer.start()
            # It is no member of the group: it only asks.
            consumer.assign(
                [TopicPartition(topics.RAW.name, p) for p in range(self.settings.kafka_partitions)]
            )
            yield consumer
        finally:
            await consumer.stop()

    async def _positions(self, consumer: AIOKafkaConsumer[bytes, bytes]) -> tuple[Offsets, Offsets]:
        """The committed offset of each partition, and the end of its log."""
        tps = sorted(consumer.assignment())
        async with asyncio.timeout(ANSWER):
            found = await asyncio.gather(*(consumer.committed(tp) for tp in tps))
            ends = await consumer.end_offsets(tps)
        committed = {tp.partition: offset or 0 for tp, offset in zip(tps, found, strict=True)}
        return committed, {tp.partition: end for tp, end in ends.items()}

    def _note(
        self, committed: Offsets, there: Offsets, moved: dict[int, tuple[int, float]]
    ) -> None:
        now = time.monotonic()
        for partition, known in self.ends().items():
            offset = committed.get(partition, 0)
            # What a cut took is not waited for.
            end = min(known, there[partition])
            last, since = moved.get(partition, (-1, now))
            if offset != last or offset >= end:
                since = now
            moved[partition] = offset, since
            self.longest_stop = max(self.longest_stop, now - since)
        still = []
        for kill in self._waiting:
            kill.due.update({p: min(end, there[p]) for p, end in kill.due.items()})
            if all(committed.get(partition, 0) >= end for partition, end in kill.due.items()):
                alone = kill.attacks == self._attacks
                self.recoveries.append(Recovery(kill.what, now - kill.at, alone))
            else:
                assert now - kill.at < LONGEST_RECOVERY, (
                    f"not recovered from the kill of a {kill.what}: committed {committed}, "
                    f"due {kill.due}"
                )
                still.append(kill)
        # In place: a kill may be told meanwhile.
        self._waiting[:] = still
