"""Pipelines of a test's or a module's own: topic names are fixed, so each has its broker."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.observations import WINDOWS
from tests.pipeline.pipeline import Pipeline
from walmart_stream.local.broker import EmbeddedBroker, find_tansu
from walmart_stream.local.mongod import EmbeddedMongod, find_mongod
from walmart_stream.local.processes import StartError

PARTITIONS = "4"

MakePipeline = Callable[..., Pipeline]


@pytest.fixture(scope="module")
def module_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """A broker that the tests of a module share."""
    try:
        find_tansu()
    except StartError as exc:
        pytest.skip(str(exc))
    server = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="module")
def module_pipeline(
    module_broker: EmbeddedBroker,
    mongod: EmbeddedMongod,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    """A pipeline without workers that the tests of a module share; it has small windows."""
    pipeline = Pipeline(
        {
            "KAFKA_BROKERS": module_broker.bootstrap,
            "KAFKA_PARTITIONS": PARTITIONS,
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": f"test_{uuid.uuid4().hex}",
            **WINDOWS,
        },
        tmp_path_factory.mktemp("pipeline"),
    )
    yield pipeline
    asyncio.run(pipeline.stop())


@pytest.fixture
async def make_pipeline(
    fresh_broker: EmbeddedBroker, mongod: EmbeddedMongod, mongodb_database: str, tmp_path: Path
) -> AsyncIterator[MakePipeline]:
    """Pipelines of this test's own; keyword arguments are further settings."""
    made = []

    def make(**environment: str) -> Pipeline:
        servers = {
            "KAFKA_BROKERS": fresh_broker.bootstrap,
            "KAFKA_PARTITIONS": PARTITIONS,
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": mongodb_database,
        }
        pipeline = Pipeline(servers | environment, tmp_path)
        made.append(pipeline)
        return pipeline

    yield make
    for pipeline in made:
        await pipeline.stop()


@pytest.fixture
async def own_mongod(tmp_path: Path) -> AsyncIterator[EmbeddedMongod]:
    """A MongoDB of this test's own, which it may kill."""
    try:
        find_mongod()
    except StartError as exc:
        pytest.skip(str(exc))
    server = EmbeddedMongod(tmp_path)
    await server.start()
    yield server
    await server.kill()
