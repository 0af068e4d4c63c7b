"""A disk that is full: the broker's, MongoDB's, or that of a worker's tables."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import until
from tests.real.conftest import MakeNodePipeline
from walmart_stream.local.mongod import EmbeddedMongod

pytestmark = [pytest.mark.integration, pytest.mark.real_kafka, pytest.mark.slow(70)]

ITEMS = [str(number) for number in range(1, 31)]

MakeDisk = Callable[[Path, int], "SmallDisk"]


class SmallDisk:
    """A disk of its own at *folder*, which can be filled."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._filler = folder / "filler"
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")

    def fill(self) -> None:
        """Leave no room."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12):
                with suppress(OSError):
                    while True:
                        file.write(b"\0" * size)

    def empty(self) -> None:
        """Leave room again."""
        self._filler.unlink()

    def unmount(self) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=False)


@pytest.fixture
def small_disk() -> Iterator[MakeDisk]:
    """Disks of this test's own, of a given number of megabytes."""
    made: list[SmallDisk] = []

    def make(folder: Path, megabytes: int) -> SmallDisk:
        made.append(SmallDisk(folder, megabytes))
        return made[-1]

    yield make
    for disk in made:
        disk.unmount()


def looks(at: int) -> list[Record]:
    """An observation of each item, with another price each time."""
    return [priced(item, at, 10 + at) for item in ITEMS]


async def add(pipeline: Pipeline, at: int) -> None:
    await pipeline.produce(RAW, looks(at))


async def is_right(pipeline: Pipeline, times: int) -> None:
    report = await pipeline.verified()
    assert report.is_clean, report.fields()
    assert len(await pipeline.documents("price_changes")) == len(ITEMS) * times


async def add_until(pipeline: Pipeline, look: Callable[[], bool]) -> int:
    """Add observations until *look* is true; how many of each item there are then."""
    times = 1

    async def added() -> bool:
        nonlocal times
        times += 1
        await add(pipeline, times)
        return look()

    await until("the full disk is noticed", added)
    return times


async def test_a_worker_whose_disk_is_full_ends_and_its_successor_goes_on(
    make_node_pipeline: MakeNodePipeline, small_disk: MakeDisk, tmp_path: Path
) -> None:
    """It says so, and exits with 70; no partition is parked, since no record is at fault."""
    disk = small_disk(tmp_path / "first" / "data", 64)
    pipeline = await make_node_pipeline(KAFKA_PARTITIONS="2", STORE="rocksdb")
    await pipeline.create_topics()
    worker = pipeline.start("first")
    await worker.until_ready()
    await add(pipeline, 1)
    await pipeline.until_settled()

    disk.fill()
    times = await add_until(pipeline, lambda: not worker.is_alive)
    assert await worker.ended() == 70
    assert "No space left on device" in worker.log
    disk.empty()
    successor = pipeline.start("first")

    await is_right(pipeline, times)
    assert (await successor.stats())["parked"] == []


@pytest.mark.long
async def test_mongodb_whose_disk_is_full_is_waited_for(
    make_node_pipeline: MakeNodePipeline, small_disk: MakeDisk, tmp_path: Path
) -> None:
    """It dies of it; the worker says that it is away, and stores everything once it is back."""
    disk = small_disk(tmp_path / "database", 400)
    mongod = EmbeddedMongod(tmp_path / "database")
    await mongod.start()
    try:
        pipeline = await make_node_pipeline(KAFKA_PARTITIONS="2", MONGODB_URI=mongod.uri)
        await pipeline.create_topics()
        worker = pipeline.start("first")
        await worker.until_ready()
        await add(pipeline, 1)
        await pipeline.until_settled()

        disk.fill()
        times = await add_until(pipeline, lambda: "MongoDB is away" in worker.log)
        disk.empty()
        await mongod.kill()
        await mongod.start()

        await is_right(pipeline, times)
        assert worker.is_alive
    finally:
        await mongod.kill()


@pytest.mark.long
async def test_a_broker_whose_disk_is_full_loses_nothing_that_it_acknowledged(
    make_node_pipeline: MakeNodePipeline, small_disk: MakeDisk, tmp_path: Path
) -> None:
    """Apache Kafka ends; the worker waits for it, or ends with 70 and is started again."""
    disk = small_disk(tmp_path / "kafka", 300)
    pipeline = await make_node_pipeline(KAFKA_PARTITIONS="2")
    await pipeline.create_topics()
    worker = pipeline.start("first")
    await worker.until_ready()
    await add(pipeline, 1)
    await pipeline.until_settled()

    disk.fill()
    with pytest.raises(KafkaError):
        await add_until(pipeline, lambda: False)
    disk.empty()
    await pipeline.node.kill()
    await pipeline.node.start()
    await add(pipeline, 1000)
    if not worker.is_alive:
        assert worker.process.returncode == 70, worker.log[-3000:]
        worker = pipeline.start("first")

    report = await pipeline.verified()
    assert report.is_clean, report.fields()
    offers = await pipeline.documents("offers", offer="featured")
    assert {one["price_cents"] for one in offers.values()} == {100 * 1010}
