"""``walmart-stream topics``: creates the topics as configured; safe to repeat."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from walmart_stream.kafka import (
    MAX_DEAD_LETTER_BYTES,
    MAX_MESSAGE_BYTES,
    admin_client,
    describe_topics,
)
from walmart_stream.settings import Settings
from walmart_stream.topics import DEAD_LETTERS, TOPICS, Kept, TopicSpec

MS_PER_DAY = 86_400_000

# Until every partition of what was created has a leader.
READY_TIMEOUT = 60.0
READY_INTERVAL = 0.1


class TopicError(KafkaError):  # type: ignore[misc]
    """The topics cannot be as configured; the message names all of them and what to do."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("the topics are not usable:\n" + "\n".join(f"  {f}" for f in faults))


async def create_topics(settings: Settings) -> list[str]:
    """Create what is missing; a line for each topic of what was done or found.

    Existing topics are never altered: a line tells where their settings differ. All partitions
    of all topics have a leader when this returns.

    Raises:
        TopicError: an existing topic has another number of partitions (then nothing was created),
            or the broker refused to create one.
        KafkaError, OSError: the broker cannot be reached or used.
    """
    async with admin_client(settings) as admin:
        found = await describe_topics(admin, _names())
        _check_partitions(settings, found)
        missing = [topic for topic in TOPICS if topic.name not in found]
        created = await _create(admin, settings, missing)
        described = await _ready(admin)
        # Another process may have created some in the meantime, with other settings.
        _check_partitions(settings, described)
        existing = [topic for topic in TOPICS if topic.name not in created]
        differences = await _differences(admin, settings, existing, described)
    return [
        f"{topic.name}: created, {_summary(topic, settings)}"
        if topic.name in created
        else f"{topic.name}: exists, {'; '.join(differences[topic.name]) or 'as configured'}"
        for topic in TOPICS
    ]


def topic_configs(topic: TopicSpec, settings: Settings) -> dict[str, str]:
    """Kafka's own settings of *topic*."""
    limit = MAX_DEAD_LETTER_BYTES if topic is DEAD_LETTERS else MAX_MESSAGE_BYTES
    configs = {
        "min.insync.replicas": str(settings.min_insync_replicas),
        "max.message.bytes": str(limit),
    }
    if topic.kept is Kept.COMPACTED:
        return {**configs, "cleanup.policy": "compact"}
    retention = int(settings.kafka_retention_days * MS_PER_DAY)
    return {**configs, "cleanup.policy": "delete", "retention.ms": str(retention)}


def _names() -> list[str]:
    return [topic.name for topic in TOPICS]


def _summary(topic: TopicSpec, settings: Settings) -> str:
    kept = (
        "compacted"
        if topic.kept is Kept.COMPACTED
        else f"kept for {settings.kafka_retention_days:g} days"
    )
    return (
        f"{settings.kafka_partitions} partitions, "
        f"replication {settings.kafka_replication_factor}, {kept}"
    )


def _check_partitions(settings: Settings, described: dict[str, Any]) -> None:
    counts = {name: len(topic["partitions"]) for name, topic in described.items()}
    faults = [
        f"{name} has {count} partitions, KAFKA_PARTITIONS is {settings.kafka_partitions}: set "
        f"KAFKA_PARTITIONS={count}, or delete the topic with its records (it cannot be changed, "
        "because the partition of an item depends on the number)"
        for name, count in sorted(counts.items())
        if count != settings.kafka_partitions
    ]
    if faults:
        raise TopicError(faults)


async def _create(
    admin: AIOKafkaAdminClient, settings: Settings, missing: list[TopicSpec]
) -> set[str]:
    """The names of those that this call created."""
    if not missing:
        return set()
    response = await admin.create_topics(
        [
            NewTopic(
                topic.name,
                settings.kafka_partitions,
                settings.kafka_replication_factor,
                topic_configs=topic_configs(topic, settings),
            )
            for topic in missing
        ]
    )
    outcomes = {name: (for_code(code), message) for name, code, message in response.topic_errors}
    faults = [
        f"{name}: {error.__name__}: {message}"
        for name, (error, message) in outcomes.items()
        if error.errno not in (0, TopicAlreadyExistsError.errno)
    ]
    if faults:
        raise TopicError(faults)
    return {name for name, (error, _) in outcomes.items() if error.errno == 0}


async def _ready(admin: AIOKafkaAdminClient) -> dict[str, Any]:
    """Metadata of all topics, once all of their partitions have a leader."""
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            while True:
                described = await describe_topics(admin, _names())
                if len(described) == len(TOPICS) and all(
                    partition["leader"] >= 0
                    for topic in described.values()
                    for partition in topic["partitions"]
                ):
                    return described
                await asyncio.sleep(READY_INTERVAL)
    except TimeoutError:
        raise TopicError([f"no leader for some partition after {READY_TIMEOUT:g} s"]) from None


async def _differences(
    admin: AIOKafkaAdminClient,
    settings: Settings,
    topics: list[TopicSpec],
    described: dict[str, Any],
) -> dict[str, list[str]]:
    """Where existing topics are not as configured, in words, by topic."""
    differences: dict[str, list[str]] = {topic.name: [] for topic in topics}
    if not topics:
        return differences
    for topic in topics:
        copies = len(described[topic.name]["partitions"][0]["replicas"])
        if copies != settings.kafka_replication_factor:
            wanted = settings.kafka_replication_factor
            differences[topic.name].append(f"replication is {copies}, configured is {wanted}")
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    actual: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _, _, _, name, entries in response.resources:
            # Empty where reading the configuration is not allowed.
            actual[name] = {entry[0]: entry[1] for entry in entries}
    for topic in topics:
        for name, wanted_value in topic_configs(topic, settings).items():
            value = actual.get(topic.name, {}).get(name, wanted_value)
            if value != wanted_value:
                differences[topic.name].append(f"{name} is {value}, configured is {wanted_value}")
    return differences
