"""The brokers on which is measured: each run finds topics that are new and empty."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.brokers import CLASS_PATH_CACHE
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.kafka import KafkaNode, missing_tools, resolve_class_path

EMBEDDED, KAFKA = "embedded", "kafka"
KINDS = (EMBEDDED, KAFKA)

# The tests' nodes are made for a short life; this one is measured with.
JAVA_OPTIONS = ("-Xms1g", "-Xmx2g", "-XX:TieredStopAtLevel=4")

DELETED = 60.0


class Embedded:
    """A new broker for each run: it keeps everything in memory and deletes nothing."""

    kind = EMBEDDED

    async def start(self, folder: Path) -> None:
        """Nothing to do yet."""

    @asynccontextmanager
    async def fresh(self, folder: Path) -> AsyncIterator[str]:
        """Its address."""
        broker = EmbeddedBroker(folder)
        await broker.start()
        try:
            yield broker.bootstrap
        finally:
            await broker.stop()

    async def stop(self) -> None:
        """Nothing to do any more."""


class ApacheKafka:
    """One node for all runs, as it is warm in production too; each run deletes what it has made."""

    kind = KAFKA
    _node: KafkaNode

    async def start(self, folder: Path) -> None:
        """Start the node.

        Raises:
            RuntimeError: Java or Maven are missing.
        """
        if (reason := missing_tools()) is not None:
            raise RuntimeError(reason)
        CLASS_PATH_CACHE.mkdir(parents=True, exist_ok=True)
        class_path = resolve_class_path(CLASS_PATH_CACHE.resolve())
        self._node = KafkaNode(folder / "kafka", class_path, java_options=JAVA_OPTIONS)
        await self._node.start()

    @asynccontextmanager
    async def fresh(self, folder: Path) -> AsyncIterator[str]:
        """Its address."""
        try:
            yield self._node.bootstrap
        finally:
            await self._clear()

    async def stop(self) -> None:
        """End the node."""
        await self._node.kill()

    async def _clear(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._node.bootstrap)
        await admin.start()
        try:
            async with asyncio.timeout(DELETED):
                while topics := _own(await admin.list_topics()):
                    await admin.delete_topics(topics)
                    await asyncio.sleep(0.2)
        finally:
            await admin.close()


Logs = Embedded | ApacheKafka


def make_logs(kind: str) -> Logs:
    """The broker of *kind*, not started."""
    return Embedded() if kind == EMBEDDED else ApacheKafka()


def _own(topics: Iterable[str]) -> list[str]:
    return [topic for topic in topics if not topic.startswith("__")]
