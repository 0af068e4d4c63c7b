"""The servers of the tests: one embedded broker and one mongod for each process, on free ports.

Unit tests have none of it: their settings name hosts that nobody answers at.
"""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import logging
import os
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from tests.hang import alarm, limited
from tests.order import (  # noqa: F401 - hooks
    arrange,
    pytest_addoption,
    pytest_configure_node,
    pytest_report_header,
    pytest_xdist_auto_num_workers,
    seed_of,
)
from walmart_stream.local.broker import EmbeddedBroker, find_tansu
from walmart_stream.local.kafka import (
    KafkaNode,
    class_archive,
    missing_tools,
    resolve_class_path,
)
from walmart_stream.local.mongod import EmbeddedMongod, find_mongod
from walmart_stream.local.processes import StartError
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]

# Port 1 is reserved and has no server: a connection is refused at once.
UNREACHABLE_BROKER = "127.0.0.1:1"
UNREACHABLE_MONGODB = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=100"

# What needs a server is marked by what it asks for, so that nobody forgets.
MARK_OF_FIXTURE = {
    "broker": "integration",
    "fresh_broker": "integration",
    "mongod": "integration",
    "kafka_node": "real_kafka",
    "kafka_class_path": "real_kafka",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        for mark in {MARK_OF_FIXTURE[name] for name in fixtures if name in MARK_OF_FIXTURE}:
            item.add_marker(mark)
        # Those that hypothesis calls many times wait for nothing.
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = limited(item.obj)
    # In one process, an order that nobody asked for would only be hard to follow.
    if hasattr(config, "workerinput") or seed_of(config) is not None:
        items[:] = arrange(items, seed_of(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    with alarm():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    with alarm():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    with alarm():
        yield


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's environment must neither steer a test nor be written to by one."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.delenv(f"{name.upper()}_FILE", raising=False)


@pytest.fixture(autouse=True)
def _loggers_that_are_heard() -> None:
    """A test that configures logging leaves no logger silent that the next one listens to.

    Commands, which tests call in their own process, silence aiokafka.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        heard = name.partition(".")[0] in ("walmart_stream", "aiokafka")
        if heard and isinstance(logger, logging.Logger):
            logger.disabled, logger.propagate = False, True
            logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """This process's broker. Topic names are fixed: who uses them takes ``fresh_broker``."""
    _skip_without(find_tansu)
    server = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture
async def fresh_broker(tmp_path: Path) -> AsyncIterator[EmbeddedBroker]:
    """A broker of this test's own, without any topic."""
    _skip_without(find_tansu)
    server = EmbeddedBroker(tmp_path)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedMongod]:
    """This process's MongoDB. Tests that stop or kill one start their own."""
    _skip_without(find_mongod)
    server = EmbeddedMongod(tmp_path_factory.mktemp("mongod"))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())


@pytest.fixture(scope="session")
def kafka_class_path(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Apache Kafka's class path, for tests that start nodes.

    Where nobody has left the archive of its classes yet, a node that ends at once does: each of
    those that start before the first one ends would make one, which takes 5 s of CPU.
    """
    if (reason := missing_tools()) is not None:
        pytest.skip(reason)
    cache = pytestconfig.cache.mkdir("apache-kafka")
    class_path = resolve_class_path(cache)
    archive = class_archive(class_path)
    with (cache / "archive.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.is_file() and os.access(archive.parent, os.W_OK):
            node = KafkaNode(tmp_path_factory.mktemp("archive"), class_path)
            asyncio.run(node.start())
            asyncio.run(node.stop())
    return class_path


@pytest.fixture
def mongodb_database(mongod: EmbeddedMongod) -> Iterator[str]:
    """Name of a database of this test's own, dropped afterwards."""
    name = f"test_{uuid.uuid4().hex}"
    yield name
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(name)


@pytest.fixture
def make_unreachable_settings(tmp_path: Path) -> MakeSettings:
    """Settings whose servers do not exist; keyword arguments override fields."""

    def make(**overrides: Any) -> Settings:
        fields = {
            "kafka_brokers": (UNREACHABLE_BROKER,),
            "kafka_partitions": 4,
            # The embedded broker waits half of it at each join.
            "kafka_session_timeout": 6,
            "mongodb_uri": UNREACHABLE_MONGODB,
            "mongodb_database": "unreachable",
            "app_id": f"test-{uuid.uuid4().hex[:12]}",
            "data_dir": tmp_path,
        }
        return Settings.model_validate(fields | overrides)

    return make


@pytest.fixture
def make_reachable_settings(
    fresh_broker: EmbeddedBroker,
    mongod: EmbeddedMongod,
    mongodb_database: str,
    make_unreachable_settings: MakeSettings,
) -> MakeSettings:
    """Settings of a broker and a database of the test's own; keyword arguments override fields."""

    def make(**overrides: Any) -> Settings:
        fields = {
            "kafka_brokers": (fresh_broker.bootstrap,),
            "mongodb_uri": mongod.uri,
            "mongodb_database": mongodb_database,
        }
        return make_unreachable_settings(**fields | overrides)

    return make


@pytest.fixture
def make_settings(
    broker: EmbeddedBroker,
    mongod: EmbeddedMongod,
    mongodb_database: str,
    make_unreachable_settings: MakeSettings,
) -> MakeSettings:
    """Settings of this process's servers, with a database and an APP_ID of the test's own."""

    def make(**overrides: Any) -> Settings:
        servers = {
            "kafka_brokers": (broker.bootstrap,),
            "mongodb_uri": mongod.uri,
            "mongodb_database": mongodb_database,
        }
        return make_unreachable_settings(**(servers | overrides))

    return make


def _skip_without(find: Callable[[], str]) -> None:
    try:
        find()
    except StartError as exc:
        pytest.skip(str(exc))
