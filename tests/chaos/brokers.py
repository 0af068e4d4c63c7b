"""The brokers under attack: the embedded one, one Kafka node, or three of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.kafka import (
    KafkaNode,
    cluster,
    missing_tools,
    resolve_class_path,
    start_together,
)

EMBEDDED, SINGLE, CLUSTER = "embedded", "kafka", "cluster"
KINDS = (EMBEDDED, SINGLE, CLUSTER)

# Where Maven's answer is kept, as pytest does.
CLASS_PATH_CACHE = Path(".pytest_cache/d/apache-kafka")


class Broker(Protocol):
    """A broker or several; ``nodes`` are those that survive a kill with their data."""

    @property
    def bootstrap(self) -> str: ...

    @property
    def nodes(self) -> Sequence[KafkaNode]: ...

    @property
    def replication(self) -> int: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


class Embedded:
    """The embedded broker. It lives in memory, so nobody may kill it."""

    nodes: Sequence[KafkaNode] = ()
    replication = 1

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(folder)

    @property
    def bootstrap(self) -> str:
        return self._broker.bootstrap

    async def start(self) -> None:
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.stop()


class Kafka:
    """Apache Kafka: *count* nodes, each broker and controller."""

    def __init__(self, folder: Path, count: int) -> None:
        CLASS_PATH_CACHE.mkdir(parents=True, exist_ok=True)
        class_path = resolve_class_path(CLASS_PATH_CACHE.resolve())
        if count == 1:
            self._nodes = [KafkaNode(folder / "node-1", class_path)]
        else:
            self._nodes = cluster(folder, class_path, count)

    @property
    def nodes(self) -> Sequence[KafkaNode]:
        return self._nodes

    @property
    def replication(self) -> int:
        return len(self._nodes)

    @property
    def bootstrap(self) -> str:
        return ",".join(node.bootstrap for node in self._nodes)

    async def start(self) -> None:
        await start_together(self._nodes)

    async def stop(self) -> None:
        await asyncio.gather(*(node.kill() for node in self._nodes))


def make_broker(kind: str, folder: Path) -> Broker:
    """A broker of *kind* with its files in *folder*, not started.

    Raises:
        RuntimeError: Java or Maven are missing.
    """
    if kind == EMBEDDED:
        return Embedded(folder)
    if (reason := missing_tools()) is not None:
        raise RuntimeError(reason)
    return Kafka(folder, 3 if kind == CLUSTER else 1)
