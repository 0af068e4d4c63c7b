"""A log that lost its end is read again from what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete

from tests.chaos.log_cuts import cut_tails
from tests.engine.worker import (
    INPUT,
    PARTITIONS,
    Worker,
    committed,
    create_input,
    produce,
)
from walmart_stream.local.kafka import KafkaNode

CHANGELOG = "engine-test-counts-changelog"

pytestmark = [pytest.mark.integration, pytest.mark.real_kafka]


@pytest.fixture
async def node(kafka_class_path: str, tmp_path: Path) -> AsyncIterator[KafkaNode]:
    node = KafkaNode(tmp_path / "kafka", kafka_class_path)
    await node.start()
    yield node
    await node.kill()


@pytest.fixture
def start(node: KafkaNode, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    workers = []

    def start_worker(store: str = "memory") -> Worker:
        # RocksDB is to be found again by the next one.
        name = store if store == "rocksdb" else f"worker-{len(workers)}"
        worker = Worker(node.bootstrap, tmp_path / name, store=store)
        workers.append(worker)
        return worker

    yield start_worker
    for worker in workers:
        worker.stop()


@pytest.mark.slow(45)
async def test_records_in_a_log_that_lost_its_end_are_all_processed(
    node: KafkaNode, start: Callable[..., Worker]
) -> None:
    """Worker left running; then stopped meanwhile, with the log grown past its committed offset.

    aiokafka moves to another position without a word, and everything below the old one was
    dropped: lag 0, ready, and the records in the topic were never applied.
    """
    await create_input(node.bootstrap)
    worker = start()
    worker.wait_ready()

    async def add(name: str, count: int, to: Worker | None) -> None:
        # One by one, or the whole of them would be one batch of the log.
        values = [f"ok {name} {number}" for number in range(count)]
        for value in values:
            await produce(node.bootstrap, ("a", value))
        if to is not None:
            to.wait_for(lambda events: set(values) <= set(to.done()))

    async def cut() -> None:
        await node.kill()
        assert cut_tails(node.directory / "data", INPUT)
        await node.start()

    await add("before", 20, worker)

    await cut()
    await add("running", 5, worker)

    worker.process.terminate()
    worker.wait_exit()
    end = await committed(node.bootstrap)
    await cut()
    await add("stopped", end, None)
    successor = start()
    await add("successor", 1, successor)
    assert {f"ok stopped {number}" for number in range(end)} <= set(successor.done())


async def test_a_table_on_disk_notices_that_its_changelog_lost_its_end(
    node: KafkaNode, start: Callable[..., Worker]
) -> None:
    """Though it has grown past the offset that the table had reached: others have written there.

    Records of the changelog were never restored, and older values stayed.
    """
    await create_input(node.bootstrap)
    worker = start("rocksdb")
    worker.wait_ready()
    for number in range(10):
        await produce(node.bootstrap, (f"old{number}", f"ok {number}"))
        worker.wait_for(lambda events, number=number: f"ok {number}" in worker.done())
    worker.process.terminate()
    worker.wait_exit()

    await node.kill()
    assert cut_tails(node.directory / "data", CHANGELOG)
    await node.start()
    for number in range(10):
        await produce(node.bootstrap, (f"new{number}", "7"), topic=CHANGELOG)
    successor = start("rocksdb")

    found = successor.wait_ready()["table"]
    assert {f"new{number}": 7 for number in range(10)}.items() <= found.items()
    assert successor.wait_event("cut")["topic"] == CHANGELOG
    # What had followed from these records may be what was cut off.
    successor.wait_for(
        lambda events: {f"ok {number}" for number in range(10)} <= {*successor.done()}
    )


async def test_a_topic_that_is_made_again_or_given_partitions_is_noticed(
    node: KafkaNode, start: Callable[..., Worker]
) -> None:
    """Deleted: not ready, and read as soon as it is there again. More partitions: exit code 78.

    There were five minutes of nothing with a ready worker; and records in partitions that nobody
    owned, until the group's leader died of an AssertionError.
    """
    await create_input(node.bootstrap)
    worker = start()
    worker.wait_ready()
    admin = AIOKafkaAdminClient(bootstrap_servers=node.bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([INPUT])
        assert INPUT in worker.wait_event("unread")["reason"]

        await admin.create_topics([NewTopic(INPUT, PARTITIONS, 1)])
        await produce(node.bootstrap, ("a", "ok again"))
        worker.wait_for(lambda events: worker.done() == ["ok again"])

        await admin.create_partitions({INPUT: NewPartitions(PARTITIONS + 1)})
        assert worker.wait_exit() == 78
    finally:
        await admin.close()


async def test_records_that_expire_unread_are_counted(
    node: KafkaNode, start: Callable[..., Worker]
) -> None:
    """They were one line of aiokafka's, of level INFO."""
    await create_input(node.bootstrap)
    await produce(node.bootstrap, *[("a", f"ok {number}") for number in range(4)])
    worker = start()
    worker.wait_for(lambda events: len(worker.done()) == 4)
    worker.process.terminate()
    worker.wait_exit()
    await produce(node.bootstrap, *[("a", f"ok {number}") for number in range(4, 9)])

    admin = AIOKafkaAdminClient(bootstrap_servers=node.bootstrap)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(INPUT, 0): RecordsToDelete(7)})
    finally:
        await admin.close()
    successor = start()

    assert successor.wait_event("expired")["count"] == 3
    successor.wait_for(lambda events: successor.done() == ["ok 7", "ok 8"])
