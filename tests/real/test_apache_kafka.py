"""Behaviour that was written for the embedded broker, on Apache Kafka."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError

from tests.hang import DEADLINE
from walmart_stream import topics
from walmart_stream.kafka.clients import (
    MAX_MESSAGE_BYTES,
    admin_client,
    client_options,
    describe_topics,
)
from walmart_stream.kafka.reading import end_offsets, read_topic
from walmart_stream.kafka.topic_admin import TopicError, check_topics, create_topics
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.local.kafka import KafkaNode, class_archive, cluster, start_together
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]


@pytest.fixture(name="settings")
def kafka_settings(kafka_node: KafkaNode, make_unreachable_settings: MakeSettings) -> Settings:
    return make_unreachable_settings(kafka_brokers=(kafka_node.bootstrap,))


@pytest.fixture(name="own_topics")
async def no_topics_left(settings: Settings) -> AsyncIterator[None]:
    """The node has none of our topics before and after the test."""
    yield
    names = required_names(settings)
    async with admin_client(settings) as admin:
        await admin.delete_topics(names)
        async with asyncio.timeout(DEADLINE):
            while await describe_topics(admin, names):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)


def required_names(settings: Settings) -> list[str]:
    return [topic.name for topic in required_topics(settings)]


async def create(settings: Settings, name: str, partitions: int, **configs: str) -> None:
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        async with asyncio.timeout(DEADLINE):
            while not await describe_topics(admin, [name]):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)


@pytest.mark.usefixtures("own_topics")
async def test_topics_are_created_as_configured_and_only_once(settings: Settings) -> None:
    """The broker has accepted every setting, and repeating finds no difference."""
    required = required_topics(settings)
    first = await create_topics(settings)
    second = await create_topics(settings)

    async with admin_client(settings) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in required]
        responses = await admin.describe_configs(resources)
    configs = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }
    assert all(": created, 4 partitions" in str(state) for state in first)
    assert [str(state) for state in second] == [
        f"{topic.name}: exists, as configured" for topic in required
    ]
    for topic in required:
        assert {name: configs[topic.name][name] for name in topic.configs} == topic.configs


@pytest.mark.usefixtures("own_topics")
async def test_workers_that_start_together_can_all_create_on_kafka(settings: Settings) -> None:
    """Creation is not atomic over topics, and metadata lags; nobody fails of it."""
    answers = await asyncio.gather(*[create_topics(settings) for _ in range(4)])

    created = [state.topic.name for answer in answers for state in answer if state.created]
    assert sorted(created) == sorted(required_names(settings))


@pytest.mark.usefixtures("own_topics")
async def test_another_number_of_partitions_is_an_error_on_kafka(settings: Settings) -> None:
    """The message names the topic and both numbers."""
    await create(settings, topics.RAW.name, 3)

    with pytest.raises(TopicError, match="walmart-competitor-data has 3 partitions"):
        await create_topics(settings)


async def test_more_copies_than_brokers_are_refused_in_words(
    kafka_node: KafkaNode, make_unreachable_settings: MakeSettings
) -> None:
    """The broker's reason is passed on."""
    settings = make_unreachable_settings(
        kafka_brokers=(kafka_node.bootstrap,), kafka_replication_factor=3
    )

    with pytest.raises(TopicError, match="InvalidReplicationFactor"):
        await create_topics(settings)


async def test_an_idempotent_producer_and_a_reader_agree(settings: Settings) -> None:
    """6,000 records in batches, from an idempotent producer, each read once and in order."""
    await create(settings, "numbers", 2)
    async with AIOKafkaProducer(**client_options(settings), enable_idempotence=True) as producer:
        sent = [await producer.send("numbers", b"%d" % i, partition=i % 2) for i in range(6000)]
        await asyncio.gather(*sent)

    read = [(record.partition, record.value) async for record in read_topic(settings, "numbers")]

    assert await end_offsets(settings, "numbers") == {0: 3000, 1: 3000}
    assert read == [(p, b"%d" % i) for p in (0, 1) for i in range(p, 6000, 2)]


async def test_markers_at_the_end_of_a_log_do_not_hang_the_reader(settings: Settings) -> None:
    """A committed transaction leaves an offset without a record behind the last record."""
    await create(settings, "transactions", 1)
    async with AIOKafkaProducer(**client_options(settings), transactional_id="tests") as producer:
        for number in range(3):
            async with producer.transaction():
                await producer.send_and_wait("transactions", b"%d" % number, partition=0)

    read = [(record.offset, record.value) async for record in read_topic(settings, "transactions")]

    assert await end_offsets(settings, "transactions") == {0: 6}
    assert read == [(0, b"0"), (2, b"1"), (4, b"2")]


async def test_a_compacted_log_with_gaps_is_read_to_its_end(settings: Settings) -> None:
    """Records that the cleaner has removed are neither delivered nor waited for."""
    eager = {
        "cleanup.policy": "compact",
        "min.cleanable.dirty.ratio": "0.01",
        "segment.ms": "100",
        "delete.retention.ms": "0",
        "max.compaction.lag.ms": "100",
    }
    await create(settings, "compacted", 1, **eager)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for _ in range(50):
            await producer.send_and_wait("compacted", b"old", key=b"same", partition=0)

    async def compacted() -> bool:
        # A segment is rolled by the next write only.
        async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
            await producer.send_and_wait("compacted", b"new", key=b"same", partition=0)
        read = [record.offset async for record in read_topic(settings, "compacted")]
        return len(read) < 10

    async with asyncio.timeout(DEADLINE):
        while not await compacted():  # noqa: ASYNC110 - nothing sets an Event
            await asyncio.sleep(0.5)

    read = [record async for record in read_topic(settings, "compacted")]
    assert read[-1].value == b"new"
    assert read[-1].offset == (await end_offsets(settings, "compacted"))[0] - 1


@pytest.mark.parametrize("left", [[4, 5], []], ids=["some", "all"])
async def test_what_retention_deletes_before_a_reader_is_not_waited_for(
    left: list[int], settings: Settings
) -> None:
    """The reader goes on with what is left, and ends where the log ended when it began."""
    name, size = f"short-{len(left)}", 900_000  # so that a fetch brings two
    await create(settings, name, 1)
    async with AIOKafkaProducer(
        **client_options(settings), acks="all", max_request_size=MAX_MESSAGE_BYTES
    ) as producer:
        for _ in range(6):
            await producer.send_and_wait(name, os.urandom(size), partition=0)

    read: list[int] = []
    async for record in read_topic(settings, name):
        read.append(record.offset)
        if record.offset == 0:
            before = {TopicPartition(name, 0): RecordsToDelete(6 - len(left))}
            async with admin_client(settings) as admin:
                await admin.delete_records(before)

    # Two or four had been fetched by then.
    assert read in ([0, 1, *left], [0, 1, 2, 3, *left])


async def test_a_value_of_one_mebibyte_fits_and_a_larger_one_fits_into_the_dead_letters(
    settings: Settings, own_topics: None
) -> None:
    """Every record that the raw topic takes can be dead-lettered whole, with its headers."""
    await create_topics(settings)
    # What the batch, the key and the record take besides the value is less than 200 bytes.
    value = b"x" * (MAX_MESSAGE_BYTES - 200)
    headers = [("x-error-message", b"m" * 2000), ("x-error-topic", topics.RAW.name.encode())]
    async with AIOKafkaProducer(**client_options(settings), max_request_size=2**22) as producer:
        await producer.send_and_wait(topics.RAW.name, b"y" * 2**20, key=b"1", partition=0)
        await producer.send_and_wait(topics.RAW.name, value, key=b"1", partition=0)
        await producer.send_and_wait(
            topics.DEAD_LETTERS.name, value, key=b"1", partition=0, headers=headers
        )

    letters = [record async for record in read_topic(settings, topics.DEAD_LETTERS.name)]

    assert [len(letter.value) for letter in letters] == [len(value)]
    assert list(letters[0].headers) == headers


async def test_a_topic_that_is_missing_is_an_error_on_kafka(settings: Settings) -> None:
    """Topics are not created by asking for them."""
    with pytest.raises(UnknownTopicOrPartitionError, match="no topic nowhere"):
        await end_offsets(settings, "nowhere")


async def test_a_killed_node_comes_back_with_its_records(
    kafka_class_path: str,
    make_unreachable_settings: MakeSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Outage tests kill and restart a node; ports and acknowledged records are kept."""
    # A broker may register again only when the session of its former life is over.
    overrides = {"broker.session.timeout.ms": "2000", "broker.heartbeat.interval.ms": "300"}
    directory = tmp_path_factory.mktemp("own-kafka")
    node = KafkaNode(directory, kafka_class_path, overrides=overrides)
    await node.start()
    try:
        settings = make_unreachable_settings(kafka_brokers=(node.bootstrap,))
        await create(settings, "kept", 1)
        async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
            await producer.send_and_wait("kept", b"before", partition=0)

        await node.kill()
        await node.start()

        assert [record.value async for record in read_topic(settings, "kept")] == [b"before"]
    finally:
        await node.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists what a process has mapped")
def test_a_node_that_ended_leaves_its_classes_to_the_next(
    kafka_class_path: str, tmp_path: Path
) -> None:
    """The archive appears when a node ends in good order, and the next start maps it."""
    jar = Path(kafka_class_path.split(os.pathsep)[0])
    class_path = kafka_class_path.replace(str(jar), shutil.copy(jar, tmp_path), 1)
    archive = class_archive(class_path)
    node = KafkaNode(tmp_path / "kafka", class_path)

    asyncio.run(node.start())
    assert not archive.exists()
    asyncio.run(node.stop())

    assert list(tmp_path.glob("*.jsa*")) == [archive]
    asyncio.run(node.start())
    try:
        assert str(archive) in Path(f"/proc/{node.pid}/maps").read_text()
    finally:
        asyncio.run(node.stop())
    assert list(tmp_path.glob("*.jsa*")) == [archive]


async def test_list_offsets_and_fetch_agree_on_kafka(settings: Settings) -> None:
    """Taking ends from a fetch changes nothing where ListOffsets is right."""
    await create(settings, "ends", 1)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        await asyncio.gather(*[await producer.send("ends", b"x", partition=0) for _ in range(1000)])
    async with AIOKafkaConsumer(**client_options(settings)) as consumer:
        tp = TopicPartition("ends", 0)
        consumer.assign([tp])
        listed = (await consumer.end_offsets([tp]))[tp]

    assert await end_offsets(settings, "ends") == {0: listed} == {0: 1000}


@pytest.mark.long
async def test_three_nodes_do_without_one(
    kafka_class_path: str,
    make_unreachable_settings: MakeSettings,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """With three copies, two of them required, one broker may be killed: writing goes on."""
    nodes = cluster(tmp_path_factory.mktemp("cluster"), kafka_class_path)
    try:
        await start_together(nodes)
        settings = make_unreachable_settings(
            kafka_brokers=tuple(node.bootstrap for node in nodes), kafka_replication_factor=3
        )
        await create_topics(settings)
        options = client_options(settings)
        async with AIOKafkaProducer(**options, enable_idempotence=True) as producer:
            for partition in range(4):
                await producer.send_and_wait(topics.RAW.name, b"before", partition=partition)

            await nodes[1].kill()

            for partition in range(4):
                await producer.send_and_wait(topics.RAW.name, b"after", partition=partition)
        # A worker that starts now finds copies that are away, and not fewer copies.
        states = await check_topics(settings)
        read = [record.value async for record in read_topic(settings, topics.RAW.name)]

        assert read == [b"before", b"after"] * 4
        assert not any(state.differences for state in states)
    finally:
        await asyncio.gather(*[node.kill() for node in nodes])
