"""A worker restores its tables on Apache Kafka, which names topics only when asked."""

from __future__ import annotations

import time

import aiohttp
import pytest

from tests.chaos.prefilled import fill, item_id
from tests.pipeline.pipeline import Pipeline
from tests.real.conftest import MakeNodePipeline

ITEMS = 200


@pytest.fixture
async def pipeline(make_node_pipeline: MakeNodePipeline) -> Pipeline:
    # No window ends while the test runs.
    return await make_node_pipeline(KAFKA_PARTITIONS="4", WINDOW_SIZE="604800")


async def test_restored_items_are_answered_for_before_any_is_written(pipeline: Pipeline) -> None:
    """Routing asks for the offers' changelog, of which the producer knows nothing: it is told only
    of topics that it sends to, here of the watchlist."""
    await pipeline.create_topics()
    await fill(pipeline.settings, ITEMS, time.time_ns() // 1_000_000)
    worker = pipeline.start()
    await worker.until_ready()
    async with aiohttp.ClientSession() as session:
        await session.post(f"{worker.url}/api/watchlist", json={"item_id": "12345678"})

    answers = [await worker.get(f"/api/items/{item_id(number)}") for number in range(ITEMS)]

    assert {status for status, _ in answers} == {200}
    assert [body["item_id"] for _, body in answers] == [item_id(n) for n in range(ITEMS)]
