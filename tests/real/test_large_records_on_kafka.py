"""Records that are larger than Kafka takes, from Walmart and from foreign producers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.pipeline.observations import priced, record
from tests.pipeline.pipeline import DEAD_LETTERS, RAW, WATCHLIST, Pipeline
from tests.pipeline.worker import until
from tests.polling.large_items import LARGE, SMALL, large_walmart
from tests.polling.polling import watch_items
from tests.real.conftest import MakeNodePipeline
from walmart_stream.agents.dead_letters import CUT, KEPT_OF_LARGE
from walmart_stream.audit import partition_of
from walmart_stream.kafka.clients import client_options

pytestmark = [pytest.mark.real_kafka, pytest.mark.slow]

PARTITIONS = 4
# Compressed, it is some kilobytes.
HUGE = 8_000_000


@pytest.fixture
async def pipeline(make_node_pipeline: MakeNodePipeline, tmp_path: Path) -> AsyncIterator[Pipeline]:
    """Its worker polls a large item."""
    async with large_walmart(tmp_path) as environment:
        pipeline = await make_node_pipeline(KAFKA_PARTITIONS=str(PARTITIONS), **environment)
        yield pipeline
        # Before what it polls.
        await pipeline.stop()


async def test_records_larger_than_kafka_takes_end_no_worker(pipeline: Pipeline) -> None:
    """An answer of Walmart's is named; what was compressed becomes a dead letter, cut.

    Bad input, an observation in the wrong partition, an entry of the watchlist and a foreign fact.
    """
    await pipeline.create_topics()
    stray = record("77", 1, {"itemId": 77, "salePrice": 10.0, "filler": "x" * HUGE})
    entry = {"schema": 1, "item_id": "88", "filler": "x" * HUGE}
    assert stray.key is not None
    wrong = (partition_of(stray.key, PARTITIONS) + 1) % PARTITIONS
    producer = AIOKafkaProducer(
        **client_options(pipeline.settings),
        compression_type="gzip",
        max_request_size=4 * HUGE,
        max_batch_size=2 * HUGE,
    )
    await producer.start()
    try:
        for topic, key, value, partition in (
            (RAW, b"1", b"x" * HUGE, 0),
            (RAW, stray.key, stray.value, wrong),
            (WATCHLIST, b"88", orjson.dumps(entry), 0),
            ("walmart-seller-news", b"sku:A", b"x" * HUGE, 1),
        ):
            await producer.send_and_wait(topic, value, key=key, partition=partition)
    finally:
        await producer.stop()
    await pipeline.produce(RAW, [priced("99", 1, 20)])
    await watch_items(pipeline, [SMALL, LARGE])

    worker = pipeline.start()

    async def done() -> bool:
        assert worker.is_alive, worker.log[-3000:]
        stored = await pipeline.documents("offers", offer="featured")
        return {"99:featured", f"{SMALL}:featured"} <= stored.keys()

    await until("what is not too large is stored", done)
    for topic in (RAW, WATCHLIST, "walmart-seller-news"):
        await pipeline.until_processed(topic)
    assert f"item {LARGE}: its answer has" in worker.log
    letters = await pipeline.read(DEAD_LETTERS)
    cut = {record.key: len(record.value) for record in letters if CUT in dict(record.headers)}
    assert cut == dict.fromkeys((b"1", b"77", b"88", b"sku:A"), KEPT_OF_LARGE)
    assert len(letters) == 4
