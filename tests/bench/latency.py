"""How long an observation takes to be seen: in the web view, and in MongoDB.

A producer appends a thousand observations a second. Ten of these are probes: of one item, at a
price that it never had. From when a probe is handed to the producer, one observer asks the item's
web view, another one MongoDB for the change, each again five milliseconds after it has its answer:
that, and the answer's own time, is how fine this measures. To ask more often would slow down what
is measured. For comparison a bare aiokafka consumer reads the raw topic: so long the broker takes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from pymongo import AsyncMongoClient

from tests.bench.documents import DATABASE
from tests.bench.given import RAW
from tests.bench.log import Gauge, Loader
from tests.bench.logs import Logs
from tests.bench.observations import Raw
from tests.bench.process import Processes
from tests.bench.subject import SUBJECTS
from tests.bench.throughput import Watch, new_ground
from tests.bench.work import Work
from walmart_stream.domain.reading import observation
from walmart_stream.domain.time import to_iso
from walmart_stream.storage.documents import PRICE_CHANGES

RATE = 1000
PROBES = 10
TICK = 0.01
PAUSE = 0.005
SESSION = 10.0
PATIENCE = 10.0

# Cents: more than any item of the sandbox costs, so that a probe's price is seen as soon as it, or
# a later one, has been applied.
UNHEARD_OF = 5_000_000

_TIME = b'"observed_at":"'
_LENGTH = len(to_iso(0))


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a probe's handing over until it was seen; *missed*: not in 10 s.

    *worker_cores*: what the worker used meanwhile, being asked included.
    """

    broker: str
    probes: int
    broker_p50: float
    broker_p99: float
    web_p50: float
    web_p99: float
    mongodb_p50: float
    mongodb_p99: float
    missed: int
    worker_cores: float = 0.0


async def measure(work: Work, logs: Logs, folder: Path, seconds: float) -> Latency:
    """Measure one worker for *seconds* seconds."""
    subject = SUBJECTS["walmart-stream-both"]
    async with new_ground(subject, logs, folder, SESSION) as ground:
        processes = Processes()
        documents = ground.documents
        assert documents is not None
        try:
            async with (
                Loader(ground.brokers, RAW) as loader,
                Gauge(ground.brokers, ground.group).open() as gauge,
            ):
                # As of now, or everything that follows would be late.
                warm_up = [_now(raw) for raw in work.warm_up]
                await loader.send(loader.build(warm_up))
                port = await ground.start(processes, subject, 0, 0)
                watch = Watch(subject, processes, gauge, RAW, ground)
                await watch.until_done(len(warm_up), 0)
            processes.look_around()
            before = processes.cpu_seconds()
            latency = await _probe(work, logs.kind, ground.brokers, port, documents.uri, seconds)
            cores = (processes.cpu_seconds() - before) / seconds
            return replace(latency, worker_cores=round(cores, 2))
        finally:
            await processes.end()


async def _probe(
    work: Work, broker: str, brokers: str, port: str, uri: str, seconds: float
) -> Latency:
    producer: AIOKafkaProducer = AIOKafkaProducer(bootstrap_servers=brokers, acks="all")
    web: list[float] = []
    stored: list[float] = []
    probed = work.warm_up[0]
    url = f"http://127.0.0.1:{port}/api/items/{probed.key.decode()}"
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        RAW, bootstrap_servers=brokers, auto_offset_reset="latest"
    )
    read: list[float] = []
    waiting: dict[bytes, float] = {}
    await producer.start()
    await consumer.start()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    collection = client[DATABASE][PRICE_CHANGES]
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as observers:

        async def shown(cents: int) -> bool:
            async with session.get(url) as response:
                offers = orjson.loads(await response.read())["offers"]
            return bool(offers["featured"]["price_cents"] >= cents)

        async def kept(change: str) -> bool:
            return await collection.find_one({"_id": change}, {"_id": 1}) is not None

        async def look_on() -> None:
            while True:
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        if (handed := waiting.pop(record.value, None)) is not None:
                            read.append((time.perf_counter() - handed) * 1000)

        looking = asyncio.create_task(look_on())
        began = time.monotonic()
        sent = probes = 0
        others = [raw for raw in work.measured if raw.key != probed.key]
        while (elapsed := time.monotonic() - began) < seconds:
            if probes < elapsed * PROBES:
                probes += 1
                cents = UNHEARD_OF + probes
                probe, change = _priced(probed, cents)
                handed = waiting[probe.value] = time.perf_counter()
                await producer.send(RAW, probe.value, key=probe.key, partition=probe.partition)
                observers.create_task(_see(partial(shown, cents), handed, web))
                observers.create_task(_see(partial(kept, change), handed, stored))
                sent += 1
            while sent < elapsed * RATE:
                raw = _now(others[sent % len(others)])
                await producer.send(RAW, raw.value, key=raw.key, partition=raw.partition)
                sent += 1
            await asyncio.sleep(TICK)
    looking.cancel()
    await consumer.stop()
    await client.close()
    await producer.stop()
    return Latency(
        broker,
        probes,
        _percentile(read, 50),
        _percentile(read, 99),
        _percentile(web, 50),
        _percentile(web, 99),
        _percentile(stored, 50),
        _percentile(stored, 99),
        2 * probes - len(web) - len(stored),
    )


async def _see(look: Callable[[], Awaitable[bool]], handed: float, seen: list[float]) -> None:
    while time.perf_counter() - handed < PATIENCE:
        if await look():
            seen.append((time.perf_counter() - handed) * 1000)
            return
        await asyncio.sleep(PAUSE)


def _now(raw: Raw) -> Raw:
    """The same, observed now."""
    start = raw.value.index(_TIME) + len(_TIME)
    now = to_iso(time.time_ns() // 1_000_000).encode()
    return raw._replace(value=raw.value[:start] + now + raw.value[start + _LENGTH :])


def _priced(raw: Raw, cents: int) -> tuple[Raw, str]:
    """The same at *cents*, observed now; and the id of the change."""
    item = orjson.loads(raw.value)["payload"]
    item |= {"salePrice": cents / 100, "availableOnline": True}
    at = time.time_ns() // 1_000_000
    item_id = raw.key.decode()
    value = observation.encode(
        source=observation.AFFILIATE,
        item_id=item_id,
        observed_at=at,
        request_id="probe",
        payload=orjson.dumps(item),
    )
    return raw._replace(value=value), f"{item_id}:featured:{at}"


def _percentile(values: list[float], percent: int) -> float:
    assert values, "no probe was ever seen"
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 1)
