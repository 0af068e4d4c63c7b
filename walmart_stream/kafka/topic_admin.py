"""``walmart-stream topics``: creates the topics as configured; safe to repeat.

Every worker does the same at its start, before it consumes or produces anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.lost_changelogs import lost_changelogs
from walmart_stream.kafka.surplus import surplus_of
from walmart_stream.kafka.topic_check import Comparison, FoundTopic, compare, missing
from walmart_stream.kafka.topic_configs import MS_PER_DAY, RequiredTopic, required_topics
from walmart_stream.settings import Settings

# Until every partition of what was created has a leader.
READY_TIMEOUT = 60.0
READY_INTERVAL = 0.1


# A node that is away is still asked now and then; another attempt asks another one.
ATTEMPTS_TIMEOUT = 15.0
ATTEMPT_INTERVAL = 0.5


class TopicError(KafkaError):  # type: ignore[misc]
    """The topics cannot be as configured; the message names all of them and what to do."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("the topics are not usable:\n" + "\n".join(f"  {f}" for f in faults))

    def __str__(self) -> str:
        # The base class puts the name of the class before it, as those who print errors do.
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class TopicState:
    """A usable topic: whether this call created it, and where it harmlessly differs, in words.

    ``partitions`` are those that it has: more than required if what was beyond them was moved.
    """

    topic: RequiredTopic
    created: bool
    partitions: int
    differences: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        """JSON fields."""
        return {
            "name": self.topic.name,
            "created": self.created,
            "partitions": self.topic.partitions,
            "copies": self.topic.copies,
            "differences": self.differences,
        }

    def __str__(self) -> str:
        if self.created:
            return f"{self.topic.name}: created, {_summary(self.topic)}"
        return f"{self.topic.name}: exists, {'; '.join(self.differences) or 'as configured'}"


async def create_topics(settings: Settings) -> list[TopicState]:
    """Create what is missing of the topics and changelogs, check the rest; one state for each.

    Existing topics are never altered. All partitions have a leader when this returns.

    Raises:
        TopicError: an existing topic is so that data is in danger, or a changelog is lost (then
            nothing was created), or the broker refused to create one.
        KafkaError, OSError: the broker cannot be reached or used.
    """
    return await _prepare(settings, create=True)


async def check_topics(settings: Settings) -> list[TopicState]:
    """As :func:`create_topics`, but a missing topic is a fault."""
    return await _prepare(settings, create=False)


async def _prepare(settings: Settings, *, create: bool) -> list[TopicState]:
    deadline = time.monotonic() + ATTEMPTS_TIMEOUT
    while True:
        try:
            return await _attempt(settings, create=create)
        except KafkaConnectionError:
            # None of the brokers answers: that may take long, or be a wrong address.
            raise
        except KafkaError as exc:
            if not exc.retriable or time.monotonic() > deadline:
                raise
        await asyncio.sleep(ATTEMPT_INTERVAL)


async def _attempt(settings: Settings, *, create: bool) -> list[TopicState]:
    required = required_topics(settings)
    async with admin_client(settings) as admin:
        found = await _with_surplus(settings, await _find(admin, required))
        comparisons, faults = _compare(required, found, settings)
        absent = [topic for topic in required if topic.name not in found]
        counts = {name: topic.partitions for name, topic in found.items()}
        faults += await lost_changelogs(settings, {topic.name for topic in absent}, counts)
        if not create:
            faults += [missing(topic, settings) for topic in absent]
        if faults:
            raise TopicError(faults)
        created: set[str] = set()
        if absent:
            created = await _create(admin, absent)
            # Another process may have created some in the meantime, with other settings.
            expected = {topic.name for topic in absent}
            found = await _with_surplus(settings, await _find(admin, required, expected))
            comparisons, faults = _compare(required, found, settings)
            if faults:
                raise TopicError(faults)
    return [
        TopicState(
            topic,
            topic.name in created,
            found[topic.name].partitions,
            comparisons[topic.name].differences,
        )
        for topic in required
    ]


async def _with_surplus(
    settings: Settings, found: Mapping[str, FoundTopic]
) -> dict[str, FoundTopic]:
    counts = {name: topic.partitions for name, topic in found.items()}
    surplus = await surplus_of(settings, counts)
    return {
        name: replace(topic, surplus=[one for one in surplus if one.topic == name])
        for name, topic in found.items()
    }


def _compare(
    required: Iterable[RequiredTopic], found: dict[str, FoundTopic], settings: Settings
) -> tuple[dict[str, Comparison], list[str]]:
    comparisons = {
        topic.name: compare(topic, found[topic.name], settings)
        for topic in required
        if topic.name in found
    }
    return comparisons, [fault for one in comparisons.values() for fault in one.faults]


def _summary(topic: RequiredTopic) -> str:
    if "delete" in topic.cleanup:
        kept = f"kept for {round(int(topic.configs['retention.ms']) / MS_PER_DAY, 2):g} days"
    else:
        kept = "compacted"
    return f"{topic.partitions} partitions, replication {topic.copies}, {kept}"


async def _create(admin: AIOKafkaAdminClient, absent: Iterable[RequiredTopic]) -> set[str]:
    """The names of those that this call created."""
    response = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, topic.copies, topic_configs=dict(topic.configs))
            for topic in absent
        ]
    )
    outcomes = {name: (for_code(code), message) for name, code, message in response.topic_errors}
    for error, message in outcomes.values():
        if error.retriable:
            raise error(message)
    faults = [
        f"{name}: {error.__name__}: {message}"
        for name, (error, message) in outcomes.items()
        if error.errno not in (0, TopicAlreadyExistsError.errno)
    ]
    if faults:
        raise TopicError(faults)
    return {name for name, (error, _) in outcomes.items() if error.errno == 0}


async def _find(
    admin: AIOKafkaAdminClient,
    required: Iterable[RequiredTopic],
    expected: Iterable[str] = (),
) -> dict[str, FoundTopic]:
    """The topics of *required* that exist, by name, once all their partitions have a leader.

    *expected* are known to exist, so they are waited for.

    Raises:
        KafkaTimeoutError: there is none for some partition.
    """
    names = {topic.name for topic in required}
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            while True:
                # All are asked for: a broker may create the ones that are asked for by name.
                described = {
                    topic["topic"]: topic
                    for topic in await admin.describe_topics()
                    if topic["topic"] in names
                    and topic["error_code"] != UnknownTopicOrPartitionError.errno
                }
                if described.keys() >= set(expected) and all(map(_is_ready, described.values())):
                    break
                await asyncio.sleep(READY_INTERVAL)
    except TimeoutError:
        raise KafkaTimeoutError(
            f"some partition of the topics has no leader after {READY_TIMEOUT:g} s"
        ) from None
    configs = await _configs(admin, described)
    return {
        name: FoundTopic(
            partitions=len(topic["partitions"]),
            copies=min(len(partition["replicas"]) for partition in topic["partitions"]),
            configs=configs.get(name, {}),
        )
        for name, topic in described.items()
    }


def _is_ready(topic: dict[str, Any]) -> bool:
    partitions = topic["partitions"]
    return bool(
        topic["error_code"] == 0
        and partitions
        and all(partition["leader"] >= 0 for partition in partitions)
    )


async def _configs(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """The configuration of topics by name; nothing where reading it is not allowed."""
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    return {
        name: {entry[0]: entry[1] for entry in entries if entry[1] is not None}
        for response in await admin.describe_configs(resources)
        for _, _, _, name, entries in response.resources
    }
