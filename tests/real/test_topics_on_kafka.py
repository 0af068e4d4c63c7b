"""Worker processes on Apache Kafka, which tells everything about a topic, and their topics."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.hang import DEADLINE
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, RESULTS, WATCHLIST, Pipeline
from tests.pipeline.worker import Worker, until
from walmart_stream.kafka.clients import admin_client, describe_topics
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.kafka.topic_configs import required_topics
from walmart_stream.local.kafka import KafkaNode
from walmart_stream.local.mongod import EmbeddedMongod

MakePipeline = Callable[..., Pipeline]

OFFERS = "prices-offers-changelog"
WINDOWS = "prices-price-windows-changelog"
REFUSED = 78
COMMAND = re.compile(
    r"--alter --topic (?P<topic>\S+) --add-config (?P<name>[a-z.]+)=(?P<value>\S+)"
)


@pytest.fixture
async def make_pipeline(
    kafka_node: KafkaNode, mongod: EmbeddedMongod, mongodb_database: str, tmp_path: Path
) -> AsyncIterator[MakePipeline]:
    """Pipelines of this test's own; keyword arguments are further settings.

    The node is shared, and topic names are fixed: they are deleted afterwards.
    """
    made = []

    def make(**environment: str) -> Pipeline:
        common = {
            "KAFKA_BROKERS": kafka_node.bootstrap,
            "KAFKA_PARTITIONS": "4",
            "MONGODB_URI": mongod.uri,
            "MONGODB_DATABASE": mongodb_database,
            "APP_ID": "prices",
        }
        made.append(Pipeline(common | environment, tmp_path))
        return made[-1]

    yield make
    for pipeline in made:
        await pipeline.stop()
    async with admin_client(made[0].settings) as admin:
        names = [name for name in await admin.list_topics() if not name.startswith("__")]
        await admin.delete_topics(names)
        async with asyncio.timeout(DEADLINE):
            while await describe_topics(admin, names):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)


async def alter(pipeline: Pipeline, changes: Mapping[str, Mapping[str, str]]) -> None:
    """Give topics the required configuration but for *changes*, by topic."""
    required = {topic.name: dict(topic.configs) for topic in required_topics(pipeline.settings)}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, name, required[name] | dict(configs))
        for name, configs in changes.items()
    ]
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in changes]
    async with admin_client(pipeline.settings) as admin:
        for response in await admin.alter_configs(resources):
            assert all(code == 0 for code, *_ in response.resources), response

        async def known() -> bool:
            found = {}
            for response in await admin.describe_configs(asked):
                for _, _, _, name, entries in response.resources:
                    found[name] = {entry[0]: entry[1] for entry in entries}
            return all(one.configs.items() <= found[one.name].items() for one in resources)

        # The controller has answered; the broker hears of it once it has made the topics' logs.
        await until("the broker knows the configuration", known)


async def refusal(worker: Worker) -> list[str]:
    """The faults that a worker names that refuses to start."""
    assert await worker.ended() == REFUSED, worker.log[-3000:]
    log = worker.log
    assert "Traceback" not in log
    head, _, faults = log.partition("this worker does not start: the topics are not usable:\n")
    assert faults, head[-3000:]
    return [line.strip() for line in faults.splitlines()]


async def test_a_worker_names_all_that_endangers_data_and_starts_once_it_is_mended(
    make_pipeline: MakePipeline,
) -> None:
    """The commands of the message are all that it takes."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    await alter(
        pipeline,
        {
            RAW: {"retention.ms": "604800000", "retention.bytes": "1000000"},
            RESULTS: {"cleanup.policy": "compact"},
            WATCHLIST: {"cleanup.policy": "delete"},
            OFFERS: {"cleanup.policy": "compact,delete", "min.compaction.lag.ms": "0"},
            WINDOWS: {"retention.ms": "60000"},
        },
    )

    faults = await refusal(pipeline.start("refused"))

    assert {fault.split(",")[0] for fault in faults} == {
        f"{RAW}: retention.ms is 604800000",
        f"{RAW}: retention.bytes is 1000000",
        f"{RESULTS}: cleanup.policy is compact",
        f"{WATCHLIST}: cleanup.policy is delete",
        f"{OFFERS}: cleanup.policy is compact",
        f"{OFFERS}: min.compaction.lag.ms is 0",
        f"{WINDOWS}: retention.ms is 60000",
    }
    mended: dict[str, dict[str, str]] = {}
    for fault in faults:
        command = COMMAND.search(fault)
        assert command is not None, fault
        mended.setdefault(command["topic"], {})[command["name"]] = command["value"]
    await alter(pipeline, mended)
    await pipeline.start("mended").until_ready()


async def test_topics_with_kafkas_own_defaults_are_refused(make_pipeline: MakePipeline) -> None:
    """Made by hand, or by a broker that creates what is asked for: seven days, no compaction."""
    pipeline = make_pipeline()
    names = [topic.name for topic in required_topics(pipeline.settings)]
    async with admin_client(pipeline.settings) as admin:
        await admin.create_topics([NewTopic(name, 4, 1) for name in names])

    faults = await refusal(pipeline.start())

    said = {tuple(fault.split(", needed")[0].split(": ")) for fault in faults}
    assert (RAW, "retention.ms is 604800000") in said
    assert (WATCHLIST, "cleanup.policy is delete") in said
    assert (OFFERS, "cleanup.policy is delete") in said
    assert (OFFERS, "min.compaction.lag.ms is 0") in said
    assert {topic for topic, _ in said} == set(names)


async def test_another_number_of_partitions_is_refused_by_workers_on_kafka(
    make_pipeline: MakePipeline,
) -> None:
    """It may be a topic or a changelog; nothing else is created."""
    pipeline = make_pipeline()
    async with admin_client(pipeline.settings) as admin:
        await admin.create_topics([NewTopic(RAW, 3, 1), NewTopic(OFFERS, 5, 1)])

    faults = await refusal(pipeline.start())

    assert f"{RAW} has 3 partitions, KAFKA_PARTITIONS is 4: set KAFKA_PARTITIONS=3" in faults[0]
    assert f"{OFFERS} has 5 partitions, KAFKA_PARTITIONS is 4" in " ".join(faults)
    async with admin_client(pipeline.settings) as admin:
        assert RESULTS not in await admin.list_topics()


async def test_fewer_copies_than_configured_are_refused(make_pipeline: MakePipeline) -> None:
    """And writes that count with one copy where two were asked for."""
    await make_pipeline().create_topics()
    pipeline = make_pipeline(KAFKA_REPLICATION_FACTOR="3")

    faults = await refusal(pipeline.start())

    names = [topic.name for topic in required_topics(pipeline.settings)]
    assert {fault.split(":")[0] for fault in faults} == set(names)
    assert sum("replication is 1, needed is 3" in fault for fault in faults) == len(names)
    assert sum("min.insync.replicas is 1, needed is 2" in fault for fault in faults) == len(names)


async def test_what_keeps_more_does_not_stop_a_worker(make_pipeline: MakePipeline) -> None:
    """Each difference is a line of the log, and the worker works."""
    pipeline = make_pipeline()
    await pipeline.create_topics()
    await alter(
        pipeline,
        {
            RAW: {"retention.ms": "-1", "max.message.bytes": "8388608"},
            OFFERS: {"segment.ms": "604800000", "min.compaction.lag.ms": "86400000"},
            WINDOWS: {"cleanup.policy": "compact"},
        },
    )

    worker = pipeline.start()
    await worker.until_ready()
    await pipeline.produce(RAW, [priced("4711", at=0, dollars=10)])

    assert (await pipeline.verified()).is_clean
    for name, said in (
        (RAW, "exists, max.message.bytes is 8388608, configured is 2097152; retention.ms is -1"),
        (OFFERS, "exists, min.compaction.lag.ms is 86400000, configured is 29400000; segment.ms"),
        (WINDOWS, "exists, cleanup.policy is compact, configured is compact,delete"),
    ):
        assert f"topic {name}: {said}" in worker.log


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_old_windows_that_the_broker_has_deleted_do_not_stop_a_recovery(
    make_pipeline: MakePipeline, store: str
) -> None:
    """Retention moves the beginning of a windowed changelog; all of it may be gone."""
    pipeline = make_pipeline(STORE=store)
    first = pipeline.start("first")
    await first.until_ready()
    # The table holds the windows that an item has left: the first one here.
    records = [
        priced(str(4000 + item), at=at, dollars=10) for at in (0, 7_200_000) for item in range(40)
    ]
    await pipeline.produce(RAW, records)
    await pipeline.until_settled()
    await first.terminate()
    ends = await end_offsets(pipeline.settings, WINDOWS)
    async with admin_client(pipeline.settings) as admin:
        await admin.delete_records(
            {
                TopicPartition(WINDOWS, partition): RecordsToDelete(
                    before_offset=end if partition % 2 else end // 2
                )
                for partition, end in ends.items()
            }
        )

    second = pipeline.start("second")
    await second.until_ready()
    later = [priced(str(4000 + item), at=7_201_000, dollars=11) for item in range(40)]
    await pipeline.produce(RAW, later)

    report = await pipeline.verified()
    assert min(ends.values()) > 1
    assert report.is_clean, report
    assert report.applied == 120


async def test_a_lost_changelog_is_not_replaced_by_an_empty_one(
    make_pipeline: MakePipeline,
) -> None:
    """Going on in the middle of the raw topic without what came before would store nonsense;
    beginning anew does not, and neither does another group."""
    pipeline = make_pipeline()
    first = pipeline.start("first")
    await first.until_ready()
    await pipeline.produce(RAW, [priced("4711", at=0, dollars=10)])
    await pipeline.until_settled()
    await first.terminate()
    async with admin_client(pipeline.settings) as admin:
        await admin.delete_topics([OFFERS])
        async with asyncio.timeout(DEADLINE):
            while await describe_topics(admin, [OFFERS]):  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0.05)

    [fault] = await refusal(pipeline.start("second"))

    assert f"{OFFERS} does not exist, although this APP_ID has processed {RAW}" in fault
    assert f"--group prices --topic {RAW} --reset-offsets --to-earliest --execute" in fault
    await pipeline.produce(RAW, [priced("4711", at=1000, dollars=11)])
    other = make_pipeline(APP_ID="anew")
    await other.start("other").until_ready()
    report = await other.verified()
    assert report.is_clean, report
    assert report.applied == 2
