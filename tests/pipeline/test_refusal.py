"""Workers that find the topics other than they must be, on the embedded broker."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from aiokafka.admin import NewTopic

from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import FAUST, PROGRAM, Worker
from walmart_stream.kafka.clients import admin_client
from walmart_stream.tables import TABLES
from walmart_stream.topics import TOPICS, Kept

MakePipeline = Callable[..., Pipeline]

# EX_CONFIG of sysexits.h; 70 is for what starting again may mend.
REFUSED = 78


async def refusal(worker: Worker) -> str:
    """The one message of a worker that ended because it refused to start."""
    assert await worker.ended() == REFUSED, worker.log[-3000:]
    log = worker.log
    assert "Traceback" not in log
    assert log.count("this worker does not start: the topics are not usable:") == 1
    return log[log.index("this worker does not start: ") :].strip()


async def topics_of(pipeline: Pipeline) -> set[str]:
    async with admin_client(pipeline.settings) as admin:
        return set(await admin.list_topics())


@pytest.mark.parametrize("command", [PROGRAM, FAUST], ids=["walmart-stream", "faust"])
async def test_a_worker_refuses_topics_with_another_number_of_partitions(
    make_pipeline: MakePipeline, command: tuple[str, ...]
) -> None:
    """All faults in one message, and nothing has been created, consumed or produced."""
    pipeline = make_pipeline(APP_ID="prices")
    async with admin_client(pipeline.settings) as admin:
        await admin.create_topics([NewTopic(RAW, 3, 1), NewTopic("prices-offers-changelog", 5, 1)])

    message = await refusal(pipeline.start(command=command))

    faults = message.splitlines()[1:]
    assert [fault.split(":")[0].strip() for fault in faults] == [
        "walmart-competitor-data has 3 partitions, KAFKA_PARTITIONS is 4",
        "prices-offers-changelog has 5 partitions, KAFKA_PARTITIONS is 4",
    ]
    assert await topics_of(pipeline) == {RAW, "prices-offers-changelog"}


async def test_a_worker_that_may_not_create_topics_says_which_are_missing(
    make_pipeline: MakePipeline,
) -> None:
    """And how they are made."""
    pipeline = make_pipeline(APP_ID="prices", KAFKA_CREATE_TOPICS="false")

    message = await refusal(pipeline.start())

    faults = message.splitlines()[1:]
    assert len(faults) == len(TOPICS) + len(TABLES)
    assert all("does not exist" in fault and "walmart-stream topics" in fault for fault in faults)
    assert not await topics_of(pipeline)


async def test_a_worker_that_may_not_create_topics_works_on_those_that_are_there(
    make_pipeline: MakePipeline,
) -> None:
    """The release step has made them, changelogs too; one that keeps longer is only logged."""
    await make_pipeline(APP_ID="prices", KAFKA_RETENTION_DAYS="400").create_topics()
    pipeline = make_pipeline(APP_ID="prices", KAFKA_CREATE_TOPICS="false")
    before = await topics_of(pipeline)

    worker = pipeline.start()

    await worker.until_ready()
    assert await topics_of(pipeline) == before
    assert f"topic {RAW}: exists, retention.ms is 34560000000, configured is" in worker.log
    assert "topic prices-offers-changelog" not in worker.log


async def test_a_worker_refuses_topics_that_forget_too_early(make_pipeline: MakePipeline) -> None:
    """Somebody has configured more than what was configured when the topics were made."""
    await make_pipeline(APP_ID="prices", POLL_INTERVAL_MAX="600").create_topics()
    pipeline = make_pipeline(APP_ID="prices", KAFKA_RETENTION_DAYS="100")

    message = await refusal(pipeline.start())

    faults = message.splitlines()[1:]
    kept = [line for line in faults if "retention.ms is 7776000000, needed is 8640000000" in line]
    assert len(kept) == sum(topic.kept is Kept.BY_TIME for topic in TOPICS)
    lags = [line for line in faults if "min.compaction.lag.ms is 1200000" in line]
    assert len(lags) == len(TABLES)
    assert all("--add-config min.compaction.lag.ms=29400000" in line for line in lags)
    assert len(faults) == len(kept) + len(lags)
