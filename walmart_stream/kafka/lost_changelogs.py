"""Changelogs that are gone although their tables had content, which a new one would not have."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError

from walmart_stream.kafka.clients import client_options, stop
from walmart_stream.kafka.topic_check import tool
from walmart_stream.settings import Settings
from walmart_stream.tables import TABLES, changelog_name


async def lost_changelogs(
    settings: Settings, absent: Collection[str], partitions: Mapping[str, int]
) -> list[str]:
    """A fault, with what to do, for each table that would start empty and go on in the middle.

    *absent* are the names of topics that are not there, *partitions* counts those that are. A
    topic that this consumer group has processed leaves content in the tables that are made of it.

    Raises:
        KafkaError: the group's offsets cannot be read.
    """
    lost = [
        (changelog_name(settings, table), table.made_of)
        for table in TABLES
        if changelog_name(settings, table) in absent and table.made_of in partitions
    ]
    faults = []
    for changelog, source in lost:
        assert source is not None
        if await _has_processed(settings, source, partitions[source]):
            faults.append(
                f"{changelog} does not exist, although this APP_ID has processed {source}: "
                "its table is lost, and results would be wrong without it; start with another "
                "APP_ID, whose tables are recreated (and, where the topic no longer begins at "
                "offset 0, another MONGODB_DATABASE), or stop all workers and let this one begin "
                f"anew: {tool('kafka-consumer-groups', settings)} --group {settings.app_id} "
                f"--topic {source} --reset-offsets --to-earliest --execute"
            )
    return faults


async def _has_processed(settings: Settings, topic: str, partitions: int) -> bool:
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id, enable_auto_commit=False
    )
    try:
        await consumer.start()
        tps = [TopicPartition(topic, partition) for partition in range(partitions)]
        # It joins the group as nobody: assigned by hand, it only reads what was committed.
        consumer.assign(tps)
        return any([await consumer.committed(tp) for tp in tps])
    except GroupAuthorizationFailedError:
        # Who makes the topics need not be who works on them.
        return False
    finally:
        await stop(consumer)
