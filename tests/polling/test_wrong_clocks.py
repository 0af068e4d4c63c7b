"""Workers on machines whose clocks are wrong, and what an older release let in."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import Record
from tests.polling.polling import (
    check_raw_topic,
    polling,
    recorded_polls,
    until_served,
    until_sharing,
    watch_items,
)
from tests.polling.walmart import open_walmart
from tests.polling.wrong_clock import program
from walmart_stream.audit import partition_of

pytestmark = pytest.mark.slow

PARTITIONS = 4
AHEAD = 300.0


async def test_a_worker_with_a_wrong_clock_hands_over_as_if_it_were_right(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """One 300 s ahead, then one 300 s behind, then a right one: each goes on polling what the one
    before has polled, no observation is late, the calls are charged to Walmart's day, and the wrong
    clocks are named."""
    async with open_walmart(
        tmp_path, calls_per_second=20, calls_per_day=20 * 86_400, items=40
    ) as walmart:
        pipeline = make_pipeline(**walmart.environment, POLL_INTERVAL_MIN="1")
        await pipeline.create_topics()
        items = await walmart.items()
        await watch_items(pipeline, items)
        warnings, charged = [], []
        for number, wrong in enumerate((AHEAD, -AHEAD, 0.0)):
            worker = pipeline.start(f"worker-{number}", program(wrong))
            await until_sharing(PARTITIONS, worker)
            await until_served(walmart, items, times=2, after=await walmart.last())
            _, ready = await worker.get("/readyz")
            warnings.append(ready["warnings"])
            charged.append((await polling(worker))["calls_today"])
            assert abs(ready["clock_offset_seconds"] + wrong) < AHEAD / 3
            assert ready["newest_observation_age_seconds"] < AHEAD / 2
            await worker.kill()
        observations = await check_raw_topic(pipeline, walmart)
        raw = await pipeline.read("walmart-competitor-data")
        polls = await recorded_polls(pipeline)
        stats = await walmart.stats()

    now = time.time() * 1000
    assert [len(each) for each in warnings] == [1, 1, 0]
    # Measured between a request and its answer, so that a busy machine adds some.
    assert re.search(r"\b[23]\d\d s ahead of Walmart's", warnings[0][0])
    assert re.search(r"\b[23]\d\d s behind Walmart's", warnings[1][0])
    assert charged == sorted(charged)
    assert charged[-1] >= stats["calls"] - 1
    assert observations >= 6 * len(items)
    assert all(poll.at <= now + AHEAD * 500 for found in polls.values() for poll in found)
    # From the second answer on; before the first one a worker has nothing but its own clock.
    assert sum(record.timestamp > now + AHEAD * 500 for record in raw) == 0


def keyed(item_id: str, value: bytes) -> Record:
    """A record of *item_id*, where Kafka's partitioner puts it."""
    key = item_id.encode()
    return Record(key, value, partition_of(key, PARTITIONS))


async def test_a_poll_of_the_future_does_not_stop_polling(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Written by an older release on a machine whose clock was an hour ahead."""
    async with open_walmart(
        tmp_path, calls_per_second=20, calls_per_day=20 * 86_400, items=20
    ) as walmart:
        pipeline = make_pipeline(**walmart.environment)
        await pipeline.create_topics()
        items = await walmart.items()
        future = int((time.time() + 3600) * 1000)
        await pipeline.produce(
            f"{pipeline.settings.app_id}-polls-changelog",
            [keyed(item_id, b'[%d,"answered"]' % future) for item_id in items],
        )
        await watch_items(pipeline, items)
        worker = pipeline.start()

        await until_served(walmart, items)
        stats = await polling(worker)

    assert stats["unanswered"] == {}
    assert stats["oldest_due_poll_seconds"] < 1800
