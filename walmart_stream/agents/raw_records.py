"""Observations of the poll timers on their way into the raw topic."""

from __future__ import annotations

from walmart_stream import topics
from walmart_stream.domain.reading import observation
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES


def add_observation(
    app: StreamApp,
    outbox: Outbox,
    source: str,
    item_id: str,
    at: int,
    request_id: str | None,
    payload: bytes,
    original: bytes | None = None,
) -> int:
    """Add an observation made *at* (epoch ms), unless it is larger than a record may be; its bytes.

    See :func:`walmart_stream.domain.reading.observation.encode`.
    """
    value = observation.encode(
        source=source,
        item_id=item_id,
        observed_at=at,
        request_id=request_id,
        payload=payload,
        original=original,
    )
    if len(value) <= MAX_RECORD_BYTES:
        key = item_id.encode()
        partition = app.partition_of(topics.RAW.name, key)
        outbox.add(topics.RAW.name, key, value, partition=partition)
    return len(value)
