"""A worker that was pointed at a topic of something else does not drain it into dead letters."""

from __future__ import annotations

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Record

RECORDS = 12_000


@pytest.mark.parametrize("partitions", ["1", "4"])
async def test_a_topic_of_nothing_but_rubbish_ends_the_worker(
    make_pipeline: MakePipeline, partitions: str
) -> None:
    """It says why in its log, and has skipped nothing that is not a dead letter."""
    pipeline = make_pipeline(KAFKA_PARTITIONS=partitions)
    await pipeline.create_topics()
    rubbish = [Record(b"%d" % number, b"rubbish %d" % number) for number in range(RECORDS)]
    await pipeline.produce(RAW, rubbish)

    worker = pipeline.start()

    assert await worker.ended() == 70
    assert "TooMuchBadInput: more than nine in ten" in worker.log
    letters = {
        (int(reason["partition"]), int(reason["offset"]))
        for reason, _ in await pipeline.dead_letters("process")
    }
    skipped = {
        (partition, offset)
        for partition, end in (await pipeline.committed(RAW)).items()
        for offset in range(end)
    }
    assert skipped <= letters
    assert len(letters) < RECORDS
