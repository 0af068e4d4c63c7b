"""A worker at rest, with many watched items: what it costs to wait.

The watchlist and all changelogs are written at once, as workers leave them behind. Each item was
just polled, and is due again in a day.
"""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import aiohttp

from tests.bench_scale.servers import servers
from tests.chaos.prefilled import fill, fill_watchlist
from tests.pipeline.pipeline import Pipeline
from tests.pipeline.worker import Worker, until
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.sandbox.keys import generate_keypair, save_private_key

PARTITIONS = 12
# For the worst case on a busy machine; nothing waits for it to pass (seconds).
DEADLINE = 1800.0
# A worker is quiet when it takes less of a core than this for so long (seconds): its first timers
# look through all items once. One that never is gets measured after the third time (seconds): its
# figure is what this is for.
QUIET_SHARE, QUIET_SECONDS, SETTLED = 0.15, 5.0, 90.0
PAGES = 40
LIMIT = 50
TICKS = os.sysconf("SC_CLK_TCK")


async def measure(items: int, seconds: float, folder: Path, store: str) -> dict[str, float]:
    """Figures of a worker with *items* watched items, idle for *seconds* seconds.

    *store*: memory, which it restores from the changelogs, or rocksdb, which it finds on its disk.
    """
    async with _shop(items, folder, store) as (pipeline, port):
        began = time.monotonic()
        worker = await _ready(pipeline, port)
        ready_s, ready_cpu = time.monotonic() - began, _cpu_seconds(worker)
        first = await _first_page(worker, items)
        await _until_quiet(worker)
        before = await worker.stats()
        assert before["polling"]["watched_items"] == items, before["polling"]
        found = await _idle(worker, seconds)
        memory = _memory(worker)
        found |= first | {"watchlist_page_ms": await _page(worker, items)}
        after = await worker.stats()
        assert after["polling"]["calls_today"] == 0, after["polling"]
        return {
            "ready_s": round(ready_s, 1),
            "ready_cpu_s": round(ready_cpu, 1),
            "memory_mib": memory,
            **found,
        }


@asynccontextmanager
async def _shop(items: int, folder: Path, store: str) -> AsyncIterator[tuple[Pipeline, str]]:
    """Workers that find *items* items, and the port of the next one."""
    async with AsyncExitStack() as stack:
        environment = {
            **await stack.enter_async_context(servers(folder)),
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "STORE": store,
            # A week: no window ends while this runs.
            "WINDOW_SIZE": "604800",
            "POLL_INTERVAL_MIN": "86400",
            "POLL_INTERVAL_MAX": "604800",
        }
        now = time.time_ns() // 1_000_000
        first = Pipeline(environment, folder)
        await first.create_topics()
        await fill(first.settings, items, now)
        await fill_watchlist(first.settings, items, now)
        pipeline = Pipeline({**environment, **_keys(folder)}, folder)
        stack.push_async_callback(pipeline.stop)
        # Its tables on disk are in a folder named after its port.
        port = str(free_port())
        if store == "rocksdb":
            await (await _ready(pipeline, port)).terminate()
        yield pipeline, port


def _keys(folder: Path) -> dict[str, str]:
    """Keys with which a worker polls; nobody answers at the address, and nobody is asked."""
    key = folder / "key.pem"
    save_private_key(generate_keypair()[0], key)
    return {
        "WALMART_AFFILIATE_URL": f"http://{LOOPBACK}:{free_port()}",
        "WALMART_CONSUMER_ID": str(uuid.uuid4()),
        "WALMART_PRIVATE_KEY_FILE": str(key),
    }


async def _ready(pipeline: Pipeline, port: str) -> Worker:
    """A worker on *port* that has just become ready, with all partitions."""
    worker = pipeline.start(WEB_PORT=port)

    async def look() -> bool:
        assert worker.is_alive, f"it ended: {worker.log[-3000:]}"
        is_ready = (await worker.get("/readyz"))[0] == 200
        return is_ready and len(await worker.partitions()) == PARTITIONS

    await until("it is ready", look, DEADLINE)
    return worker


async def _until_quiet(worker: Worker) -> None:
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        before = _cpu_seconds(worker)
        await asyncio.sleep(QUIET_SECONDS)
        if _cpu_seconds(worker) - before < QUIET_SHARE * QUIET_SECONDS:
            return


async def _idle(worker: Worker, seconds: float) -> dict[str, float]:
    """CPU while nothing is due, and how late ``/livez`` answers: no step may take longer."""
    before = _cpu_seconds(worker)
    times: list[float] = []
    end = time.monotonic() + seconds
    async with aiohttp.ClientSession() as session:
        while time.monotonic() < end:
            times.append(await _ask(session, f"{worker.url}/livez"))
            await asyncio.sleep(0.02)
    return {
        "idle_cores": round((_cpu_seconds(worker) - before) / seconds, 4),
        "livez_p50_ms": round(median(times), 2),
        "livez_p99_ms": round(quantiles(times, n=100, method="inclusive")[98], 2),
        "livez_longest_ms": round(max(times), 1),
    }


async def _first_page(worker: Worker, items: int) -> dict[str, float]:
    """The first page of the watchlist after a start, and the longest step beside it."""
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(_ask_on(session, worker))
        first = await _ask(session, _path(worker), items)
        longest = max(await _stopped(asking), default=0.0)
    return {
        "watchlist_first_ms": round(first, 1),
        "watchlist_first_livez_longest_ms": round(longest, 1),
    }


async def _page(worker: Worker, items: int) -> float:
    """Milliseconds of a page of the watchlist."""
    async with aiohttp.ClientSession() as session:
        times = [await _ask(session, _path(worker), items) for _ in range(PAGES)]
    return round(median(times), 1)


def _path(worker: Worker) -> str:
    return f"{worker.url}/api/watchlist?limit={LIMIT}"


async def _ask_on(session: aiohttp.ClientSession, worker: Worker) -> list[float]:
    times: list[float] = []
    try:
        while True:
            times.append(await _ask(session, f"{worker.url}/livez"))
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return times


async def _stopped(asking: asyncio.Task[list[float]]) -> list[float]:
    asking.cancel()
    return await asking


async def _ask(session: aiohttp.ClientSession, url: str, total: int | None = None) -> float:
    """Milliseconds until *url* was answered; *total* is what the answer must say."""
    began = time.perf_counter()
    async with session.get(url) as response:
        body: Any = await response.json()
    took = 1000 * (time.perf_counter() - began)
    assert response.status == 200, body
    assert total is None or body["total"] == total, body["total"]
    return took


def _cpu_seconds(worker: Worker) -> float:
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _memory(worker: Worker) -> float:
    """Resident MiB."""
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    return round(
        next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024, 1
    )
