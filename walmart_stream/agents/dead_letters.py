"""Dead letters: the original bytes of what could not be processed, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from walmart_stream import topics
from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.outbox import Headers, Outbox
from walmart_stream.kafka.clients import MAX_DEAD_LETTER_BYTES
from walmart_stream.kafka.partition_states import PartitionState
from walmart_stream.kafka.placement import Place
from walmart_stream.metrics import Metrics

# Enough to see the reason; the original bytes are there too.
MAX_MESSAGE = 500

# What our headers and the batch around a record take of a dead letter, in bytes: some 3 KiB where
# every character of the message takes four. More would cut records that fit.
ROOM_FOR_REASON = 8 * 1024

# What is kept of a key or a value that fits no record, in bytes: a compressed record of the raw
# topic can be a thousand times as large. Enough to recognise it; the rest is in its own topic.
KEPT_OF_LARGE = 64 * 1024

# Header of a dead letter that is cut; the value says how many bytes key and value had.
CUT = "x-error-cut"


class DeadLetters:
    """The dead letters of one worker: written, counted, or left out where a person said so."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counts: Counter[Place] = Counter()
        self._states: dict[Place, PartitionState] = {}

    def begin(self, place: Place, state: PartitionState | None) -> None:
        """A batch of *place* begins; *state* knows what a person said to pass over there."""
        self._counts[place] = 0
        if state is not None and state.skipped:
            self._states[place] = state
        else:
            self._states.pop(place, None)

    def add(self, outbox: Outbox, batch: Batch, record: Any, stage: str, error: Exception) -> None:
        """Put *record* of *batch* into *outbox* for the dead letters, or pass over it."""
        place = batch.topic, batch.partition
        if self.passes_over(place, record.offset):
            self._metrics.passed_over.labels(stage).inc()
            return
        add_dead_letter(outbox, *place, record, stage, error)
        self._metrics.dead_letters.labels(stage).inc()
        self._counts[place] += 1

    def passes_over(self, place: Place, offset: int) -> bool:
        """Whether a person said to pass over bad input there."""
        state = self._states.get(place)
        return state is not None and state.skips(offset)

    def count(self, place: Place) -> int:
        """How many of the present batch of *place* there are so far."""
        return self._counts[place]

    def recount(self, place: Place, count: int) -> None:
        """All but *count* of the present batch come once more."""
        self._counts[place] = count


class Collects(Protocol):
    """An outbox, or what collects records like one."""

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None: ...


def add_dead_letter(
    outbox: Collects,
    topic: str,
    partition: int,
    record: Any,
    stage: str,
    error: Exception,
    *,
    to: int | None = None,
) -> None:
    """Put *record*, consumed from a *partition* of *topic*, into *outbox* for the dead letters.

    It goes to the partition that it came from, or to *to*, with its headers after ours. One that
    is larger than the topic takes is cut, and loses its own headers.
    """
    reason = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
        "stage": stage,
        "class": type(error).__name__,
        "message": str(error)[:MAX_MESSAGE],
    }
    headers = [
        (f"x-error-{name}", text.encode("utf-8", "replace")) for name, text in reason.items()
    ]
    key, value, theirs = record.key, record.value, record.headers
    if _size(key, value, theirs) > MAX_DEAD_LETTER_BYTES - ROOM_FOR_REASON:
        sizes = f"key {len(key or b'')}, value {len(value or b'')}"
        headers.append((CUT, sizes.encode()))
        key = None if key is None else key[:KEPT_OF_LARGE]
        value = None if value is None else value[:KEPT_OF_LARGE]
        theirs = ()
    outbox.add(
        topics.DEAD_LETTERS.name,
        key,
        value,
        partition=partition if to is None else to,
        headers=[*headers, *theirs],
    )


def _size(
    key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
) -> int:
    named = sum(len(name.encode()) + len(text or b"") + 10 for name, text in headers)
    return len(key or b"") + len(value or b"") + named


def add_refused(
    outbox: Outbox,
    body: bytes,
    stage: str,
    error: Exception,
    at: int,
    partition: int,
    key: bytes | None = None,
) -> None:
    """Put *body*, which came by HTTP at *at* (epoch ms), into *outbox* for the dead-letter topic.

    It has no place in a topic: partition and offset are -1. *key* is the item id, where known.
    """
    record = _Received(-1, at, key, body, ())
    add_dead_letter(outbox, "", -1, record, stage, error, to=partition)


def add_unreadable(
    outbox: Outbox, entry: Unreadable, stage: str, at: int, partition: int, key: bytes | None = None
) -> None:
    """Put an *entry* of an answer at *at* (epoch ms) into *outbox*, as :func:`add_refused`."""
    error = MalformedJson(f"an entry of the answer is not JSON: {entry.reason}")
    add_refused(outbox, entry.raw, stage, error, at, partition, key)


class _Received(NamedTuple):
    """The fields of a consumed record."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
