"""Apache Kafka for the tests of this folder: one node for the run, where Java and Maven are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.real.node_pipeline import NodePipeline, node_pipeline
from tests.real.secure_kafka import SecureKafka
from walmart_stream.kafka.acls import Role
from walmart_stream.local.kafka import KafkaNode
from walmart_stream.local.mongod import EmbeddedMongod

MakeNodePipeline = Callable[..., Awaitable[NodePipeline]]


@pytest.fixture(scope="session")
def secure_kafka(
    kafka_class_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureKafka]:
    """One node for the run that lets nobody in without a login and an ACL.

    Its users are named as the roles of ``walmart-stream acl``; ``nobody`` never gets any ACL.
    """
    names = [*Role, "nobody"]
    server = SecureKafka(tmp_path_factory.mktemp("secure-kafka"), kafka_class_path, *names)
    asyncio.run(server.node.start())
    yield server
    asyncio.run(server.node.stop())


@pytest.fixture(scope="session")
def kafka_node(
    kafka_class_path: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KafkaNode]:
    """One node for the run, with the configuration that compose mounts."""
    # The cleaner otherwise looks for work every 15 s only, which a test has to wait for.
    overrides = {"log.cleaner.backoff.ms": "200"}
    node = KafkaNode(tmp_path_factory.mktemp("kafka"), kafka_class_path, overrides=overrides)
    asyncio.run(node.start())
    yield node
    asyncio.run(node.stop())


@pytest.fixture
async def make_node_pipeline(
    kafka_class_path: str, mongod: EmbeddedMongod, mongodb_database: str, tmp_path: Path
) -> AsyncIterator[MakeNodePipeline]:
    """A pipeline on a node of this test's own; keyword arguments are further settings."""
    async with AsyncExitStack() as stack:

        async def make(**environment: str) -> NodePipeline:
            servers = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": mongodb_database}
            settings = {**servers, **environment}
            made = node_pipeline(kafka_class_path, tmp_path, settings)
            return await stack.enter_async_context(made)

        yield make
