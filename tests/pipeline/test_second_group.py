"""Workers with another APP_ID on the same topics: another consumer group with its own tables."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from pymongo import MongoClient

from tests.pipeline.conftest import PARTITIONS
from tests.pipeline.observations import WINDOWS, Market, bad_records
from tests.pipeline.pipeline import RAW, RESULTS, Pipeline, Record
from tests.pipeline.worker import until
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.mongod import EmbeddedMongod

SEED = 20261123
ITEMS = 60
COLLECTIONS = ("offers", "price_changes", "price_windows")

Results = dict[str, dict[str, Any]]


@pytest.fixture
def second_database(mongod: EmbeddedMongod, mongodb_database: str) -> Iterator[str]:
    """Name of another database of this test's own, dropped afterwards."""
    name = f"{mongodb_database}_2"
    yield name
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(name)


@pytest.fixture
async def groups(
    fresh_broker: EmbeddedBroker,
    mongod: EmbeddedMongod,
    mongodb_database: str,
    second_database: str,
    tmp_path: Path,
) -> AsyncIterator[list[Pipeline]]:
    """Two pipelines that share their topics, and neither APP_ID nor database.

    The second one gets event by event: how a log is cut into batches makes no difference.
    """
    pipelines = [
        Pipeline(
            {
                "KAFKA_BROKERS": fresh_broker.bootstrap,
                "KAFKA_PARTITIONS": PARTITIONS,
                "MONGODB_URI": mongod.uri,
                "MONGODB_DATABASE": database,
                "APP_ID": app_id,
                **WINDOWS,
                "KAFKA_DELIVERY": delivery,
            },
            tmp_path / app_id,
        )
        for app_id, database, delivery in (
            ("first", mongodb_database, "batch"),
            ("second", second_database, "event"),
        )
    ]
    yield pipelines
    for pipeline in pipelines:
        await pipeline.stop()


def observations(market: Market, rng: random.Random, count: int) -> list[Record]:
    """Mostly new ones, some late, some twice, some bad."""
    kinds = (market.valid, market.valid, market.valid, market.late, market.duplicate)
    records = [rng.choice(kinds)() for _ in range(count)]
    return records + [record for _, record in bad_records(rng)]


def by_id(records: list[ConsumerRecord[bytes, bytes]]) -> Results:
    """The last value of each result, by what it is about.

    A change has one value only. A window has several if it was closed by the clock and observed
    again: these observations are long past.
    """
    results: Results = {}
    for record in records:
        assert record.value is not None
        value = json.loads(record.value)
        time = value.get("start") or value["observed_at"]
        name = f"{value['type']}:{value['item_id']}:{value['offer']}:{time}"
        known = results.setdefault(name, value)
        if value["type"] == "price_change":
            assert value == known
        elif value.get("seen_at", "") > known.get("seen_at", ""):
            results[name] = value
    return results


@pytest.mark.slow
@pytest.mark.long
async def test_a_new_consumer_group_on_an_old_raw_topic_gives_the_same_database(
    groups: list[Pipeline],
) -> None:
    """Both write the shared results, each into its own database what both have written: ids are
    made of content, so that the results of one are duplicates of the other's, and change nothing.
    """
    first, second = groups
    rng = random.Random(SEED)
    market = Market(rng, ITEMS)
    await first.start().until_ready()
    await first.produce(RAW, observations(market, rng, 600))
    assert (await first.verified()).is_clean
    before = await first.ends(RESULTS)

    # The first group works on meanwhile.
    workers = [second.start(name) for name in ("one", "two")]
    await first.produce(RAW, observations(market, rng, 150))
    for worker in workers:
        await worker.until_ready()
    await second.until_settled()
    await first.until_settled()

    reports = [await pipeline.verified() for pipeline in groups]
    for report in reports:
        assert report.is_clean, report
        assert report.applied == market.due.outcomes["applied"]
    for collection in COLLECTIONS:
        documents = [await pipeline.documents(collection) for pipeline in groups]
        assert len(documents[0]) > ITEMS
        assert documents[0] == documents[1]

    # Not only because it has stored what the first one had made: it made all of it again itself,
    # last of all the windows that the clock closes.
    async def made_again() -> bool:
        results = await first.read(RESULTS)
        since = [record for record in results if record.offset >= before[record.partition]]
        return by_id(since) == by_id(results)

    await until("the second group has made all results itself", made_again)
    counted = [await worker.counted("walmart_observations_total") for worker in workers]
    assert sum(figures["applied"] for figures in counted) == market.due.outcomes["applied"]
