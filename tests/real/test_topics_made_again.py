"""Topics beside those of observations that somebody deletes, and that are made again."""

from __future__ import annotations

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.domain.alerts.plain_alerts import Said
from tests.pipeline.pipeline import DEAD_LETTERS, RAW, WATCHLIST, Pipeline, Record
from tests.pipeline.test_alerts import BEGIN, as_record
from tests.pipeline.worker import Worker, until
from tests.real.conftest import MakeNodePipeline
from walmart_stream import topics
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.alert_rules import put_rules

pytestmark = [pytest.mark.integration, pytest.mark.real_kafka, pytest.mark.slow]

RULES, NEWS = topics.ALERT_RULES.name, topics.SELLER_NEWS.name
CHEAP = {"name": "cheap", "all": True, "when": "landed_below", "value": 20}


async def until_ready_is(worker: Worker, status: int, words: str = "") -> None:
    async def look() -> bool:
        assert worker.is_alive, worker.log[-3000:]
        found, body = await worker.get("/readyz")
        return found == status and words in str(body)

    await until(f"readiness is {status} {words}", look)


async def until_alerted(pipeline: Pipeline, item_id: str, state: str) -> None:
    async def look() -> bool:
        return bool(await pipeline.documents("alerts", item_id=item_id, state=state))

    await until(f"the alert of {item_id} is {state}", look)


async def observe(pipeline: Pipeline, item_id: str) -> None:
    await pipeline.produce(RAW, [as_record(Said(item_id, BEGIN, 1000))._replace(timestamp=None)])


async def test_topics_that_are_made_again_are_missed_and_then_read_on(
    make_node_pipeline: MakeNodePipeline,
) -> None:
    """Watchlist, facts and rules: the worker names what is not there, is not ready, and reads what
    comes once it is there. Rules that are gone with their topic are named.

    Without rules it was ready, and ended their alerts without a word.
    """
    pipeline = await make_node_pipeline(KAFKA_PARTITIONS="2")
    await pipeline.create_topics()
    await put_rules(pipeline.settings, [read_rule(CHEAP)])
    await watchlist.add(pipeline.settings, [WatchEntry(item_id="1")])
    worker = pipeline.start()
    await worker.until_ready()
    await observe(pipeline, "1")
    await until_alerted(pipeline, "1", "open")

    for name in (RULES, WATCHLIST, NEWS):
        admin = AIOKafkaAdminClient(bootstrap_servers=pipeline.node.bootstrap)
        await admin.start()
        await admin.delete_topics([name])
        await admin.close()
        await until_ready_is(worker, 503, f"there is no topic {name}")
        if name == RULES:
            await observe(pipeline, "2")
            await until_alerted(pipeline, "2", "open")
        await pipeline.create_topics()
        await until_ready_is(worker, 200)

    await until_alerted(pipeline, "1", "closed")
    assert "alert rules are gone" in worker.log
    await put_rules(pipeline.settings, [read_rule(CHEAP)])
    await watchlist.add(pipeline.settings, [WatchEntry(item_id="3")])
    await pipeline.produce(NEWS, [Record(b"sku:A", b"no fact", 0)])
    for name in (WATCHLIST, NEWS):
        await pipeline.until_processed(name)
    assert (await pipeline.documents("items"))["3"]["watched"] is True
    assert [one.value for one in await pipeline.read(DEAD_LETTERS)] == [b"no fact"]

    async def looks_again() -> bool:
        # Of what was observed while there were no rules they know nothing.
        return (await worker.get("/api/alert-rules"))[1]["rules"] != []

    await until("the rule is there again", looks_again)
    await observe(pipeline, "4")
    await until_alerted(pipeline, "4", "open")
