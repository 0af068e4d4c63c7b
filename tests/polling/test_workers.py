"""Several workers that share a quota, come and go."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.worker import Worker, until
from tests.polling.polling import (
    check_raw_topic,
    polling,
    recorded_polls,
    until_served,
    until_sharing,
    watch_items,
)
from tests.polling.walmart import UNKNOWN, Walmart, open_walmart

pytestmark = pytest.mark.slow

PARTITIONS = 4
SECONDS_PER_DAY = 86_400


async def slow_for_the_quota(*workers: Worker) -> bool:
    """Whether all of *workers* say that polls wait for the quota."""
    told = [await polling(worker) for worker in workers]
    return all("the quota allows a call every" in (each["slow_because"] or "") for each in told)


async def test_all_workers_together_keep_to_the_daily_quota_through_a_kill_and_a_rebalance(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """A small quota is not burned by an import, by bad ids, nor by whoever takes over from the
    dead: some calls at once, the rest at its pace; and the workers say what they wait for."""
    daily = 30
    at_once = 4
    async with open_walmart(tmp_path, calls_per_second=5, calls_per_day=daily, items=80) as walmart:
        pipeline = make_pipeline(**walmart.environment)
        await pipeline.create_topics()
        items = await walmart.items()
        first, second = pipeline.start("first"), pipeline.start("second")
        await until_sharing(PARTITIONS, first, second)
        await watch_items(pipeline, items[:20] + UNKNOWN[:4])

        async def under_way() -> bool:
            return (await walmart.stats())["calls"] >= 2

        await until("some calls are made", under_way)
        await first.kill()
        third = pipeline.start("third")
        await until_sharing(PARTITIONS, second, third)
        await watch_items(pipeline, items[20:] + UNKNOWN[4:])
        await until("polls wait for the quota", lambda: slow_for_the_quota(second, third))
        await check_raw_topic(pipeline, walmart)
        stats = await walmart.stats()
        charged = sum([(await polling(worker))["calls_today"] for worker in (second, third)])

    assert stats["over_quota"] == 0
    assert stats["calls"] <= min(charged, at_once + 1)
    assert charged <= daily


def too_early(
    served: dict[str, list[int]], polls: dict[str, list[int]], interval_ms: int
) -> list[str]:
    """Items that were served before their time although their last poll had been written down."""
    return [
        item_id
        for item_id, times in served.items()
        for earlier, later in pairwise(times)
        if later - earlier < interval_ms and any(earlier <= at < later for at in polls[item_id])
    ]


async def served_by_item(walmart: Walmart) -> dict[str, list[int]]:
    """The times at which each item was served (epoch ms)."""
    served = defaultdict(list)
    for record in await walmart.served():
        served[record["item_id"]].append(record["served_at"])
    return served


async def test_at_full_rate_no_item_is_polled_before_its_time_whoever_comes_and_goes(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Two workers use up the whole rate; one is killed, another takes over, a third joins. Only
    answers that were under way then, and not yet written down, may be asked for again, at most
    once at each of these times; and Walmart never has to refuse a call."""
    interval = 3
    async with open_walmart(
        tmp_path, calls_per_second=5, calls_per_day=5 * SECONDS_PER_DAY, items=200
    ) as walmart:
        pipeline = make_pipeline(**walmart.environment, POLL_INTERVAL_MIN=str(interval))
        await pipeline.create_topics()
        items = await walmart.items()
        await watch_items(pipeline, items)
        first, second = pipeline.start("first"), pipeline.start("second")
        await until_sharing(PARTITIONS, first, second)
        await until_served(walmart, items, times=2)

        await first.kill()
        third = pipeline.start("third")
        await until_sharing(PARTITIONS, second, third)
        await until_served(walmart, items, after=await walmart.last())
        observations = await check_raw_topic(pipeline, walmart)
        await pipeline.stop()
        served = await served_by_item(walmart)
        polls = {
            item_id: [poll.at for poll in found]
            for item_id, found in (await recorded_polls(pipeline)).items()
        }
        stats = await walmart.stats()

    gaps = {
        item_id: Counter(later - earlier < interval * 1000 for earlier, later in pairwise(times))
        for item_id, times in served.items()
    }
    assert too_early(served, polls, interval * 1000) == []
    # The start of the second worker, the kill, the third worker.
    assert max(count[True] for count in gaps.values()) <= 3
    assert stats["over_quota"] == 0
    assert observations >= 3 * len(items)


async def test_a_worker_that_is_stopped_in_the_middle_of_a_call_ends_well(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """It does not wait for Walmart, and what it had polled before is not polled again by the next
    one; a lookup that leaves items out names them."""
    async with open_walmart(
        tmp_path, calls_per_second=5, calls_per_day=5000, items=30, batch_mode="omit"
    ) as walmart:
        pipeline = make_pipeline(**walmart.environment)
        await pipeline.create_topics()
        items = await walmart.items()
        first = pipeline.start("first")
        await watch_items(pipeline, [*items[:19], UNKNOWN[0]])
        await until_served(walmart, items[:19])

        async def named() -> bool:
            return (await polling(first))["unanswered"] == {"missing": [UNKNOWN[0]]}

        await until("the missing item is named", named)
        calls = (await walmart.stats())["calls"]
        await walmart.arm(kind="latency", seconds=600)
        await watch_items(pipeline, items[19:])

        async def asked() -> bool:
            return (await walmart.stats())["calls"] > calls

        await until("the next call is under way", asked)

        code = await first.terminate()
        await walmart.disarm()
        second = pipeline.start("second")
        await until_served(walmart, items)
        await until_sharing(PARTITIONS, second)
        served = await served_by_item(walmart)
        stats = await polling(second)

    assert code == 0, first.log
    assert {len(served[item_id]) for item_id in items[:19]} == {1}
    assert stats["unanswered"] == {"missing": [UNKNOWN[0]]}
    assert stats["calls_today"] >= 3
