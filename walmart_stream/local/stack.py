"""``walmart-stream local``: the whole pipeline on one machine, without Docker, Java or accounts.

Everything that runs is real: a broker that speaks Kafka's protocol, a mongod, `faust worker`
processes. Only Walmart is a sandbox.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from dotenv import dotenv_values
from rich.console import Console

from walmart_stream import topics
from walmart_stream.audit import Report, report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.progress import Progress
from walmart_stream.local.truth_check import Verdict, compare, expected_changes, served_answers
from walmart_stream.local.workers import Worker
from walmart_stream.sandbox import SandboxConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key
from walmart_stream.settings import Settings, load_settings
from walmart_stream.storage import mongo

# Of the embedded broker's groups: it waits half of it at each join.
SESSION_TIMEOUT = "6"

# A watched item is polled about every second, and windows close while one looks on.
POLL_INTERVAL_MIN = 1.0
POLL_INTERVAL_MAX = 60.0
WINDOW_SIZE = 10

# Walmart's own, times the speed: see the sandbox.
CALLS_PER_SECOND = 5
CALLS_PER_DAY = 5000

# How long after the last answer everything must have been stored.
SETTLE_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True)
class Options:
    """Arguments of ``local``. ``seconds``: stop after this time; ``None``: at Ctrl-C."""

    workers: int
    items: int
    seconds: float | None
    seed: int
    speed: float
    report: Path | None


@dataclass(frozen=True, slots=True)
class Stack:
    """The running parts. ``control_url`` is the sandbox's, ``None`` with real credentials."""

    settings: Settings
    workers: Sequence[Worker]
    control_url: str | None

    async def stop_polling(self) -> None:
        """Empty the watchlist: what was fetched goes its way, nothing new comes."""
        await watchlist.remove(self.settings, list(await watchlist.listing(self.settings)))

    async def judge(self) -> tuple[Verdict, Report]:
        """Compares the stored results with what was served, and with the raw topic.

        Everything must have been stored; see :meth:`Progress.until_settled`.
        """
        assert self.control_url is not None
        verdict = Verdict()
        truth = [record async for record in served_answers(self.control_url)]
        raw = [record.value async for record in read_topic(self.settings, topics.RAW.name)]
        client = mongo.connect(self.settings)
        try:
            database = mongo.database(client, self.settings)
            await compare(expected_changes(truth, raw, verdict), database, verdict)
        finally:
            client.close()
        return verdict, await verify(self.settings)


@asynccontextmanager
async def running(options: Options, folder: Path) -> AsyncIterator[Stack]:
    """Start everything, with its files in *folder*; stop it in the opposite order."""
    async with AsyncExitStack() as stack:
        environment, control_url = await _surroundings(options, folder, stack)
        workers = [Worker(number, environment, folder) for number in range(options.workers)]
        settings = load_settings(workers[0].environment, env_file=folder / "no.env")
        await create_topics(settings)
        if control_url is not None:
            await _watch_everything(settings, control_url, options.items)
        for worker in workers:
            await stack.enter_async_context(worker)
        yield Stack(settings, workers, control_url)


async def run(options: Options) -> int:
    """Run until the time is over or a signal comes; the exit code.

    With a time limit the result is judged, and the code is 0 only if nothing was lost, counted
    twice or stored wrong.
    """
    console = Console(highlight=False, soft_wrap=True)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _run_folder() as folder:
        console.print("starting broker, MongoDB, sandbox and workers …")
        async with running(options, folder) as stack:
            _say_where(console, stack, folder)
            started = time.monotonic()
            progress = Progress(console, stack.workers, stack.settings)
            await progress.until(stop, options.seconds)
            if options.seconds is None or stack.control_url is None:
                console.print("stopping …")
                return 0
            console.print("polling stops; waiting until everything fetched is stored …")
            await stack.stop_polling()
            await progress.until_settled(SETTLE_TIMEOUT)
            verdict, audit = await stack.judge()
            figures = _figures(options, verdict, audit)
            figures["seconds"] = round(time.monotonic() - started, 1)
            figures["restarts"] = sum(worker.restarts for worker in stack.workers)
        _report(console, figures, verdict, audit)
        if options.report is not None:
            text = orjson.dumps(figures, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            options.report.write_bytes(text)
        clean = verdict.clean and not verdict.unrecorded and audit.is_clean
        if not clean:
            kept = Path(tempfile.mkdtemp(prefix="walmart-stream-logs-"))
            for log in folder.glob("*.log"):
                shutil.copy(log, kept)
            console.print(f"logs are kept in {kept}")
        return 0 if clean else 1


@asynccontextmanager
async def _closing(server: Any) -> AsyncIterator[Any]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _run_folder() -> Any:
    base = Path(os.environ.get("DATA_DIR") or "data")
    base.mkdir(parents=True, exist_ok=True)
    return _Folder(tempfile.TemporaryDirectory(prefix="local-", dir=base))


class _Folder:
    """A temporary folder as a path; a late log line must not turn its removal into an error."""

    def __init__(self, folder: tempfile.TemporaryDirectory[str]) -> None:
        self._folder = folder

    def __enter__(self) -> Path:
        return Path(self._folder.__enter__()).resolve()

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self._folder.name, ignore_errors=True)
        self._folder.cleanup()


async def _surroundings(
    options: Options, folder: Path, stack: AsyncExitStack
) -> tuple[dict[str, str], str | None]:
    """Start what the environment does not bring; the workers' environment, and the sandbox."""
    environment = {
        name: value for name, value in dotenv_values(".env", interpolate=False).items() if value
    }
    environment.update(os.environ)
    if not environment.get("KAFKA_BROKERS"):
        broker = await stack.enter_async_context(_closing(EmbeddedBroker(folder)))
        environment["KAFKA_BROKERS"] = broker.bootstrap
        environment["KAFKA_SECURITY_PROTOCOL"] = "PLAINTEXT"
        environment["KAFKA_REPLICATION_FACTOR"] = "1"
        environment.setdefault("KAFKA_SESSION_TIMEOUT", SESSION_TIMEOUT)
    if not (environment.get("MONGODB_URI") or environment.get("MONGODB_URI_FILE")):
        mongod = await stack.enter_async_context(_closing(EmbeddedMongod(folder)))
        environment["MONGODB_URI"] = mongod.uri
    control_url = None
    if not environment.get("WALMART_CONSUMER_ID"):
        private, public = generate_keypair()
        consumer_id = str(uuid.uuid4())
        config = SandboxConfig(
            consumer_id=consumer_id,
            public_keys={"1": public},
            items=options.items,
            seed=options.seed,
            speed=options.speed,
        )
        sandbox = await serve(config)
        stack.push_async_callback(sandbox.stop)
        control_url = sandbox.control_url
        key_file = folder / "private-key.pem"
        save_private_key(private, key_file)
        calls_per_day = max(1, int(CALLS_PER_DAY * options.speed))
        environment.update(
            WALMART_AFFILIATE_URL=sandbox.url,
            WALMART_CONSUMER_ID=consumer_id,
            WALMART_KEY_VERSION="1",
            WALMART_PRIVATE_KEY_FILE=str(key_file),
            WALMART_AFFILIATE_DAILY_CALLS=str(calls_per_day),
            WALMART_AFFILIATE_CALLS_PER_SECOND=str(CALLS_PER_SECOND * options.speed),
        )
        environment.setdefault("POLL_INTERVAL_MIN", str(POLL_INTERVAL_MIN))
        environment.setdefault("POLL_INTERVAL_MAX", str(POLL_INTERVAL_MAX))
        environment.setdefault("WINDOW_SIZE", str(WINDOW_SIZE))
    environment["DATA_DIR"] = str(folder)
    return environment, control_url


async def _watch_everything(settings: Settings, control_url: str, items: int) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{control_url}/items", params={"limit": str(items)}) as response,
    ):
        response.raise_for_status()
        listed = (await response.json())["items"]
    await watchlist.add(settings, [WatchEntry(item_id=str(item["item_id"])) for item in listed])


def _figures(options: Options, verdict: Verdict, audit: Report) -> dict[str, Any]:
    return {
        "workers": options.workers,
        "items": options.items,
        "seed": options.seed,
        "speed": options.speed,
        "answers_served": verdict.served,
        "answers_unrecorded": verdict.unrecorded,
        "observations": verdict.observations,
        "changes_served": verdict.changes_served,
        "stored": verdict.stored,
        "lost": verdict.lost + verdict.unrecorded,
        "duplicated": verdict.duplicated,
        "wrong": verdict.wrong,
        "verified": audit.is_clean,
    }


def _report(console: Console, figures: dict[str, Any], verdict: Verdict, audit: Report) -> None:
    for example in verdict.examples:
        console.print(f"  {example}")
    if not audit.is_clean:
        for line in report_lines(audit):
            console.print(f"  {line}")
    console.print(
        "answers served {answers_served}, observations {observations}, "
        "changes served {changes_served}, stored {stored}, lost {lost}, "
        "duplicated {duplicated}, wrong {wrong}".format(**figures)
    )


def _say_where(console: Console, stack: Stack, folder: Path) -> None:
    first, *others = (worker.url for worker in stack.workers)
    console.print(f"  overview       {first}/")
    console.print(f"  live figures   {first}/api/stats")
    console.print(f"  all items      {first}/api/items")
    console.print(f"  one item       {first}/api/items/ITEM  and  {first}/api/items/ITEM/history")
    console.print(f"  API            {first}/api/openapi.json")
    console.print(f"  other workers  {', '.join(others) or 'none'}")
    console.print(f"  Kafka          {','.join(stack.settings.kafka_brokers)}")
    console.print(f"  logs           {folder}/*.log")
    console.print("Ctrl-C stops everything.")
