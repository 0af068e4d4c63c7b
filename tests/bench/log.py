"""The broker's log, filled and looked at from outside of every subject."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from tests.bench.given import PARTITIONS
from tests.bench.observations import Raw
from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.topic_configs import changelog_configs
from walmart_stream.settings import Settings
from walmart_stream.tables import TABLES

BATCH_SIZE = 512 * 1024


async def create_stores(settings: Settings, names: Iterable[str]) -> None:
    """Create those changelogs of *names* that are not there, as this program's are."""
    configs = changelog_configs(TABLES[0], settings)
    async with admin_client(settings) as admin:
        there = set(await admin.list_topics())
        missing = [
            NewTopic(n, PARTITIONS, 1, topic_configs=configs) for n in names if n not in there
        ]
        if missing:
            await admin.create_topics(missing)


class Loader:
    """Appends to a topic as fast as the broker takes it; the batches are built beforehand."""

    def __init__(self, brokers: str, topic: str) -> None:
        self._topic = topic
        self._producer: AIOKafkaProducer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            acks="all",
            max_batch_size=BATCH_SIZE,
            max_request_size=4 * 1024 * 1024,
        )

    async def __aenter__(self) -> Loader:
        await self._producer.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._producer.stop()

    def build(self, raws: Iterable[Raw]) -> list[tuple[int, Any]]:
        """Batches of *raws* with the partitions that they are for, ready to be sent."""
        ready: list[tuple[int, Any]] = []
        open_: dict[int, Any] = {}
        for partition, key, value in raws:
            batch = open_.get(partition) or self._open(open_, partition)
            if batch.append(timestamp=None, key=key, value=value) is None:
                batch.close()
                ready.append((partition, batch))
                batch = self._open(open_, partition)
                batch.append(timestamp=None, key=key, value=value)
        for partition, batch in open_.items():
            batch.close()
            ready.append((partition, batch))
        return ready

    async def send(self, batches: Iterable[tuple[int, Any]]) -> None:
        """Returns when the broker has acknowledged all *batches*."""
        sent = [
            await self._producer.send_batch(batch, self._topic, partition=partition)
            for partition, batch in batches
        ]
        await asyncio.gather(*sent)

    def _open(self, batches: dict[int, Any], partition: int) -> Any:
        batch = batches[partition] = self._producer.create_batch()
        return batch


class Gauge:
    """How far *group* has come: what it has committed, and the ends of what it writes to."""

    def __init__(self, brokers: str, group: str) -> None:
        self._brokers = brokers
        self._group = group

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Gauge]:
        """Connected."""
        self._consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
            bootstrap_servers=self._brokers, enable_auto_commit=False
        )
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._brokers)
        await self._consumer.start()
        await self._admin.start()
        try:
            yield self
        finally:
            await self._admin.close()
            await self._consumer.stop()

    async def committed(self, topic: str) -> int:
        """The sum of the group's committed offsets."""
        tps = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        try:
            offsets = await self._admin.list_consumer_group_offsets(self._group, partitions=tps)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            return 0  # nobody has joined yet
        return sum(max(0, found.offset) for found in offsets.values())

    async def ends(self, topics: Sequence[str]) -> int:
        """The sum of the topics' end offsets as the broker lists them.

        The embedded broker's are short by up to a batch; but they move when something is appended.
        """
        tps = [TopicPartition(topic, n) for topic in topics for n in range(PARTITIONS)]
        return sum((await self._consumer.end_offsets(tps)).values())
