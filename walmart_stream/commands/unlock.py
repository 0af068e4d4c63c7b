"""``walmart-stream unlock``: items that an observation from the future keeps locked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaProducer

from walmart_stream import topics
from walmart_stream.domain.reading import observation
from walmart_stream.kafka.clients import client_options, start
from walmart_stream.settings import Settings


async def unlock(
    settings: Settings, item_ids: Iterable[str], clock: Callable[[], float] = time.time
) -> None:
    """Have the owners of *item_ids* recompute their states and results from the raw topic.

    It goes through the raw topic, so that it is done in its place among the observations, once,
    by whoever owns the item; replay and verify pass it over, since they never believed the future.
    Returns when the brokers have acknowledged it. *clock* gives epoch seconds.

    Raises:
        KafkaError: some are not acknowledged; doing it again is harmless.
    """
    producer: AIOKafkaProducer = AIOKafkaProducer(**client_options(settings), acks="all")
    await start(producer, settings)
    try:
        for item_id in item_ids:
            value = observation.encode(
                source=observation.UNLOCK,
                item_id=item_id,
                observed_at=int(clock() * 1000),
                request_id=None,
                payload=b"{}",
            )
            await producer.send_and_wait(topics.RAW.name, value, key=item_id.encode())
    finally:
        await producer.stop()
