"""Dead letters: the original bytes of what could not be processed, and why."""

from __future__ import annotations

from typing import Any

from walmart_stream import topics
from walmart_stream.engine.outbox import Outbox

# Enough to see the reason; the original bytes are there too.
MAX_MESSAGE = 500


def add_dead_letter(outbox: Outbox, record: Any, stage: str, error: Exception) -> None:
    """Put the consumed *record* into *outbox* for the dead-letter topic.

    It goes to the partition that it came from, with its headers after ours.
    """
    reason = {
        "topic": record.topic,
        "partition": str(record.partition),
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
        partition=record.partition,
        headers=[*headers, *record.headers],
    )
