"""Floods of bad input in one partition, and the person who lets it go on afterwards."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from walmart_stream import topics
from walmart_stream.commands import partitions
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.partition_states import read_states
from walmart_stream.kafka.placement import Place
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.settings import Settings

T = TypeVar("T")

# Bad records of a flood, and how many of a partition's last ones park it. Batches have up to 2000,
# so that a flood of more leaves some for the person to decide on.
FLOOD = 5000
LIMIT = 500

# From a flood until its partition is parked, while workers, brokers and database die (seconds).
LONGEST = 240.0
INTERVAL = 0.5


class Floods:
    """Floods partitions of a pipeline with *settings*."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._attended: set[Place] = set()

    async def attend(self) -> None:
        """Until cancelled, let go on what is parked again: a log that is cut is read again, and
        with it a flood that was passed once."""
        while True:
            states = await self._stubbornly(lambda: read_states(self._settings))
            for place, state in states.items():
                if state.parked and place not in self._attended:
                    await self._stubbornly(partial(self._resume, place, None))
            await asyncio.sleep(INTERVAL)

    async def flood(self, partition: int, seconds: float, *, skip: bool) -> None:
        """Flood *partition*; *seconds* after it was parked, let it go on.

        Past the rest of the flood with *skip*, else through it, as often as that takes.

        Raises:
            AssertionError: it was not parked, or has not gone on.
        """
        place = topics.RAW.name, partition
        self._attended.add(place)
        await self._stubbornly(lambda: self._produce(partition))
        end = await self._end(place)
        parked = await self._until(place, end, parked_at=None)
        assert parked, f"partition {partition} was not parked by a flood"
        await asyncio.sleep(seconds)
        while parked:
            # A cut may have taken the flood's own end.
            end = min(end, await self._end(place))
            until = end if skip else None
            at = await self._stubbornly(partial(self._resume, place, until))
            parked = await self._until(place, end, parked_at=at)
        self._attended.discard(place)

    async def _produce(self, partition: int) -> None:
        producer = AIOKafkaProducer(**client_options(self._settings), acks="all")
        try:
            await producer.start()
            sent = [
                await producer.send(topics.RAW.name, b"flood %d" % n, b"%d" % n, partition)
                for n in range(FLOOD)
            ]
            await asyncio.gather(*sent)
        finally:
            await producer.stop()

    async def _end(self, place: Place) -> int:
        ends = await self._stubbornly(lambda: end_offsets(self._settings, place[0]))
        return ends[place[1]]

    async def _resume(self, place: Place, until: int | None) -> int:
        """Where it stood."""
        name = f"{place[0]}:{place[1]}"
        now = time.time_ns() // 1_000_000
        state = (await read_states(self._settings))[place]
        if state.parked:
            skip = until if until is not None and until > state.offset else None
            await partitions.resume(self._settings, [name], skip_bad_until=skip, clock=lambda: now)
        return state.offset

    async def _until(self, place: Place, end: int, *, parked_at: int | None) -> bool:
        """Wait until *place* is parked, or, once it was *parked_at*, past the flood's *end*."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            state = (await self._stubbornly(lambda: read_states(self._settings))).get(place)
            if state is not None and state.parked:
                return True
            past = min(end, await self._end(place))
            is_past = partial(self._is_past, place, past)
            if parked_at is not None and await self._stubbornly(is_past):
                return False
            await asyncio.sleep(INTERVAL)
        raise AssertionError(f"{place} has not gone on from {parked_at}")

    async def _is_past(self, place: Place, end: int) -> bool:
        # It is no member of the group: it only asks.
        consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
            **client_options(self._settings),
            group_id=self._settings.app_id,
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            consumer.assign([TopicPartition(*place)])
            return (await consumer.committed(TopicPartition(*place)) or 0) >= end
        finally:
            await consumer.stop()

    async def _stubbornly(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Brokers are killed meanwhile: what fails is asked again."""
        while True:
            try:
                return await ask()
            except (KafkaError, OSError, TimeoutError):
                await asyncio.sleep(INTERVAL)
