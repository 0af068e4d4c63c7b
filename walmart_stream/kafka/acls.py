"""The permissions of each role in Kafka, and no more: one registry, from which ACLs are made.

Reading and writing bring with them the permission to describe, in Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from walmart_stream import topics
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.settings import Settings


class Role(StrEnum):
    """A kind of client of the brokers."""

    WORKER = "worker"
    """A worker; topics are there before it starts (KAFKA_CREATE_TOPICS=false)."""
    POLLER = "poller"
    """A program of one's own that observes the watched items."""
    READER = "reader"
    """The commands that only look: ``watch list``, ``verify``, ``replay``."""
    RELEASE = "release"
    """``walmart-stream topics``."""


class Resource(IntEnum):
    """The kind of object that an ACL protects, by its number in Kafka's protocol."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """An operation that an ACL allows, by its number in Kafka's protocol."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10

    @property
    def kafka_name(self) -> str:
        """As Kafka's documents and tools write it."""
        return "".join(word.capitalize() for word in self.name.split("_"))


@dataclass(frozen=True, slots=True)
class Acl:
    """One operation allowed on the one resource of exactly this *name*."""

    resource: Resource
    name: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.operation.kafka_name} on {self.resource.name.lower()} {self.name}"


_BOTH = (Operation.READ, Operation.WRITE)

# Topics not named here are not for that role; changelogs are the workers' own.
_OF_TOPICS: dict[Role, dict[str, tuple[Operation, ...]]] = {
    Role.WORKER: {
        topics.WATCHLIST.name: _BOTH,
        topics.RAW.name: _BOTH,
        topics.SELLER_NEWS.name: _BOTH,
        topics.RESULTS.name: _BOTH,
        topics.ALERT_RULES.name: _BOTH,
        topics.ALERTS.name: _BOTH,
        topics.DEAD_LETTERS.name: _BOTH,
        topics.PARTITIONS.name: _BOTH,
    },
    Role.POLLER: {
        topics.WATCHLIST.name: (Operation.READ,),
        topics.RAW.name: (Operation.WRITE,),
    },
    Role.READER: {
        topics.WATCHLIST.name: (Operation.READ,),
        topics.RAW.name: (Operation.READ,),
        topics.RESULTS.name: (Operation.READ,),
        topics.ALERT_RULES.name: (Operation.READ,),
        topics.ALERTS.name: (Operation.READ,),
        topics.DEAD_LETTERS.name: (Operation.READ,),
        topics.PARTITIONS.name: (Operation.READ,),
    },
}


def role_acls(settings: Settings, role: Role) -> list[Acl]:
    """Everything that *role* needs, topics first; no wildcard and no prefix is among it."""
    acls = [
        Acl(Resource.TOPIC, topic.name, operation)
        for topic in required_topics(settings)
        for operation in _of_topic(role, topic.name, is_changelog=topic.is_changelog)
    ]
    if role is Role.WORKER:
        acls.append(Acl(Resource.GROUP, settings.app_id, Operation.READ))
    elif role is Role.RELEASE:
        # It looks whether a changelog that is missing was in use.
        acls.append(Acl(Resource.GROUP, settings.app_id, Operation.DESCRIBE))
    return acls


def _of_topic(role: Role, name: str, *, is_changelog: bool) -> tuple[Operation, ...]:
    if role is Role.RELEASE:
        return (Operation.CREATE, Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS)
    given = _BOTH if is_changelog and role is Role.WORKER else _OF_TOPICS[role].get(name, ())
    # A worker checks how its topics are kept before it trusts them with anything.
    return (*given, Operation.DESCRIBE_CONFIGS) if role is Role.WORKER else given
