"""The topic of partitions: which of them are parked, and how a person said to go on.

One record for each partition that was ever parked, with the key ``APP_ID:topic:partition``; the
last one counts. Workers write that they have parked a partition, the command line that its owner
may go on. All records are in partition 0, so that a worker knows all of them after one short read.
"""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from walmart_stream import topics
from walmart_stream.kafka.clients import client_options, start
from walmart_stream.kafka.placement import MOST_OFFSETS, MOST_PARTITIONS, STATES, Place
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

SCHEMA = 1

PARKED, RESUMED = "parked", "resumed"

# Ranges that are remembered as passed over. Each took a person, so that more are a mistake; they
# only make the record longer.
MOST_SKIPPED = 100


class PartitionState(NamedTuple):
    """A partition that was parked.

    ``offset`` is where reading goes on: everything before it is processed, or is a dead letter.
    ``at`` is an ISO 8601 time. ``skipped`` are the ranges of offsets (first, end) in which bad
    input is passed over.
    """

    topic: str
    partition: int
    parked: bool
    offset: int
    reason: str
    at: str
    skipped: tuple[tuple[int, int], ...] = ()

    @property
    def place(self) -> Place:
        """Topic and partition."""
        return self.topic, self.partition

    def skips(self, offset: int) -> bool:
        """Whether a person said to pass over bad input at *offset*."""
        return any(first <= offset < end for first, end in self.skipped)

    def stops(self, offset: int) -> bool:
        """Whether the record at *offset* is unprocessed."""
        return self.parked and offset >= self.offset

    def resumed(self, at: str, skip_until: int | None = None) -> PartitionState:
        """As it is once a person said at *at* to go on, past bad input before *skip_until*."""
        skipped = self.skipped
        if skip_until is not None:
            skipped = (*skipped, (self.offset, skip_until))[-MOST_SKIPPED:]
        return self._replace(parked=False, at=at, skipped=skipped)


def key_of(app_id: str, place: Place) -> bytes:
    """The key of the record of *place*."""
    return f"{app_id}:{place[0]}:{place[1]}".encode()


def encode(state: PartitionState) -> bytes:
    """The record's value."""
    fields = state._asdict()
    fields["state"] = PARKED if fields.pop("parked") else RESUMED
    return orjson.dumps({"schema": SCHEMA, **fields})


def decode(value: bytes) -> PartitionState | None:
    """The inverse of :func:`encode`; ``None`` for a value in another form."""
    try:
        fields = orjson.loads(value)
        if fields["schema"] != SCHEMA or fields["state"] not in (PARKED, RESUMED):
            return None
        state = PartitionState(
            str(fields["topic"]),
            int(fields["partition"]),
            fields["state"] == PARKED,
            int(fields["offset"]),
            str(fields["reason"]),
            str(fields["at"]),
            tuple((int(first), int(end)) for first, end in fields["skipped"]),
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    is_place = 0 <= state.partition < MOST_PARTITIONS and 0 <= state.offset < MOST_OFFSETS
    return state if is_place else None


async def read_states(settings: Settings) -> dict[Place, PartitionState]:
    """The last state of each partition that this consumer group has ever parked.

    Raises:
        KafkaError, TimeoutError: the topic cannot be read.
    """
    states: dict[Place, PartitionState] = {}
    with suppress(UnknownTopicOrPartitionError):  # of a release without it
        async for record in read_topic(settings, topics.PARTITIONS.name, partitions=[STATES]):
            state = decode(record.value or b"")
            if state is not None and record.key == key_of(settings.app_id, state.place):
                states[state.place] = state
    return states


async def write_state(settings: Settings, state: PartitionState) -> None:
    """Append *state*; returns when the brokers have acknowledged it.

    Raises:
        KafkaError: it is not acknowledged; writing it again is harmless.
    """
    producer = AIOKafkaProducer(**client_options(settings), acks="all")
    try:
        await start(producer, settings)
        await producer.send_and_wait(
            topics.PARTITIONS.name,
            key=key_of(settings.app_id, state.place),
            value=encode(state),
            partition=STATES,
        )
    finally:
        await producer.stop()
