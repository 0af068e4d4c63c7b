"""Events first, in figures: where the calls go, how soon a view shows an event, and the silence."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.pipeline.pipeline import Pipeline
from tests.pipeline.worker import until
from tests.polling.polling import watch_items
from tests.seller.events_first import open_events_first, until_share
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.mongod import EmbeddedMongod


def events_first(events: int) -> dict[str, Any]:
    """Figures of one worker on a broker, a database and a sandbox of its own.

    Shares are of the polls that half of the items had, of which events tell; ``latency_s`` is from
    an event to the item's web view that shows it, over this number of *events*, one at a time;
    ``back_after_s`` from the last event to the worker's word that they are silent.
    """
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_measure(Path(folder), events))


async def _measure(folder: Path, events: int) -> dict[str, Any]:
    broker, mongod = EmbeddedBroker(folder), EmbeddedMongod(folder, "secret")
    await broker.start()
    await mongod.start()
    try:
        async with open_events_first(folder) as shop:
            servers = {"KAFKA_BROKERS": broker.bootstrap, "MONGODB_URI": mongod.uri}
            pipeline = Pipeline(
                {**servers, "KAFKA_PARTITIONS": "4", **shop.environment}, folder / "pipeline"
            )
            try:
                return await _figures(shop, pipeline, events)
            finally:
                await pipeline.stop()
    finally:
        await mongod.stop()
        await broker.stop()


async def _figures(shop: Any, pipeline: Pipeline, events: int) -> dict[str, Any]:
    await watch_items(pipeline, await shop.walmart.items())
    worker = pipeline.start()
    await worker.until_ready()
    before = await until_share(shop, "before any event", 0.42, 0.58)
    await shop.subscribe(worker)
    async with shop.telling():
        during = await until_share(shop, "while events flow", 0.0, 0.36)
    latencies = sorted([await shop.latency(worker, number) for number in range(events)])
    await shop.silence()
    last = time.monotonic()

    async def says_so() -> bool:
        return "events have been silent" in worker.log

    await until("the silence is said", says_so)
    silent_after = time.monotonic() - last
    after = await until_share(shop, "after the silence", 0.42, 1.0)
    return {
        "events": events,
        "share_before": round(before, 3),
        "share_while_events_flow": round(during, 3),
        "share_after": round(after, 3),
        "latency_s": {
            "p50": round(median(latencies), 3),
            "p99": round(latencies[int(0.99 * (len(latencies) - 1))], 3),
        },
        "back_after_s": round(silent_after, 1),
    }
