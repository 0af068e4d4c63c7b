"""Unclean elections: a node that lacks acknowledged records becomes the leader of their log.

It takes two copies of which one suffices for an acknowledgement, and a topic that lets a copy lead
that is not in sync. The one that was ahead is cut to the other's end when it returns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from tests.pipeline.worker import until
from walmart_stream import topics
from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.topic_configs import topic_configs
from walmart_stream.local.kafka import KafkaNode
from walmart_stream.settings import Settings

COPIES = 2

# What the copy that leads later lacks, in seconds of traffic.
AHEAD = 3.0

# A dead broker is noticed after nine seconds, and there are two; machines may be slow.
DEADLINE = 300.0


async def create_raw(settings: Settings) -> None:
    """Create the raw topic as configured, but that any of its copies may lead."""
    configs = topic_configs(topics.RAW, settings) | {"unclean.leader.election.enable": "true"}
    new = NewTopic(
        topics.RAW.name,
        settings.kafka_partitions,
        settings.kafka_replication_factor,
        topic_configs=configs,
    )
    async with admin_client(settings) as admin:
        await admin.create_topics([new])


async def elect_unclean(
    nodes: Sequence[KafkaNode], first: int, killed: Callable[[str], None]
) -> None:
    """Have the *first* of three nodes lead without what its neighbour acknowledged meanwhile."""
    behind, ahead, witness = (nodes[(first + step) % len(nodes)] for step in range(3))

    async def is_out_of_sync() -> bool:
        partitions = await _raw(witness)
        return bool(partitions) and all(behind.node_id not in one["isr"] for one in partitions)

    async def is_led() -> bool:
        partitions = await _raw(witness)
        return bool(partitions) and all(
            one["leader"] in (behind.node_id, witness.node_id) for one in partitions
        )

    await behind.kill()
    killed("node")
    await until("a dead copy is out of sync", is_out_of_sync, DEADLINE)
    await asyncio.sleep(AHEAD)
    await ahead.kill()
    killed("node")
    await behind.launch()
    await until("the copy that lacks records leads", is_led, DEADLINE)
    await ahead.launch()
    await asyncio.gather(behind.ready(), ahead.ready())


async def _raw(node: KafkaNode) -> list[dict[str, Any]]:
    """The partitions of the raw topic as *node* knows them; none while it does not answer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=node.bootstrap, request_timeout_ms=5000)
    try:
        await admin.start()
        [topic] = await admin.describe_topics([topics.RAW.name])
        partitions: list[dict[str, Any]] = topic["partitions"]
        return partitions
    except (KafkaError, TimeoutError):
        return []
    finally:
        await admin.close()
