"""A compacted topic that is followed while callers ask for its content.

Everybody who asks shares one consumer, which has no group. Whatever number of callers come and go,
there is never more under way than this one reading.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Mapping
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError

from walmart_stream.kafka.reading import (
    EMPTY_ANSWERS,
    FETCH_WAIT_MS,
    STALL_TIMEOUT,
    assigned_consumer,
    fetch,
    partitions_of,
)
from walmart_stream.runtime.partitions import Mark
from walmart_stream.runtime.unpacking import leave_as_decoded
from walmart_stream.settings import Settings

# Seconds without a question, after which what was read is forgotten. A person who pages through
# a list takes less between two pages.
IDLE = 60.0

# Records that are taken at a time: some 3 ms of the event loop.
AT_ONCE = 1_000

# Seconds, after which a topic that is asked about all the time must show the last records that
# were read: one that was made again, and filled beyond where reading stood, looks like one that has
# grown.
PROVEN = 3600.0

# Answers of the broker for each partition, after a question, that must have brought nothing: the
# first of them may have been on its way before. More where the log seems to go on.
QUIET = 2

Take = Callable[[bytes | None, bytes | None], None]


class LogBeganAnew(KafkaError):  # type: ignore[misc]  # untyped
    """The topic was made again, or lost its end; it is read from its beginning next time."""


class Followed:
    """Follows *topic*. Its records are taken by what *begin* gives, from the first one on.

    *begin* is called again when nobody has asked for *idle* seconds, so that nothing is kept, and
    when the topic was made again, which is noticed after *proven* seconds at the latest. The broker
    holds a fetch that finds nothing for *wait_ms*: whoever asks waits for three of these or so.
    Each costs some 0.5 ms of CPU, so there are none in between.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        begin: Callable[[], Take],
        idle: float = IDLE,
        proven: float = PROVEN,
        wait_ms: int = FETCH_WAIT_MS,
    ) -> None:
        self._settings = settings
        self._topic = topic
        self._begin = begin
        self._idle = idle
        self._proven = proven
        self._wait_ms = wait_ms
        self._task: asyncio.Task[None] | None = None
        self._asked: list[asyncio.Future[Take]] = []
        self._is_asked = asyncio.Event()

    async def catch_up(self) -> Take:
        """Returns what has taken all that the topic held when this was called.

        Raises:
            KafkaError, OSError, TimeoutError: the topic cannot be read.
        """
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        answer = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._is_asked.set()
        async with asyncio.timeout(STALL_TIMEOUT):
            take: Take = await answer
            return take

    async def stop(self) -> None:
        """Ends the reading."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        # Somebody may ask while the consumer is being closed.
        while self._asked:
            waiting: list[asyncio.Future[Take]] = []
            try:
                tps = await partitions_of(self._settings, self._topic)
                async with assigned_consumer(
                    self._settings, tps, wait_ms=self._wait_ms
                ) as consumer:
                    await consumer.seek_to_beginning(*tps)
                    await self._read(consumer, tps, waiting)
            except Exception as exc:
                for answer in (*waiting, *self._asked):
                    if not answer.done():
                        answer.set_exception(exc)
                self._asked.clear()
            finally:
                self._begin()

    async def _read(
        self,
        consumer: AIOKafkaConsumer[bytes, bytes],
        tps: list[TopicPartition],
        waiting: list[asyncio.Future[Take]],
    ) -> None:
        take = self._begin()
        taken = _Taken()
        proven = last_asked = time.monotonic()
        progress = _Progress()
        while self._asked or waiting or time.monotonic() - last_asked < self._idle:
            if not self._asked and not waiting:
                self._is_asked.clear()
                consumer.pause(*tps)
                with suppress(TimeoutError):
                    left = last_asked + self._idle - time.monotonic()
                    await asyncio.wait_for(self._is_asked.wait(), left)
                consumer.resume(*tps)
                continue
            if not waiting:
                waiting += self._asked
                self._asked.clear()
                last_asked = time.monotonic()
                if last_asked - proven > self._proven:
                    proven = last_asked
                    taken.read_again(consumer)
                progress = _Progress({tp: consumer.last_poll_timestamp(tp) for tp in tps})
            if not consumer.partitions_for_topic(self._topic):
                # The client would ask for its partitions until the topic is there again.
                raise UnknownTopicOrPartitionError(f"there is no topic {self._topic}")
            # Before fetching: what an answer had brought by then, fetching gives.
            answered = {tp: consumer.last_poll_timestamp(tp) for tp in tps}
            leave_as_decoded(consumer)
            fetched = await fetch(consumer, *tps, wait_ms=self._wait_ms, most=AT_ONCE)
            for tp, records in fetched.items():
                for record in taken.new(tp, records):
                    take(record.key, record.value)
            progress.add(answered, fetched)
            if waiting and progress.is_quiet(tps) and await progress.is_proven(consumer, tps):
                await taken.check(consumer)
                for answer in waiting:
                    if not answer.done():  # who has hung up is done
                        answer.set_result(take)
                waiting.clear()
            await asyncio.sleep(0)


class _Taken:
    """The last record of each partition that was taken: the log must hold it, or a later one."""

    def __init__(self) -> None:
        self._last: dict[TopicPartition, Mark] = {}
        # Partitions of which it is read once more.
        self._again: set[TopicPartition] = set()

    def read_again(self, consumer: AIOKafkaConsumer[bytes, bytes]) -> None:
        """Have *consumer* fetch these records once more."""
        for tp, last in self._last.items():
            consumer.seek(tp, last.offset)
            self._again.add(tp)

    def new(
        self, tp: TopicPartition, records: list[ConsumerRecord[bytes, bytes]]
    ) -> list[ConsumerRecord[bytes, bytes]]:
        """Those of *records* that were not taken yet.

        Raises:
            LogBeganAnew: they stand where others were.
        """
        last, first = self._last.get(tp), records[0]
        if last is not None and first.offset <= last.offset:
            if tp not in self._again or Mark.of(first) != last:
                raise LogBeganAnew(f"{tp} is at {first.offset} after {last.offset}")
            records = records[1:]
        self._again.discard(tp)
        if records:
            self._last[tp] = Mark.of(records[-1])
        return records

    async def check(self, consumer: AIOKafkaConsumer[bytes, bytes]) -> None:
        """Look where *consumer* stands, which has come to the end.

        Raises:
            LogBeganAnew: before a record that was taken. A topic that was made again and is empty
                has none to see that by.
        """
        for tp, last in self._last.items():
            # A last record that says that its key is gone can be gone itself.
            least = last.offset if tp in self._again else last.offset + 1
            if (position := await consumer.position(tp)) < least:
                raise LogBeganAnew(f"{tp} is at {position} after {last.offset}")
        self._again.clear()


class _Progress:
    """How many answers each partition has had, since a question, that brought nothing."""

    def __init__(self, before: dict[TopicPartition, int | None] | None = None) -> None:
        self._counted = before or {}
        self._quiet: dict[TopicPartition, int] = {}

    def add(
        self, answered: Mapping[TopicPartition, int | None], fetched: Container[TopicPartition]
    ) -> None:
        """Count what was fetched after those answers had arrived."""
        for tp, at in answered.items():
            if tp in fetched:
                self._quiet[tp] = 0
            elif at != self._counted.get(tp):
                self._counted[tp] = at
                self._quiet[tp] = self._quiet.get(tp, 0) + 1

    def is_quiet(self, tps: list[TopicPartition]) -> bool:
        return all(self._quiet.get(tp, 0) >= QUIET for tp in tps)

    async def is_proven(
        self, consumer: AIOKafkaConsumer[bytes, bytes], tps: list[TopicPartition]
    ) -> bool:
        """Whether nothing is left up to the end that the last answer for each partition named."""
        for tp in tps:
            if self._quiet.get(tp, 0) < EMPTY_ANSWERS:
                end = consumer.highwater(tp)
                if end is None or await consumer.position(tp) < end:
                    return False
        return True
