"""A pipeline on an Apache Kafka node of its own: topic names are fixed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.pipeline.pipeline import Pipeline
from walmart_stream.local.kafka import KafkaNode


class NodePipeline(Pipeline):
    """Workers on *node*, which a test may kill and start again."""

    def __init__(self, node: KafkaNode, environment: dict[str, str], folder: Path) -> None:
        super().__init__({"KAFKA_BROKERS": node.bootstrap, **environment}, folder)
        self.node = node


@asynccontextmanager
async def node_pipeline(
    class_path: str, folder: Path, environment: dict[str, str]
) -> AsyncIterator[NodePipeline]:
    """A pipeline of *environment*, and of a node that ends with it."""
    node = KafkaNode(folder / "kafka", class_path)
    await node.start()
    pipeline = NodePipeline(node, environment, folder)
    try:
        yield pipeline
    finally:
        await pipeline.stop()
        await node.kill()
