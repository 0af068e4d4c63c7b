"""The configuration of every topic: copies, retention, compaction, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from walmart_stream.kafka.clients import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES
from walmart_stream.settings import Settings
from walmart_stream.tables import TABLES, TableSpec, changelog_name
from walmart_stream.topics import DEAD_LETTERS, TOPICS, Kept, TopicSpec

MS_PER_DAY = 86_400_000

# A zombie's value may follow its successor's in a changelog. Both must be there to compare until
# the successor has written the item again: after its takeover (a session is 5 minutes at most) and
# the item's next poll.
TAKEOVER_MS = 600_000

# Compaction and retention act on closed segments only; recovery reads all the others.
SEGMENT_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class RequiredTopic:
    """A topic as it must be. ``configs``: Kafka's own settings of it, as Kafka writes them."""

    name: str
    partitions: int
    copies: int
    configs: Mapping[str, str]
    is_changelog: bool = False

    @property
    def cleanup(self) -> frozenset[str]:
        """The parts of the cleanup policy: compact, delete or both."""
        return frozenset(self.configs["cleanup.policy"].split(","))


def required_topics(settings: Settings) -> tuple[RequiredTopic, ...]:
    """The topics of the registry, then the changelogs of the tables."""
    configs = {topic.name: topic_configs(topic, settings) for topic in TOPICS}
    changelogs = {changelog_name(settings, table): table for table in TABLES}
    configs |= {name: changelog_configs(table, settings) for name, table in changelogs.items()}
    return tuple(
        RequiredTopic(
            name,
            settings.kafka_partitions,
            settings.kafka_replication_factor,
            of_topic,
            is_changelog=name in changelogs,
        )
        for name, of_topic in configs.items()
    )


def topic_configs(topic: TopicSpec, settings: Settings) -> dict[str, str]:
    """Kafka's own settings of a *topic* of the registry."""
    limit = MAX_DEAD_LETTER_BYTES if topic is DEAD_LETTERS else MAX_MESSAGE_BYTES
    configs = _common(settings, limit)
    if topic.kept is Kept.COMPACTED:
        return {**configs, "cleanup.policy": "compact"}
    return {
        **configs,
        "cleanup.policy": "delete",
        "retention.ms": str(int(settings.kafka_retention_days * MS_PER_DAY)),
        # The broker may limit by size as well, for every topic that does not say otherwise.
        "retention.bytes": "-1",
    }


def changelog_configs(table: TableSpec, settings: Settings) -> dict[str, str]:
    """Kafka's own settings of the changelog of *table*."""
    lag = TAKEOVER_MS + int(settings.poll_interval_max * 1000)
    configs = {
        **_common(settings, MAX_MESSAGE_BYTES),
        "min.compaction.lag.ms": str(lag),
        "segment.ms": str(SEGMENT_MS),
        # A worker that comes back within half of it (see AwaitedTable) finds every deletion.
        "delete.retention.ms": str(MS_PER_DAY),
    }
    if not table.windowed:
        return {**configs, "cleanup.policy": "compact"}
    return {
        **configs,
        # Old windows are in the database; what is read here are an item's newest two.
        "cleanup.policy": "compact,delete",
        "retention.ms": str(MS_PER_DAY + 2 * settings.window_size * 1000),
        "retention.bytes": "-1",
    }


def _common(settings: Settings, limit: int) -> dict[str, str]:
    return {
        "min.insync.replicas": str(settings.min_insync_replicas),
        "max.message.bytes": str(limit),
    }
