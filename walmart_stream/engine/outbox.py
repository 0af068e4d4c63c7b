"""Records on their way to the broker, awaited together."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from aiokafka.errors import MessageSizeTooLargeError, UnknownError, UnsupportedVersionError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from walmart_stream.runtime.failure import Pulse

# Names may repeat, so it is no mapping.
Headers = Sequence[tuple[str, bytes]]

# So few records are given to the producer in one turn of the event loop. Its next request then has
# those of all outboxes that are flushed in this turn; the rest would wait until it is answered.
FEW = 500

PartitionOf = Callable[[str, bytes], int]

# Topic and partition.
Target = tuple[str, int]
# Key and value.
Record = tuple[bytes | None, bytes | None]
# The headers of those of a target's records that have any, by their numbers: few do.
Numbered = dict[int, list[tuple[str, bytes]]]


def machine_time() -> int:
    """Epoch milliseconds by this machine's clock."""
    return time.time_ns() // 1_000_000


class Outbox:
    """Collects records; :meth:`flush` returns when the broker has acknowledged all of them.

    Records of one partition are built into batches here: sending them one by one costs more than
    everything else that is done for them. Their time is by *now* (epoch milliseconds).
    """

    def __init__(
        self,
        producer: Any,
        pulse: Pulse,
        partition_of: PartitionOf,
        now: Callable[[], int] = machine_time,
    ) -> None:
        self._producer = producer
        self._pulse = pulse
        self._partition_of = partition_of
        self._now = now
        self._placed: dict[Target, list[Record]] = {}
        self._headers: defaultdict[Target, Numbered] = defaultdict(dict)

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Add a record; without *partition*, the key's hash decides."""
        if partition is None:
            partition = self._partition_of(topic, key or b"")
        target = topic, partition
        records = self._placed.setdefault(target, [])
        if headers:
            self._headers[target][len(records)] = list(headers)
        records.append((key, value))

    def extend(self, topic: str, partition: int, records: Collection[Record]) -> None:
        """Add many *records* of one partition, without headers."""
        if records:
            self._placed.setdefault((topic, partition), []).extend(records)

    async def flush(self) -> dict[Target, list[int]]:
        """Send what was added and wait for it.

        Returns the offsets of the records, by topic and partition, in the order of adding.

        Raises:
            ProducerSendError, KafkaError: some record was not acknowledged; which ones is unknown.
        """
        placed, self._placed = self._placed, {}
        headers, self._headers = self._headers, defaultdict(dict)
        if not placed:
            return {}
        self._pulse.check()
        if sum(map(len, placed.values())) > FEW:
            # Partitions side by side: the batches of one have to wait for each other.
            sending = (self._send(target, placed[target], headers[target]) for target in placed)
            sent = await asyncio.gather(*sending)
        else:
            sent = [await self._send(target, placed[target], headers[target]) for target in placed]
        acknowledged = iter(await asyncio.gather(*(one for batches in sent for one, _ in batches)))
        offsets: dict[Target, list[int]] = {}
        for target, batches in zip(placed, sent, strict=True):
            its = offsets[target] = []
            for _, count in batches:
                first = next(acknowledged).offset
                its.extend(range(first, first + count))
        return offsets

    async def _send(
        self, target: Target, records: Sequence[Record], headers: Numbered
    ) -> list[tuple[Awaitable[Any], int]]:
        """Give *records* to the producer; its batches, and how many records each has."""
        topic, partition = target
        producer = self._producer._ensure_producer()
        sent: list[tuple[Awaitable[Any], int]] = []
        now = self._now()
        first = 0
        while first < len(records):
            builder = producer.create_batch()
            count = _fill(builder, records, first, headers, now)
            if not count:
                raise MessageSizeTooLargeError(f"a record of {topic} fits no batch")
            first += count
            # Closed, or somebody else's record could be appended to it on its way.
            builder.close()
            sent.append((await producer.send_batch(builder, topic, partition=partition), count))
        return sent


def _fill(
    builder: Any, records: Sequence[Record], first: int, headers: Numbered, timestamp: int
) -> int:
    """Append *records* from the *first* on until the batch is full; how many it has taken."""
    # What BatchBuilder.append does for keys and values in bytes, at half the cost.
    append = builder._builder.append
    none: list[tuple[str, bytes]] = []
    count = 0
    for key, value in islice(records, first, None):
        its = headers.get(first + count, none) if headers else none
        if append(count, timestamp, key, value, its) is None:
            break
        count += 1
    builder._relative_offset = count
    return count


class SafeProducer(driver.Producer):
    """Idempotent where the broker can do it, so that a retry does not write twice.

    The embedded broker cannot: it answers InitProducerId with an unknown error. What is written
    twice there is recognised by its content, like everything that is delivered twice.
    """

    idempotent = True

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": self.idempotent}

    def key_partition(self, topic: str, key: bytes) -> TP:
        """The partition of *key*, by the number that is configured: Faust routes requests by it.

        Partitions that somebody adds have no owner, and their keys' states are elsewhere.
        """
        app: Any = self.transport.app
        return TP(topic, app.partition_of(topic, key))

    async def on_start(self) -> None:
        try:
            await super().on_start()
        except (UnknownError, UnsupportedVersionError):
            self.log.warning("the broker has no idempotent producer; going on without")
            refused, self._producer = self._producer, None
            if refused is not None:
                await refused.stop()
            self.idempotent = False
            await super().on_start()
