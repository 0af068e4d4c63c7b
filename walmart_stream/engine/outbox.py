"""Records on their way to the broker, awaited together.

Relies on, in faust/transport/drivers/aiokafka.py: ``Producer.send`` and ``_settings_extra``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import UnknownError, UnsupportedVersionError
from aiokafka.structs import RecordMetadata
from faust.transport.drivers import aiokafka as driver

from walmart_stream.engine.failure import Pulse

# Names may repeat, so it is a list and not a mapping.
Headers = Sequence[tuple[str, bytes]]


class Outbox:
    """Collects records; :meth:`flush` returns when the broker has acknowledged all of them."""

    def __init__(self, producer: Any, pulse: Pulse) -> None:
        self._producer = producer
        self._pulse = pulse
        self._records: list[tuple[str, int | None, bytes | None, bytes | None, Any]] = []

    def add(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        *,
        partition: int | None = None,
        headers: Headers | None = None,
    ) -> None:
        """Add a record; without *partition*, the key's hash decides."""
        self._records.append((topic, partition, key, value, headers))

    async def flush(self) -> list[RecordMetadata]:
        """Send what was added and wait for it.

        Returns where each record stands, in the order of adding.

        Raises:
            ProducerSendError, KafkaError: some record was not acknowledged; which ones is unknown.
        """
        records, self._records = self._records, []
        if not records:
            return []
        self._pulse.check()
        send = self._producer.send
        sent = [
            await send(topic, key, value, partition, None, headers)
            for topic, partition, key, value, headers in records
        ]
        return list(await asyncio.gather(*sent))


class SafeProducer(driver.Producer):
    """Idempotent where the broker can do it, so that a retry does not write twice.

    The embedded broker cannot: it answers InitProducerId with an unknown error. What is written
    twice there is recognised by its content, like everything that is delivered twice.
    """

    idempotent = True

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": self.idempotent}

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
