"""Tables: writes can be awaited, and a restored table has everything, newest first."""

from __future__ import annotations

import os
import signal

import pytest

from tests.engine.worker import Worker, create_input, produce, stand_still
from walmart_stream.engine.tables import DELETED

pytestmark = pytest.mark.integration

CHANGELOG = "engine-test-counts-changelog"


@pytest.fixture
async def bootstrap(fresh_broker):
    await create_input(fresh_broker.bootstrap)
    return fresh_broker.bootstrap


@pytest.fixture(params=["memory", "rocksdb"])
def start(request, bootstrap, tmp_path):
    workers = []

    def start_worker(name: str = "worker", **options: str) -> Worker:
        worker = Worker(bootstrap, tmp_path / name, store=request.param, **options)
        workers.append(worker)
        return worker

    yield start_worker
    for worker in workers:
        worker.stop()


async def test_a_restored_table_has_the_tail_of_the_last_batch(bootstrap, start):
    """The embedded broker's ListOffsets is short by up to a batch; stock Faust believes it and
    restores a table without its last records."""
    await produce(
        bootstrap, *((f"key{index}", "1") for index in range(3000)), topic=CHANGELOG, partition=0
    )

    table = start().wait_ready()["table"]

    assert len(table) == 3000


async def test_stock_faust_restores_no_tail_on_the_embedded_broker(bootstrap, tmp_path):
    """Why end offsets come from a fetch: without that the last records are not restored."""
    await produce(
        bootstrap, *((f"key{index}", "1") for index in range(3000)), topic=CHANGELOG, partition=0
    )
    worker = Worker(bootstrap, tmp_path, flavour="stock")

    try:
        table = worker.wait_ready()["table"]
    finally:
        worker.stop()

    assert 0 < len(table) < 3000


async def test_the_newest_value_of_a_key_wins_over_the_last_one(bootstrap, start):
    """A zombie's older value, appended after its successor's, does not come back."""
    await produce(bootstrap, ("a", "5"), ("b", "1"), topic=CHANGELOG)
    await produce(bootstrap, ("a", "3"), ("b", "2"), topic=CHANGELOG)

    table = start().wait_ready()["table"]

    assert table == {"a": 5, "b": 2}


async def test_a_deletion_deletes_no_newer_value_than_it_names(bootstrap, start):
    """Nor does a zombie's late deletion delete what its successor has written since."""
    await produce(bootstrap, ("a", "5"), ("b", "3"), ("c", "2"), ("d", "9"), topic=CHANGELOG)
    await produce(bootstrap, ("a", ""), ("b", ""), topic=CHANGELOG, headers=((DELETED, b"3"),))
    await produce(bootstrap, ("c", ""), topic=CHANGELOG)

    table = start().wait_ready()["table"]

    assert table == {"a": 5, "d": 9}


async def test_a_restart_goes_on_with_the_table_where_it_was(bootstrap, start):
    """State before offset: counts survive a kill, and nothing committed is missing from them."""
    worker = start()
    worker.wait_ready()
    await produce(bootstrap, *(("a", f"ok {index}") for index in range(10)))
    worker.wait_for(lambda events: len(worker.done()) == 10)
    worker.process.kill()
    worker.process.wait()

    successor = start("worker")

    successor.wait_for(lambda events: events and events[-1].get("table", {}).get("a", 0) >= 10)


async def test_a_write_is_over_when_the_broker_has_acknowledged_it(
    bootstrap, start, fresh_broker, tmp_path
):
    """Faust's own table writes return at once, and nobody can wait for their changelog."""
    go = tmp_path / "go"
    worker = start()
    worker.wait_ready()
    await produce(bootstrap, ("a", f"wait {go}"))
    worker.wait_event("waiting")
    stand_still(fresh_broker.pid)

    try:
        go.touch()
        worker.wait_event("writing")
        said = [event["event"] for event in worker.events]
        held = "done" not in said
    finally:
        os.kill(fresh_broker.pid, signal.SIGCONT)

    assert held
    worker.wait_event("done")
