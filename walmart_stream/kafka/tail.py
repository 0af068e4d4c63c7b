"""A topic as it grows, outside of Faust."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from aiokafka import ConsumerRecord

from walmart_stream.kafka.reading import assigned_consumer, ends_of, fetch, partitions_of
from walmart_stream.settings import Settings

# How long the broker may be asked for more before the next look (milliseconds).
WAIT_MS = 1_000


async def tail(
    settings: Settings, topic: str, since: int | None = None
) -> AsyncGenerator[ConsumerRecord[bytes, bytes], None]:
    """The records of *topic*, of each partition in log order, without an end.

    Those that are written from now on, or those whose timestamp is *since* (epoch ms) or later,
    and perhaps some before: no one is left out.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
    """
    tps = await partitions_of(settings, topic)
    async with assigned_consumer(settings, tps) as consumer:
        # Before the question for times: what is written meanwhile is read, too.
        starts = dict(await ends_of(consumer))
        if since is not None:
            found = await consumer.offsets_for_times(dict.fromkeys(tps, since))
            # Where no record is as new, Kafka names none, and the embedded broker the first.
            starts.update((tp.partition, at.offset) for tp, at in found.items() if at is not None)
        for tp in tps:
            consumer.seek(tp, starts[tp.partition])
        while True:
            fetched = await fetch(consumer, *tps, wait_ms=WAIT_MS)
            for records in fetched.values():
                for record in records:
                    yield record
