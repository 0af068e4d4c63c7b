"""Documents and alerts when logs lose their ends, or retention deletes, under a worker."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.chaos.log_cuts import cut_tails
from tests.domain.alerts.plain_alerts import PlainRule, Said, episodes
from tests.domain.alerts.worked import rule_of
from tests.pipeline.pipeline import RAW, RESULTS, Pipeline
from tests.pipeline.receiver import Receiver
from tests.pipeline.test_alerts import BEGIN, ITEMS, as_record, made, until_delivered
from tests.pipeline.worker import Worker, until
from tests.real.conftest import MakeNodePipeline
from tests.real.node_pipeline import NodePipeline
from walmart_stream import topics
from walmart_stream.audit import Verdict
from walmart_stream.audit.verify import verify
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.kafka.alert_rules import put_rules
from walmart_stream.local.mongod import EmbeddedMongod

pytestmark = [pytest.mark.integration, pytest.mark.real_kafka, pytest.mark.slow(60)]

ALERTS = topics.ALERTS.name
# Without hold and cooldown: what lasts is confirmed whenever the worker has nothing to do.
RULES = (
    PlainRule("below", "landed_below", 2000),
    PlainRule("steady", "landed_below", 2000, hysteresis=150),
    PlainRule("gone", "out_of_stock"),
    PlainRule("moved", "moved", 200),
)


def implied(log: Sequence[Said], first: int = 0) -> set[str]:
    """The ids of the alerts that *log* comes to, of each rule and item from the *first* one on."""
    return {
        f"{name}:{item}:featured:{start}"
        for item in ITEMS
        for rule in RULES
        for name, _, start, *_ in episodes(rule, list(log), item)[first:]
    }


async def add(pipeline: Pipeline, log: Sequence[Said]) -> None:
    await add_raw(pipeline, log)
    await pipeline.until_settled()
    await pipeline.until_processed(ALERTS)


async def add_raw(pipeline: Pipeline, log: Sequence[Said]) -> None:
    # In batches of a few, of which a cut takes some; at the time of now, which retention goes by.
    for first in range(0, len(log), 20):
        records = [as_record(one)._replace(timestamp=None) for one in log[first : first + 20]]
        await pipeline.produce(RAW, records)


async def items_are_right(pipeline: Pipeline) -> None:
    """The lists show offers and changes as they are stored."""

    def content(found: dict[str, dict[str, Any]]) -> Any:
        return {name: {**one, "edits": None} for name, one in found.items()}

    before = content(await pipeline.documents("items"))
    pipeline.command("replay", "--items")
    assert content(await pipeline.documents("items")) == before
    assert before.keys() == set(ITEMS)


async def cut_and_restart(
    pipeline: NodePipeline, worker: Worker, names: Sequence[str], stays: bool
) -> Worker:
    """Power fails; the logs of these topics lose their ends. The worker dies with it, or goes on.

    One that goes on may end with 70, where the broker no longer knows what it wrote last: its
    supervisor starts the next one.
    """
    await pipeline.node.kill()
    if not stays:
        await worker.kill()
    for name in names:
        assert cut_tails(pipeline.node.directory / "data", name)
    await pipeline.node.start()
    return worker if stays else pipeline.start()


async def go_on(pipeline: NodePipeline, worker: Worker, log: Sequence[Said]) -> Worker:
    try:
        await add(pipeline, log)
    except AssertionError:
        assert worker.process.returncode == 70, worker.log[-3000:]
        worker = pipeline.start()
        await pipeline.until_settled()
        await pipeline.until_processed(ALERTS)
    return worker


@pytest.mark.parametrize("stays", [True, False], ids=["stays", "restarts"])
async def test_alerts_about_what_a_log_lost_come_neither_twice_nor_block(
    make_node_pipeline: MakeNodePipeline, stays: bool
) -> None:
    """Raw topic, results and alerts lose their ends once all of it was stored and told.

    Then retention deletes. Each alert of what was observed is told once, and none is made up.
    """
    log = made(random.Random(7), 700)
    want = implied(log)
    assert len(want) > 100
    async with Receiver() as receiver:
        pipeline = await make_node_pipeline(
            KAFKA_PARTITIONS="4",
            ALERT_CHANNELS=f"ops={receiver.url}",
            ALERT_PRIVATE_ADDRESSES="true",
            ALERT_MESSAGES_PER_HOUR="10000",
        )
        await pipeline.create_topics()
        fields = {"channels": ["ops"]}
        await put_rules(
            pipeline.settings, [read_rule({**rule_of(rule).given, **fields}) for rule in RULES]
        )
        worker = pipeline.start()
        await worker.until_ready()
        await add(pipeline, log[:350])
        await until_delivered(pipeline, receiver, implied(log[:350]))

        worker = await cut_and_restart(pipeline, worker, [RAW, RESULTS, ALERTS], stays)
        worker = await go_on(pipeline, worker, log[350:550])
        await until_delivered(pipeline, receiver, implied(log[:550]))
        await delete_half(pipeline)
        worker = await go_on(pipeline, worker, log[550:])
        await until_delivered(pipeline, receiver, want)

        assert set(receiver.taken) == want
        assert set(await pipeline.documents("alerts")) == want
        told = Counter(one["id"] for one in receiver.messages)
        assert set(told.values()) == {1}
        await items_are_right(pipeline)


async def delete_half(pipeline: Pipeline) -> None:
    ends = await pipeline.ends(RAW)
    admin = AIOKafkaAdminClient(bootstrap_servers=list(pipeline.settings.kafka_brokers))
    await admin.start()
    try:
        await admin.delete_records(
            {TopicPartition(RAW, p): RecordsToDelete(end // 2) for p, end in ends.items()}
        )
    finally:
        await admin.close()


def of_today(log: Sequence[Said]) -> list[Said]:
    """The same some hours ago: alerts of long ago are not sent once more."""
    later = int(time.time() - 10 * 3600) * 1000 - BEGIN
    return [replace(one, at=one.at + later) for one in log]


async def until_all_are_stored(pipeline: Pipeline, worker: Worker, log: Sequence[Said]) -> None:
    """Wait for the last alert of each rule and item that *log* comes to, and for no other."""

    async def look() -> bool:
        stored = await pipeline.documents("alerts")
        assert set(stored) <= implied(log)
        is_open = {name for name, one in stored.items() if one["state"] == "open"}
        return implied(log, first=-1) <= set(stored) and is_open == still_open(log)

    await until("the last alerts are stored", look)
    assert ALERTS in await worker.counted("walmart_log_cuts_total")


def still_open(log: Sequence[Said]) -> set[str]:
    return {
        f"{name}:{item}:featured:{start}"
        for item in ITEMS
        for rule in RULES
        for name, _, start, _, end in episodes(rule, list(log), item)
        if end is None
    }


async def test_what_logs_lost_before_it_was_stored_is_noticed_and_comes_back(
    make_node_pipeline: MakeNodePipeline, tmp_path: Path
) -> None:
    """MongoDB is away, and the broker loses the end of results and alerts that wait for it.

    Of results no worker can know; the audit does, and a replay of the raw topic brings them. The
    alerts' table knows how far their topic went, and the last alert of each rule and item.
    """
    mongod = EmbeddedMongod(tmp_path / "database")
    await mongod.start()
    try:
        pipeline = await make_node_pipeline(KAFKA_PARTITIONS="4", MONGODB_URI=mongod.uri)
        await pipeline.create_topics()
        await put_rules(pipeline.settings, [rule_of(rule) for rule in RULES])
        log = of_today(made(random.Random(7), 300))
        worker = pipeline.start()
        await worker.until_ready()
        await add(pipeline, log[:100])
        await mongod.kill()
        await add_raw(pipeline, log[100:])
        await pipeline.until_processed(RAW)

        worker = await cut_and_restart(pipeline, worker, [RESULTS, ALERTS], stays=False)
        await mongod.start()
        await pipeline.until_settled()

        report = await verify(pipeline.settings)
        assert report.verdict is Verdict.NOT_CLEAN
        assert report.lost > 0
        assert report.unexpected == 0
        pipeline.command("replay")
        report = await pipeline.verified()
        assert report.is_clean, report.fields()
        await until_all_are_stored(pipeline, worker, log)
    finally:
        await mongod.kill()
