"""The broker and the database that a measured program works on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.mongod import EmbeddedMongod


@asynccontextmanager
async def servers(folder: Path) -> AsyncIterator[dict[str, str]]:
    """The settings by which a program reaches both; they end with the block."""
    async with AsyncExitStack() as stack:
        broker = EmbeddedBroker(folder)
        await broker.start()
        stack.push_async_callback(broker.stop)
        mongod = EmbeddedMongod(folder / "mongod")
        await mongod.start()
        stack.push_async_callback(mongod.stop)
        yield {"KAFKA_BROKERS": broker.bootstrap, "MONGODB_URI": mongod.uri}
