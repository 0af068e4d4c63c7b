"""The surroundings of workers, and their results: servers, topics, database."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata
from motor.motor_asyncio import AsyncIOMotorClient

from tests.hang import DEADLINE
from tests.pipeline.worker import PROGRAM, Worker, surroundings, until
from walmart_stream import topics
from walmart_stream.audit import Report
from walmart_stream.audit.verify import verify
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.reading import end_offsets, read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings, load_settings

RAW = topics.RAW.name
RESULTS = topics.RESULTS.name
WATCHLIST = topics.WATCHLIST.name
DEAD_LETTERS = topics.DEAD_LETTERS.name


class Record(NamedTuple):
    """A record of a foreign program. Without *partition*, the key's hash decides."""

    key: bytes | None
    value: bytes | None
    partition: int | None = None
    timestamp: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Pipeline:
    """Workers that share a broker and a database; *environment* is all they are told."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        defaults = {"KAFKA_SESSION_TIMEOUT": "6"}
        if "POLL_INTERVAL_MAX" not in environment:
            # Offers of long ago are known for a day otherwise: each has 24 windows to be stored.
            defaults["PRICE_KNOWN_FOR"] = "7200"
        self.environment = {**defaults, **environment}
        self.folder = folder
        self.workers: list[Worker] = []

    @property
    def settings(self) -> Settings:
        """The workers' settings."""
        return load_settings(self.environment, env_file=self.folder / "no.env")

    def start(
        self, name: str = "worker", command: Sequence[str] = PROGRAM, **environment: str
    ) -> Worker:
        """Start a worker; those of the same *name* share their local data."""
        worker = Worker(command, {**self.environment, **environment}, self.folder / name)
        self.workers.append(worker)
        return worker

    async def stop(self) -> None:
        """End what still runs."""
        for worker in self.workers:
            await worker.kill()

    def command(self, *arguments: str, code: int = 0) -> Any:
        """The JSON that a command of the program prints; its errors where another *code* is due."""
        done = subprocess.run(
            [*PROGRAM[:-1], *arguments, "--json"],
            cwd=self.folder,
            env={**surroundings(), **self.environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout) if code == 0 else done.stderr

    async def create_topics(self) -> None:
        """As ``walmart-stream topics`` does, for tests that produce before a worker starts."""
        await create_topics(self.settings)

    async def produce(self, topic: str, records: Sequence[Record]) -> list[RecordMetadata]:
        """Append *records* at once; where each stands once the broker has acknowledged all."""
        producer = AIOKafkaProducer(
            **client_options(self.settings),
            acks="all",
            max_request_size=4 * 1024 * 1024,
        )
        await producer.start()
        try:
            sent = [await _send(producer, topic, record) for record in records]
            return [await future for future in sent]
        finally:
            await producer.stop()

    async def read(self, topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        """Everything that *topic* holds."""
        return [record async for record in read_topic(self.settings, topic)]

    async def committed(self, topic: str) -> dict[int, int]:
        """The workers' committed offset in each partition, 0 where there is none."""
        ends = await end_offsets(self.settings, topic)
        consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
            **client_options(self.settings),
            group_id=self.settings.app_id,
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            tps = [TopicPartition(topic, partition) for partition in ends]
            consumer.assign(tps)
            return {tp.partition: await consumer.committed(tp) or 0 for tp in tps}
        finally:
            await consumer.stop()

    async def until_processed(self, topic: str, deadline: float = DEADLINE) -> None:
        """Wait until the workers have committed everything that *topic* holds."""

        async def look() -> bool:
            ended = [worker.log[-3000:] for worker in self.workers if not worker.is_alive]
            assert len(ended) < len(self.workers), ended[-1]
            # In this order: processing may append to the topic what it forwards.
            committed = await self.committed(topic)
            return committed == await end_offsets(self.settings, topic)

        await until(f"{topic} is processed", look, deadline)

    async def until_settled(self, deadline: float = DEADLINE) -> None:
        """Wait until all that was produced has gone its whole way, *deadline* s for a topic."""
        for topic in (WATCHLIST, RAW, RESULTS):
            await self.until_processed(topic, deadline)

    async def verified(self) -> Report:
        """The audit, as soon as it is clean; else what it last said.

        Windows that only the clock closes come up to a tick later than everything else.
        """
        await self.until_settled()
        report: Report | None = None

        async def look() -> bool:
            nonlocal report
            report = await verify(self.settings)
            return report.is_clean

        try:
            await until("the audit is clean", look, DEADLINE / 2)
        except AssertionError:
            if report is None:
                raise
        assert report is not None
        return report

    async def documents(self, collection: str, **query: Any) -> dict[str, dict[str, Any]]:
        """Documents by ``_id``."""
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            self.settings.mongodb_uri.get_secret_value(), tz_aware=True
        )
        try:
            found = client[self.settings.mongodb_database][collection].find(query)
            return {document["_id"]: document async for document in found}
        finally:
            client.close()

    async def ends(self, topic: str) -> dict[int, int]:
        """The offset after the last record of each partition."""
        return await end_offsets(self.settings, topic)

    async def dead_letters(
        self, stage: str, since: Mapping[int, int] | None = None
    ) -> list[tuple[dict[str, str], ConsumerRecord[bytes, bytes]]]:
        """The dead letters of *stage*, each with its ``x-error-`` headers by their last part.

        *since*: those only that came after these :meth:`ends`.
        """
        letters = []
        for record in await self.read(DEAD_LETTERS):
            if since is not None and record.offset < since[record.partition]:
                continue
            reason: dict[str, str] = {}
            for name, text in record.headers:
                if name.startswith("x-error-"):
                    reason.setdefault(name.removeprefix("x-error-"), text.decode())
            if reason["stage"] == stage:
                letters.append((reason, record))
        return letters


async def _send(
    producer: AIOKafkaProducer, topic: str, record: Record
) -> Awaitable[RecordMetadata]:
    if record.key is None and record.value is None:
        # Kafka takes it, and other clients send it; aiokafka does in a batch only.
        batch = producer.create_batch()
        batch.append(timestamp=record.timestamp, key=None, value=None, headers=list(record.headers))
        return await producer.send_batch(batch, topic, partition=record.partition)
    return await producer.send(
        topic,
        record.value,
        key=record.key,
        partition=record.partition,
        timestamp_ms=record.timestamp,
        headers=list(record.headers),
    )
