"""Topics as configured, created once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError

from walmart_stream import topics
from walmart_stream.commands.topics import TopicError, create_topics, topic_configs
from walmart_stream.kafka import (
    MAX_DEAD_LETTER_BYTES,
    MAX_MESSAGE_BYTES,
    admin_client,
    client_options,
    describe_topics,
    read_topic,
)
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]
NAMES = [topic.name for topic in topics.TOPICS]


@pytest.fixture(name="settings")
def broker_settings(
    fresh_broker: EmbeddedBroker, make_unreachable_settings: MakeSettings
) -> Settings:
    return make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,))


async def test_all_topics_are_created_with_the_configured_partitions(settings: Settings) -> None:
    """One line says what was done for each."""
    lines = await create_topics(settings)

    async with admin_client(settings) as admin:
        described = await describe_topics(admin, NAMES)
    assert {name: len(topic["partitions"]) for name, topic in described.items()} == dict.fromkeys(
        NAMES, 4
    )
    assert lines[0] == "walmart-watchlist: created, 4 partitions, replication 1, compacted"
    assert lines[1] == (
        "walmart-competitor-data: created, 4 partitions, replication 1, kept for 90 days"
    )
    assert len(lines) == len(NAMES)


async def test_creating_again_changes_nothing(settings: Settings) -> None:
    """Every deploy runs it."""
    await create_topics(settings)

    lines = await create_topics(settings)

    assert lines == [f"{name}: exists, as configured" for name in NAMES]


async def test_workers_that_start_together_can_all_create(settings: Settings) -> None:
    """Who comes second finds them there."""
    lines = await asyncio.gather(*[create_topics(settings) for _ in range(4)])

    created = [line for answer in lines for line in answer if ": created" in line]
    assert len(created) == len(NAMES)


async def test_another_number_of_partitions_is_an_error_that_names_the_topics(
    settings: Settings,
) -> None:
    """Nothing is created next to a topic that does not fit."""
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(topics.RAW.name, 3, 1)])
        await admin.create_topics([NewTopic(topics.ALERTS.name, 5, 1)])

    with pytest.raises(TopicError) as raised:
        await create_topics(settings)

    message = str(raised.value)
    assert "walmart-competitor-data has 3 partitions, KAFKA_PARTITIONS is 4" in message
    assert "set KAFKA_PARTITIONS=3" in message
    assert "walmart-alerts has 5 partitions" in message
    async with admin_client(settings) as admin:
        assert topics.RESULTS.name not in await admin.list_topics()


async def test_topics_that_differ_are_left_alone_and_named(
    settings: Settings, make_unreachable_settings: MakeSettings
) -> None:
    """What an operator has set by hand is theirs."""
    await create_topics(settings)
    changed = make_unreachable_settings(
        kafka_brokers=settings.kafka_brokers, kafka_retention_days=1.5
    )

    lines = await create_topics(changed)

    assert lines[0] == "walmart-watchlist: exists, as configured"
    assert lines[1] == (
        "walmart-competitor-data: exists, retention.ms is 7776000000, configured is 129600000"
    )


async def test_settings_reach_the_broker(settings: Settings) -> None:
    """The watchlist is compacted, the rest is kept by time."""
    await create_topics(settings)

    async with admin_client(settings) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in NAMES]
        [response] = await admin.describe_configs(resources)
    configs = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for resource in response.resources
    }
    assert configs == {topic.name: topic_configs(topic, settings) for topic in topics.TOPICS}
    assert configs["walmart-watchlist"]["cleanup.policy"] == "compact"
    assert configs["walmart-alerts"]["cleanup.policy"] == "delete"


async def test_the_compacted_watchlist_works_on_the_embedded_broker(settings: Settings) -> None:
    """It does not compact: it must at least lose nothing and keep its offsets."""
    await create_topics(settings)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for round_number in range(5):
            sent = [
                await producer.send(
                    topics.WATCHLIST.name,
                    None if item % 7 == 0 else b"%d" % round_number,
                    key=b"%d" % item,
                    partition=0,
                )
                for item in range(40)
            ]
            await asyncio.gather(*sent)

    records = [record async for record in read_topic(settings, topics.WATCHLIST.name)]

    latest = {record.key: record.value for record in records}
    assert [record.offset for record in records] == list(range(200))
    assert latest == {b"%d" % item: None if item % 7 == 0 else b"4" for item in range(40)}


@pytest.mark.parametrize(("copies", "needed"), [(1, "1"), (2, "1"), (3, "2")])
def test_one_copy_may_be_away(
    make_unreachable_settings: MakeSettings, copies: int, needed: str
) -> None:
    """min.insync.replicas leaves room for one broker to restart."""
    settings = make_unreachable_settings(kafka_replication_factor=copies)

    assert topic_configs(topics.RAW, settings)["min.insync.replicas"] == needed


def test_whatever_fits_into_a_topic_fits_into_the_dead_letters(
    make_unreachable_settings: MakeSettings,
) -> None:
    """A dead letter is the whole record and the headers that say why."""
    settings = make_unreachable_settings()

    limits = {
        topic.name: int(topic_configs(topic, settings)["max.message.bytes"])
        for topic in topics.TOPICS
    }

    assert limits.pop(topics.DEAD_LETTERS.name) == MAX_DEAD_LETTER_BYTES > MAX_MESSAGE_BYTES
    assert set(limits.values()) == {MAX_MESSAGE_BYTES}


async def test_an_unreachable_broker_is_an_error(make_unreachable_settings: MakeSettings) -> None:
    """And not an endless wait."""
    with pytest.raises(KafkaConnectionError):
        await create_topics(make_unreachable_settings())
