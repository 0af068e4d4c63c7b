"""Dead letters: the original bytes of what could not be processed, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

from walmart_stream import topics
from walmart_stream.engine.outbox import Outbox

# Enough to see the reason; the original bytes are there too.
MAX_MESSAGE = 500


def add_dead_letter(
    outbox: Outbox,
    topic: str,
    partition: int,
    record: Any,
    stage: str,
    error: Exception,
    *,
    to: int | None = None,
) -> None:
    """Put *record*, consumed from a *partition* of *topic*, into *outbox* for the dead letters.

    It goes to the partition that it came from, or to *to*, with its headers after ours.
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
    headers = [(f"x-error-{name}", text.encode()) for name, text in reason.items()]
    outbox.add(
        topics.DEAD_LETTERS.name,
        record.key,
        record.value,
        partition=partition if to is None else to,
        headers=[*headers, *record.headers],
    )


def add_refused(
    outbox: Outbox, body: bytes, stage: str, error: Exception, at: int, partition: int
) -> None:
    """Put *body*, which came by HTTP at *at* (epoch ms), into *outbox* for the dead-letter topic.

    It has no place in a topic: partition and offset are -1.
    """
    record = _Received(-1, at, None, body, ())
    add_dead_letter(outbox, "", -1, record, stage, error, to=partition)


class _Received(NamedTuple):
    """What a consumed record would say of it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
