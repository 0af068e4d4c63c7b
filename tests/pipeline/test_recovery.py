"""Workers that restore their tables: everything is there again, and no more is read than needed."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from tests.chaos.prefilled import fill, item_id, observe
from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import Worker, until

ITEMS = 20_000
# Asked for one by one, the others would take most of the time.
SAMPLE = range(0, ITEMS, 20)
OBSERVED = 500

# No window ends while a test runs.
WEEK = {"WINDOW_SIZE": "604800"}


def restored(worker: Worker) -> list[int]:
    """How many changelog records each of its recoveries has read, of all its processes."""
    return [int(count) for count in re.findall(r"(\d+) changelog records restored", worker.log)]


async def items(worker: Worker) -> dict[int, Any]:
    """The answers for the sample, from its tables."""
    return {number: await worker.get(f"/api/items/{item_id(number)}") for number in SAMPLE}


async def observe_some(pipeline: Pipeline, at: int) -> None:
    """New observations of the first items, processed and committed."""
    records = [Record(*observe(number, at)) for number in range(OBSERVED)]
    await pipeline.produce(RAW, records)
    await pipeline.until_processed(RAW)


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_a_worker_that_was_killed_has_all_its_items_again(
    make_pipeline: MakePipeline, store: str
) -> None:
    """Each item is answered for as before; what RocksDB has on disk is not read once more."""
    pipeline = make_pipeline(STORE=store, **WEEK)
    await pipeline.create_topics()
    at = time.time_ns() // 1_000_000
    records = await fill(pipeline.settings, ITEMS, at)
    worker = pipeline.start()
    await worker.until_ready()
    await observe_some(pipeline, at + 1)
    before = await items(worker)

    await worker.kill()
    # Its local data is in a folder named after its port.
    successor = pipeline.start(WEB_PORT=worker.port)
    await successor.until_ready()
    after = await items(successor)

    assert {status for status, _ in before.values()} == {200}
    assert after == before
    first, *later = restored(successor)
    assert first == records
    assert sum(later) == 0 if store == "rocksdb" else sum(later) >= records


async def test_what_a_worker_has_written_itself_is_not_read_at_a_rebalance(
    make_pipeline: MakePipeline,
) -> None:
    """Else every coming and going would cost all who stay a recovery of their own."""
    pipeline = make_pipeline(**WEEK)
    first = pipeline.start("first")
    await first.until_ready()
    await observe_some(pipeline, time.time_ns() // 1_000_000)

    second = pipeline.start("second")
    await second.until_ready()
    await until("both work", lambda: _share(first, second))

    assert restored(first) == []
    assert sum(restored(second)) > 0


@pytest.mark.parametrize(
    ("store", "standbys"), [("memory", "0"), ("memory", "1"), ("rocksdb", "1")]
)
async def test_partitions_come_back_with_what_others_have_made_of_them(
    make_pipeline: MakePipeline, store: str, standbys: str
) -> None:
    """Whoever has had them in between, and whether somebody kept a copy or not."""
    pipeline = make_pipeline(STORE=store, TABLE_STANDBY_REPLICAS=standbys, **WEEK)
    at = time.time_ns() // 1_000_000
    first = pipeline.start("first")
    await first.until_ready()
    await observe_some(pipeline, at)
    second = pipeline.start("second")
    await until("both work", lambda: _share(first, second))
    await observe_some(pipeline, at + 1)

    await second.kill()
    await until("the first has all again", lambda: _has_all(first))
    await observe_some(pipeline, at + 2)
    report = await pipeline.verified()

    assert report.is_clean, report
    assert first.is_alive


async def _share(first: Worker, second: Worker) -> bool:
    mine, others = await first.partitions(), await second.partitions()
    return bool(mine and others) and len(mine) + len(others) == 4


async def _has_all(worker: Worker) -> bool:
    return len(await worker.partitions()) == 4
