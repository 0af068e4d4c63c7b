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
from walmart_stream.kafka.clients import (
    MAX_DEAD_LETTER_BYTES,
    MAX_MESSAGE_BYTES,
    admin_client,
    client_options,
    describe_topics,
)
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import TopicError, check_topics, create_topics
from walmart_stream.kafka.topic_configs import required_topics, topic_configs
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]
TABLES = ("offers", "price-windows", "watchlist", "polls", "own-items", "alerts")


@pytest.fixture(name="settings")
def broker_settings(
    fresh_broker: EmbeddedBroker, make_unreachable_settings: MakeSettings
) -> Settings:
    return make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,), app_id="prices")


def names(settings: Settings) -> list[str]:
    """The topics of the contract and the tables' changelogs, as everybody may know them."""
    changelogs = [f"{settings.app_id}-{table}-changelog" for table in TABLES]
    return [topic.name for topic in topics.TOPICS] + changelogs


async def create_lines(settings: Settings) -> list[str]:
    """The output of the command."""
    return [str(state) for state in await create_topics(settings)]


async def test_all_topics_are_created_with_the_configured_partitions(settings: Settings) -> None:
    """One line says what was done for each, changelogs included."""
    lines = await create_lines(settings)

    async with admin_client(settings) as admin:
        described = await describe_topics(admin, names(settings))
    assert {name: len(topic["partitions"]) for name, topic in described.items()} == dict.fromkeys(
        names(settings), 4
    )
    assert lines[0] == "walmart-watchlist: created, 4 partitions, replication 1, compacted"
    assert lines[1] == (
        "walmart-competitor-data: created, 4 partitions, replication 1, kept for 90 days"
    )
    offers = "prices-offers-changelog: created, 4 partitions, replication 1, compacted"
    assert offers in lines
    assert len(lines) == len(names(settings))


async def test_creating_again_changes_nothing(settings: Settings) -> None:
    """Every deploy runs it."""
    await create_topics(settings)

    lines = await create_lines(settings)

    assert lines == [f"{name}: exists, as configured" for name in names(settings)]


async def test_workers_that_start_together_can_all_create(settings: Settings) -> None:
    """The second worker finds the topics of the first."""
    answers = await asyncio.gather(*[create_topics(settings) for _ in range(4)])

    created = [state.topic.name for answer in answers for state in answer if state.created]
    assert sorted(created) == sorted(names(settings))


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


async def test_another_number_of_partitions_of_a_changelog_is_an_error(settings: Settings) -> None:
    """A table has the partitions of the topic that it is made of."""
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic("prices-polls-changelog", 3, 1)])

    with pytest.raises(TopicError, match=r"prices-polls-changelog has 3 .* another APP_ID"):
        await create_topics(settings)


async def test_topics_that_keep_more_than_configured_are_left_alone_and_named(
    settings: Settings, make_unreachable_settings: MakeSettings
) -> None:
    """An operator's own settings stay, as long as nothing can be lost by them."""
    await create_topics(settings)
    changed = make_unreachable_settings(
        kafka_brokers=settings.kafka_brokers, kafka_retention_days=1.5, app_id="prices"
    )

    lines = await create_lines(changed)

    assert lines[0] == "walmart-watchlist: exists, as configured"
    assert lines[1] == (
        "walmart-competitor-data: exists, retention.ms is 7776000000, configured is 129600000"
    )


async def test_topics_that_keep_less_than_configured_are_an_error_with_what_to_do(
    settings: Settings, make_unreachable_settings: MakeSettings
) -> None:
    """All of them are named in one message."""
    await create_topics(settings)
    changed = make_unreachable_settings(
        kafka_brokers=settings.kafka_brokers, kafka_retention_days=100, app_id="prices"
    )

    with pytest.raises(TopicError) as raised:
        await create_topics(changed)

    lines = str(raised.value).splitlines()[1:]
    assert [line.split(":")[0].strip() for line in lines] == [
        topic.name for topic in topics.TOPICS if topic.kept is topics.Kept.BY_TIME
    ]
    for line in lines:
        assert "retention.ms is 7776000000, needed is 8640000000" in line
        assert "set KAFKA_RETENTION_DAYS=90, or kafka-configs --bootstrap-server 127.0.0.1:" in line


async def test_checking_creates_nothing_and_says_how_to_create(settings: Settings) -> None:
    """With KAFKA_CREATE_TOPICS=false somebody else makes the topics."""
    with pytest.raises(TopicError) as raised:
        await check_topics(settings)

    lines = str(raised.value).splitlines()[1:]
    assert [line.split()[0] for line in lines] == names(settings)
    for line in lines:
        assert "--partitions 4 --replication-factor 1 --config min.insync.replicas=1" in line
    async with admin_client(settings) as admin:
        assert not await describe_topics(admin, names(settings))


async def test_checking_what_was_created_finds_it_as_configured(settings: Settings) -> None:
    """Workers do this after the release step has made the topics."""
    await create_topics(settings)

    states = await check_topics(settings)

    assert [str(state) for state in states] == [
        f"{name}: exists, as configured" for name in names(settings)
    ]


async def test_what_the_broker_does_not_tell_is_no_fault(settings: Settings) -> None:
    """The embedded broker tells only what it was told."""
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(name, 4, 1) for name in names(settings)])

    states = await check_topics(settings)

    assert not any(state.differences for state in states)


async def test_settings_reach_the_broker(settings: Settings) -> None:
    """The watchlist is compacted, the rest is kept by time."""
    await create_topics(settings)

    async with admin_client(settings) as admin:
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names(settings)]
        [response] = await admin.describe_configs(resources)
    configs = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for resource in response.resources
    }
    assert configs == {topic.name: topic.configs for topic in required_topics(settings)}
    assert configs["walmart-watchlist"]["cleanup.policy"] == "compact"
    assert configs["walmart-alerts"]["cleanup.policy"] == "delete"
    assert configs["prices-offers-changelog"]["cleanup.policy"] == "compact"
    assert configs["prices-price-windows-changelog"]["cleanup.policy"] == "compact,delete"


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
