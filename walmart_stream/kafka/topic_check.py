"""Compares topics with the required ones: differences that endanger data, and harmless ones.

A setting that the broker does not report is not an error: the embedded one reports what it was
given at creation, and Kafka reports nothing of a topic that the user may not describe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from walmart_stream.kafka.surplus import SurplusPartition, in_words
from walmart_stream.kafka.topic_configs import MS_PER_DAY, RequiredTopic
from walmart_stream.settings import Settings

# What is at risk where a number is smaller than required; Kafka writes "without limit" as -1.
_TOO_SMALL = {
    "min.insync.replicas": "a record would count as written with too few copies",
    "retention.ms": "records would be deleted too early",
    "retention.bytes": "records would be deleted too early",
    "min.compaction.lag.ms": "a newer value could be compacted away before its worker has written "
    "it again, at most POLL_INTERVAL_MAX later",
    "delete.retention.ms": "a worker that returns with its data on disk would keep deleted keys",
    "max.message.bytes": "records might not fit",
}

# What changelogs of earlier releases have: ten minutes and an hour, the longest interval of then.
# It is enough, as it was, for all items that are polled every hour.
EARLIER_LAG_MS = 4_200_000

_TOO_MUCH_CLEANUP = {
    "compact": "all records of a key but the last would be deleted",
    "delete": "values that do not change would be deleted",
}


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as it is. ``copies``: of its least copied partition; ``configs``: those told.

    ``surplus``: its partitions beyond the configured number.
    """

    partitions: int
    copies: int
    configs: Mapping[str, str]
    surplus: Sequence[SurplusPartition] = ()


@dataclass(slots=True)
class Comparison:
    """In words: ``faults`` endanger data and say what to do, ``differences`` do not."""

    faults: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def compare(required: RequiredTopic, found: FoundTopic, settings: Settings) -> Comparison:
    """How *found* differs from *required*, which was made of *settings*."""
    comparison = Comparison()
    _compare_partitions(required, found, settings, comparison)
    _compare_copies(required, found, comparison)
    for name, wanted in required.configs.items():
        actual = found.configs.get(name)
        if actual is None or _same(name, actual, wanted):
            continue
        risk = _risk(required, found, name, actual, wanted)
        if risk is None:
            comparison.differences.append(f"{name} is {actual}, configured is {wanted}")
        else:
            comparison.faults.append(
                f"{required.name}: {name} is {actual}, needed is {wanted}: {risk}; "
                + _what_to_do(required, name, actual, settings)
            )
    return comparison


def missing(required: RequiredTopic, settings: Settings) -> str:
    """The advice on a topic that does not exist and must not be created at start."""
    configs = " ".join(f"--config {name}={value}" for name, value in required.configs.items())
    return (
        f"{required.name} does not exist, or the user may not see it, and KAFKA_CREATE_TOPICS is "
        "false: run walmart-stream topics, or "
        f"{tool('kafka-topics', settings)} --create --topic {required.name} "
        f"--partitions {required.partitions} --replication-factor {required.copies} {configs}"
    )


def _compare_partitions(
    required: RequiredTopic, found: FoundTopic, settings: Settings, comparison: Comparison
) -> None:
    if found.partitions == required.partitions:
        return
    if found.surplus and all(one.is_settled(required.partitions) for one in found.surplus):
        comparison.differences.append(
            f"it has {found.partitions} partitions and KAFKA_PARTITIONS is {required.partitions}; "
            "all records beyond them were moved"
        )
        return
    if others := {one.moved.of for one in found.surplus if one.moved} - {required.partitions}:
        comparison.faults.append(
            f"{required.name}: KAFKA_PARTITIONS is {required.partitions}, and records were moved "
            f"for another number: set KAFKA_PARTITIONS={min(others)}"
        )
        return
    if found.surplus and all(one.moved for one in found.surplus):
        comparison.faults.append(f"{required.name}: {in_words(found.surplus)}")
        return
    advice = (
        "or start with another APP_ID, whose tables are recreated from the topics"
        if required.is_changelog
        else "or delete the topic with its records (it cannot be changed, because the partition "
        "of an item depends on the number)"
    )
    comparison.faults.append(
        f"{required.name} has {found.partitions} partitions, KAFKA_PARTITIONS is "
        f"{settings.kafka_partitions}: set KAFKA_PARTITIONS={found.partitions}, {advice}"
        + (
            "; if somebody has added partitions, leave the setting as it was, and move what stands "
            "in them: walmart-stream partitions move"
            if found.partitions > required.partitions
            else ""
        )
    )


def _compare_copies(required: RequiredTopic, found: FoundTopic, comparison: Comparison) -> None:
    if found.copies > required.copies:
        comparison.differences.append(
            f"replication is {found.copies}, configured is {required.copies}"
        )
    elif found.copies < required.copies:
        comparison.faults.append(
            f"{required.name}: replication is {found.copies}, needed is {required.copies}: records "
            "would be lost with fewer brokers than configured; add copies with "
            f"kafka-reassign-partitions, or set KAFKA_REPLICATION_FACTOR={found.copies}"
        )
    needed = found.configs.get("min.insync.replicas")
    if needed is not None and int(needed) > found.copies:
        comparison.faults.append(
            f"{required.name}: min.insync.replicas is {needed}, and there are {found.copies} "
            "copies: nothing can be written; lower it with kafka-configs, or add copies with "
            "kafka-reassign-partitions"
        )


def _same(name: str, actual: str, wanted: str) -> bool:
    if name == "cleanup.policy":
        return _parts(actual) == _parts(wanted)
    return actual == wanted


def _risk(
    required: RequiredTopic, found: FoundTopic, name: str, actual: str, wanted: str
) -> str | None:
    """Why a setting that differs endangers data, ``None`` if it does not."""
    if name == "cleanup.policy":
        excess = _parts(actual) - required.cleanup
        return _TOO_MUCH_CLEANUP.get(min(excess)) if excess else None
    if name.startswith("retention") and "delete" not in _parts(
        found.configs.get("cleanup.policy", "delete")
    ):
        return None
    if name == "min.compaction.lag.ms":
        wanted = str(min(int(wanted), EARLIER_LAG_MS))
    if _size(actual) >= _size(wanted):
        return None
    return _TOO_SMALL.get(name)


def _what_to_do(required: RequiredTopic, name: str, actual: str, settings: Settings) -> str:
    command = (
        f"{tool('kafka-configs', settings)} --alter --topic {required.name} "
        f"--add-config {name}={required.configs[name]}"
    )
    if name == "retention.ms" and not required.is_changelog and int(actual) >= MS_PER_DAY:
        return f"set KAFKA_RETENTION_DAYS={int(actual) // MS_PER_DAY}, or {command}"
    return command


def tool(name: str, settings: Settings) -> str:
    """The beginning of a command line of Kafka's own tool *name*."""
    command = f"{name} --bootstrap-server {','.join(settings.kafka_brokers)}"
    if settings.kafka_security_protocol != "PLAINTEXT":
        command += " --command-config CLIENT.properties"
    return command


def _parts(policy: str) -> frozenset[str]:
    return frozenset(part.strip() for part in policy.split(",") if part.strip())


def _size(value: str) -> float:
    number = int(value)
    return float("inf") if number < 0 else number
