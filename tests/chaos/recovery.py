"""How long a worker takes to restore its tables, and what that costs: `make recovery`.

Fills the changelogs (see :mod:`tests.chaos.prefilled`), starts one real worker that gets all
partitions, and follows it until it is ready and then until it is quiet. With RocksDB twice more
with its data: after it ended, and after a kill -9 in the middle of work. Each start is checked:
items of the sample must have the price that was written.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from tests.chaos.brokers import EMBEDDED, SINGLE, make_broker
from tests.chaos.prefilled import fill, fill_watchlist, item_id, observe, price
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.pipeline.worker import Worker, until
from walmart_stream.local.mongod import EmbeddedMongod

MEMORY, ROCKSDB = "memory", "rocksdb"
PARTITIONS = 12

# Far beyond what a recovery should take (seconds).
DEADLINE = 3600.0
LOOK_INTERVAL = 0.1

# A worker is quiet when it takes less than this share of a core for this number of seconds; its
# first timers run 5 s after it is ready.
QUIET_SHARE = 0.1
QUIET_SECONDS = 8.0

SAMPLE = 500

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Start:
    """A start of a worker. Times are seconds, CPU time of all its threads, memory MiB."""

    name: str
    ready_after: float = 0.0
    ready_cpu: float = 0.0
    first_page: float = 0.0
    quiet_after: float = 0.0
    quiet_cpu: float = 0.0
    peak_memory: float = 0.0
    memory: float = 0.0
    longest_silence: float = 0.0
    wrong: list[str] = field(default_factory=list)


async def measure(
    broker_kind: str, stores: Sequence[str], items: int, session: float, folder: Path
) -> dict[str, Any]:
    """Start workers on the changelogs of *items* items; the report.

    Raises:
        AssertionError: a worker ended, or was not ready within the deadline.
    """
    starts: list[Start] = []
    async with AsyncExitStack() as stack:
        broker = make_broker(broker_kind, folder)
        await broker.start()
        stack.push_async_callback(broker.stop)
        mongod = EmbeddedMongod(folder)
        await mongod.start()
        stack.push_async_callback(mongod.stop)
        pipeline = Pipeline(
            {
                "KAFKA_BROKERS": broker.bootstrap,
                "KAFKA_PARTITIONS": str(PARTITIONS),
                "KAFKA_SESSION_TIMEOUT": f"{session:g}",
                "MONGODB_URI": mongod.uri,
                "MONGODB_DATABASE": "recovery",
                # A week: no window ends while this runs.
                "WINDOW_SIZE": "604800",
            },
            folder,
        )
        stack.push_async_callback(pipeline.stop)
        await pipeline.create_topics()
        # A worker without items shows what is not due to them.
        worker = pipeline.start("empty")
        starts.append(await _follow("no items", worker))
        await worker.terminate()
        at = time.time_ns() // 1_000_000
        began = time.monotonic()
        records = await fill(pipeline.settings, items, at)
        await fill_watchlist(pipeline.settings, items, at)
        filled_after = time.monotonic() - began
        for store in stores:
            worker = pipeline.start(store, STORE=store)
            starts.append(await _follow(f"{store}, nothing local", worker))
            starts[-1].wrong = await _wrong(worker, items, {0: at})
            if store == ROCKSDB:
                await worker.terminate()
                # Its local data is in a folder named after its port.
                worker = pipeline.start(store, STORE=store, WEB_PORT=worker.port)
                starts.append(await _follow(f"{store}, with its data", worker))
                later = at + 1000
                tail = max(1, items // 50)
                await _kill_at_work(pipeline, worker, tail, later)
                worker = pipeline.start(store, STORE=store, WEB_PORT=worker.port)
                starts.append(await _follow(f"{store}, killed at work", worker))
                await pipeline.until_processed(RAW)
                starts[-1].wrong = await _wrong(worker, items, {0: at, tail: later})
            await worker.kill()
    return {
        "broker": broker_kind,
        "items": items,
        "records": records,
        "session_timeout": session,
        "filled_after": round(filled_after, 1),
        "starts": [asdict(start) for start in starts],
    }


async def _follow(name: str, worker: Worker) -> Start:
    """Watch *worker*, which has just been started, until it is quiet."""
    start = Start(name)
    began = time.monotonic()
    asking = asyncio.create_task(_ask_all_the_time(worker, start))
    try:

        async def ready() -> bool:
            assert worker.is_alive, (
                f"it ended with {worker.process.returncode}: {worker.log[-3000:]}"
            )
            status, _ = await worker.get("/readyz")
            return status == 200 and len(await worker.partitions()) == PARTITIONS

        await until(f"{name}: ready", ready, DEADLINE)
        start.ready_after = round(time.monotonic() - began, 1)
        start.ready_cpu = _cpu_seconds(worker)
        start.first_page = await _first_page(worker)
        while True:
            before = _cpu_seconds(worker)
            await asyncio.sleep(QUIET_SECONDS)
            if _cpu_seconds(worker) - before < QUIET_SHARE * QUIET_SECONDS:
                break
        start.quiet_after = round(time.monotonic() - began - QUIET_SECONDS, 1)
        start.quiet_cpu = before
    finally:
        asking.cancel()
    start.peak_memory = _memory(worker, "VmHWM")
    start.memory = _memory(worker, "VmRSS")
    return start


async def _first_page(worker: Worker) -> float:
    """Seconds until a page of the watchlist is answered."""
    asked = time.monotonic()
    status, body = await worker.get("/api/watchlist?limit=50")
    assert status == 200, body
    return round(time.monotonic() - asked, 2)


async def _ask_all_the_time(worker: Worker, start: Start) -> None:
    """How long the event loop leaves a request unanswered, once it has answered one."""
    async with aiohttp.ClientSession() as session:
        answered = False
        while True:
            asked = time.monotonic()
            try:
                async with session.get(f"{worker.url}/livez") as response:
                    await response.read()
            except aiohttp.ClientError:
                await asyncio.sleep(LOOK_INTERVAL)
                continue
            if answered:
                silence = round(time.monotonic() - asked, 2)
                start.longest_silence = max(start.longest_silence, silence)
            answered = True
            await asyncio.sleep(LOOK_INTERVAL)


async def _kill_at_work(pipeline: Pipeline, worker: Worker, items: int, at: int) -> None:
    """Have the first *items* items observed *at* epoch ms, and kill *worker* while it works."""
    records = [Record(*observe(number, at)) for number in range(items)]
    before = (await worker.counted("walmart_observations_total")).get("applied", 0)
    producing = asyncio.create_task(pipeline.produce(RAW, records))

    async def working() -> bool:
        return (await worker.counted("walmart_observations_total")).get("applied", 0) > before

    await until("it works", working)
    await worker.kill()
    await producing


async def _wrong(worker: Worker, items: int, observed: dict[int, int]) -> list[str]:
    """The items that differ from what was written, in a sample of *items* items.

    *observed*: 0 -> when all were observed; n -> when the first n were, later.
    """
    wrong = []
    for number in range(0, items, max(1, items // SAMPLE)):
        at = max(at for first, at in observed.items() if number < first or not first)
        status, body = await worker.get(f"/api/items/{item_id(number)}")
        found = None
        if status == 200:
            found = body["offers"]["featured"]["price_cents"]
        if found != price(number, at):
            wrong.append(f"item {item_id(number)}: {status}, {found} != {price(number, at)}")
    return wrong


def _cpu_seconds(worker: Worker) -> float:
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return round((int(fields[11]) + int(fields[12])) / TICKS, 1)


def _memory(worker: Worker, name: str) -> float:
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    return round(kib / 1024)


def _show(report: dict[str, Any]) -> None:
    table = Table(
        "start",
        *("ready s", "CPU s", "page s", "quiet s", "CPU s "),
        *("peak MiB", "MiB", "silent s", "wrong"),
        title=f"{report['items']:,} items ({report['records']:,} records) on {report['broker']}",
    )
    for start in report["starts"]:
        table.add_row(
            start["name"],
            *(f"{start[name]:g}" for name in ("ready_after", "ready_cpu", "first_page")),
            *(f"{start[name]:g}" for name in ("quiet_after", "quiet_cpu", "peak_memory", "memory")),
            f"{start['longest_silence']:g}",
            str(len(start["wrong"])),
        )
    Console(width=110).print(table)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.recovery", description=__doc__)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--store", choices=(MEMORY, ROCKSDB), action="append", help="both if unset")
    parser.add_argument("--broker", choices=(EMBEDDED, SINGLE), default=EMBEDDED)
    parser.add_argument("--session", type=float, default=6.0, help="KAFKA_SESSION_TIMEOUT")
    parser.add_argument("--report", type=Path, help="write the figures here, as JSON")
    parser.add_argument("--keep", type=Path, help="a folder for logs and data, which is kept")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="recovery-") as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        stores = arguments.store or (MEMORY, ROCKSDB)
        report = asyncio.run(
            measure(arguments.broker, stores, arguments.items, arguments.session, folder)
        )
    _show(report)
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.exit(any(start["wrong"] for start in report["starts"]))


if __name__ == "__main__":
    main()
