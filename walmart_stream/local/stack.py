"""``walmart-stream local``: the whole pipeline on one machine, without Docker, Java or accounts.

Everything that runs is real: a broker that speaks Kafka's protocol, a mongod, `faust worker`
processes. Only Walmart is a sandbox.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp
import orjson
from pymongo.errors import PyMongoError
from rich.console import Console

from walmart_stream import topics
from walmart_stream.audit import Report, report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.credentials import mongodb
from walmart_stream.credentials.redaction import protect
from walmart_stream.domain.offers import FEATURED, MARKETPLACE
from walmart_stream.domain.plain import plain
from walmart_stream.domain.reading.observation import AFFILIATE
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.environment import given_settings, without_settings
from walmart_stream.local.found import found_by_commands
from walmart_stream.local.kafka import KafkaNode, missing_tools, resolve_class_path
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.notifications import subscribe, webhook_settings
from walmart_stream.local.ports import is_free
from walmart_stream.local.processes import resident_megabytes
from walmart_stream.local.progress import Progress
from walmart_stream.local.truth_check import Verdict, compare, expected_changes, served_answers
from walmart_stream.local.unseen import true_sight
from walmart_stream.local.workers import DEFAULT_PORT, Worker
from walmart_stream.sandbox import SandboxConfig, SellerConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key
from walmart_stream.settings import SETTING_NAMES, Settings, load_settings
from walmart_stream.storage import mongo

# Seconds. The embedded broker waits half of a group's session timeout at each join.
SESSION_TIMEOUT = "6"

# Seconds. A measured run polls an item every second and closes windows while one looks on.
MEASURED = {
    "POLL_INTERVAL_MIN": "1",
    "POLL_INTERVAL_MAX": "60",
    "WINDOW_SIZE": "10",
    "SELLER_POLL_INTERVAL": "30",
    "SELLER_REPORT_INTERVAL": "60",
    "SELLER_INSIGHTS_INTERVAL": "60",
}
MEASURED_SPEED = 1000.0

# Without an end the stack is there to be looked at. The embedded broker keeps all that it is sent
# in memory, 6 KB for an observation with all that follows from it, so its pace decides how long it
# can stand: 1.5 a second and windows of five minutes filled 41 MB an hour, which is too much for a
# day beside the 480 MB that everything else takes. The speed of the market decides how many of the
# sellers' events come beside the polls.
SHOWN_OBSERVATIONS_PER_SECOND = 0.2
SHOWN_WINDOW = "900"
SHOWN_SPEED = 30.0

# Megabytes of the embedded broker at which the stack stops.
MOST_BROKER_MB = 2048

# Walmart's own, times the speed: see the sandbox.
CALLS_PER_SECOND = 5
CALLS_PER_DAY = 5000

# Of the sandbox's items, those that its seller offers, too.
SELLERS_SHARE = 0.25

# How long after the last answer everything must have been stored.
SETTLE_TIMEOUT = 120.0

# How long a database of one's own may take to answer at the start.
DATABASE_TIMEOUT = 10.0

Broker = Literal["embedded", "kafka"]


@dataclass(frozen=True, slots=True)
class Options:
    """Arguments of ``local``.

    ``seconds``: stop after this time; ``None``: at Ctrl-C. ``speed``: of the sandbox's market, by
    itself the one for a measured or a shown run. ``port``: of the first worker; WEB_PORT if unset.
    ``keep``: data outlive the run. ``mix_sandbox``: the sandbox's items may go to a Kafka and a
    MongoDB that this run did not start.
    """

    workers: int
    items: int
    seconds: float | None
    seed: int
    speed: float | None
    report: Path | None
    port: int | None = None
    broker: Broker = "embedded"
    keep: bool = False
    mix_sandbox: bool = False

    @property
    def pace(self) -> float:
        """The speed of the market."""
        if self.speed is not None:
            return self.speed
        return SHOWN_SPEED if self.seconds is None else MEASURED_SPEED

    @property
    def is_shown(self) -> bool:
        """Whether it is there to be looked at; a run with an end or a pace of its own is measured.

        Only then does the sandbox post its seller's events: what is measured is polling.
        """
        return self.seconds is None and self.speed is None

    @property
    def intervals(self) -> dict[str, str]:
        """The settings of polling and windows, where nobody gave them."""
        if not self.is_shown:
            return MEASURED
        shortest = max(5.0, self.items / SHOWN_OBSERVATIONS_PER_SECOND)
        return {
            "POLL_INTERVAL_MIN": f"{shortest:.0f}",
            "POLL_INTERVAL_MAX": f"{5 * shortest:.0f}",
            "WINDOW_SIZE": SHOWN_WINDOW,
            "SELLER_POLL_INTERVAL": f"{2 * shortest:.0f}",
            "SELLER_REPORT_INTERVAL": f"{10 * shortest:.0f}",
            "SELLER_INSIGHTS_INTERVAL": f"{10 * shortest:.0f}",
        }


class CannotStart(Exception):
    """The stack cannot run as it was asked; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The running parts. ``control_url`` is the sandbox's, ``None`` with real credentials.

    ``watched`` are the items that this run put on the watchlist. ``is_second``: another stack runs
    in the same folder, from which it has taken over ``walmart-stream --local``.
    """

    settings: Settings
    workers: Sequence[Worker]
    control_url: str | None
    broker: EmbeddedBroker | None
    watched: Sequence[str]
    is_second: bool = False

    async def stop_polling(self) -> None:
        """Take what this run added off the watchlist: nothing new comes, the rest is stored."""
        await watchlist.remove(self.settings, self.watched)

    async def judge(self) -> tuple[Verdict, Report]:
        """Compares the stored results with what was served, and with the raw topic.

        Everything must have been stored; see :meth:`Progress.until_settled`.
        """
        assert self.control_url is not None
        verdict = Verdict()
        truth = [record async for record in served_answers(self.control_url)]
        raw = [
            record.value
            async for record in read_topic(self.settings, topics.RAW.name)
            if _source(record.value) == AFFILIATE
        ]
        client = mongo.connect(self.settings)
        try:
            database = mongo.database(client, self.settings)
            # The seller's side has no ground truth of its own here; verify covers it.
            ours = {"offer": {"$in": [FEATURED, MARKETPLACE]}}
            await compare(expected_changes(truth, raw, verdict), database, verdict, ours)
        finally:
            client.close()
        return verdict, await verify(self.settings)


@asynccontextmanager
async def running(
    options: Options, folder: Path, found_in: Path | None = None
) -> AsyncIterator[Stack]:
    """Start everything, with its files in *folder*; stop it in the opposite order.

    *found_in*: the folder in which ``walmart-stream --local`` looks for it.

    Raises:
        CannotStart: as asked it would harm data, or cannot work.
        StartError: one of the programs does not come up.
    """
    given = given_settings()
    _check_mixing(options, given)
    if options.port is not None and not is_free(options.port):
        raise CannotStart(
            f"--port {options.port} is taken: something listens there; choose another, or leave it "
            "out, and a free one is found"
        )
    async with AsyncExitStack() as stack:
        environment, control_url, broker = await _surroundings(options, given, folder, stack)
        port = options.port or int(given.get("WEB_PORT") or DEFAULT_PORT)
        workers = [
            Worker(number, {**without_settings(), **environment}, folder, port=port)
            for number in range(options.workers)
        ]
        settings = load_settings(workers[0].environment, env_file=folder / "no.env")
        # From here on no message shows a secret, and no core file holds one.
        protect(settings.secrets())
        await _require_database(settings)
        await create_topics(settings)
        watched: list[str] = []
        if control_url is not None:
            watched = await _watch_everything(settings, control_url, options.items)
        for worker in workers:
            await stack.enter_async_context(worker)
        if control_url is not None and options.is_shown:
            await subscribe(settings, workers[0].url)
        is_second = False
        if found_in is not None:
            ours = {n: value for n, value in workers[0].environment.items() if n in SETTING_NAMES}
            is_second = stack.enter_context(found_by_commands(ours, found_in))
        yield Stack(settings, workers, control_url, broker, watched, is_second)


async def run(options: Options) -> int:
    """Run until the time is over or a signal comes; the exit code.

    With a time limit the result is judged, and the code is 0 only if nothing was lost, counted
    twice or stored wrong.

    Raises:
        CannotStart, StartError, SettingsError: see :func:`running`.
    """
    console = Console(highlight=False, soft_wrap=True)
    _require_writable(options.report)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with _run_folder(options, given_settings()) as folder:
        console.print("starting broker, MongoDB, sandbox and workers …")
        async with running(options, folder, _base(given_settings())) as stack:
            _say_where(console, stack, folder, options)
            started = time.monotonic()
            progress = Progress(console, stack.workers, stack.settings)
            limit = asyncio.create_task(_stop_when_full(console, stack.broker, stop))
            await progress.until(stop, options.seconds)
            limit.cancel()
            if options.seconds is None or stack.control_url is None:
                console.print("stopping …")
                return 0
            # Before the items leave the watchlist: what changes later, nobody is to see.
            sight = await true_sight(stack.control_url, options.items, options.pace)
            console.print("polling stops; waiting until everything fetched is stored …")
            await stack.stop_polling()
            await progress.until_settled(SETTLE_TIMEOUT)
            verdict, audit = await stack.judge()
            figures = {**_figures(options, verdict, audit), **sight}
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


def _check_mixing(options: Options, given: Mapping[str, str]) -> None:
    foreign = [
        name for name in ("KAFKA_BROKERS", "MONGODB_URI", "MONGODB_URI_FILE") if name in given
    ]
    if options.keep and options.broker == "embedded" and "KAFKA_BROKERS" not in given:
        raise CannotStart(
            "--keep needs --broker kafka: the embedded broker keeps everything in memory"
        )
    if foreign and "WALMART_CONSUMER_ID" not in given and not options.mix_sandbox:
        raise CannotStart(
            f"{foreign[0]} is set, and without WALMART_CONSUMER_ID the sandbox's items would be "
            "written there. Unset it to run on a broker and a database of this run's own; set your "
            "Walmart keys to poll Walmart; or, if nothing of value is there, add --mix-sandbox"
        )


async def _require_database(settings: Settings) -> None:
    client = mongo.connect(settings)
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT):
            await mongo.database(client, settings).command("ping")
    except (PyMongoError, TimeoutError) as exc:
        reason = "no answer" if isinstance(exc, TimeoutError) else type(exc).__name__
        raise CannotStart(
            f"MONGODB_URI cannot be used ({reason}): is the database up, and are address and login "
            "right?"
        ) from None
    finally:
        client.close()


def _require_writable(report: Path | None) -> None:
    if report is not None:
        try:
            with report.open("ab"):
                pass
        except OSError as exc:
            raise CannotStart(f"--json {report} cannot be written: {exc.strerror}") from None


async def _stop_when_full(
    console: Console, broker: EmbeddedBroker | None, stop: asyncio.Event
) -> None:
    """Set *stop* when the embedded broker has grown to the limit."""
    while broker is not None and broker.pid is not None:
        megabytes = resident_megabytes(broker.pid)
        if megabytes > MOST_BROKER_MB:
            console.print(
                f"the embedded broker has grown to {megabytes:.0f} MB; it keeps everything in "
                "memory, so this run ends here. With Java 17, --broker kafka keeps it on disk."
            )
            stop.set()
            return
        await asyncio.sleep(5)


@asynccontextmanager
async def _closing(server: Any) -> AsyncIterator[Any]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def _base(given: Mapping[str, str]) -> Path:
    return Path(given.get("DATA_DIR") or "data")


@contextmanager
def _run_folder(options: Options, given: Mapping[str, str]) -> Iterator[Path]:
    """The folder of this run's files; kept if asked for, else gone afterwards."""
    base = _base(given)
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        if options.keep:
            folder = base / "kept"
            folder.mkdir(mode=0o700, exist_ok=True)
        else:
            folder = Path(tempfile.mkdtemp(prefix="local-", dir=base))
    except OSError as exc:
        raise CannotStart(f"DATA_DIR {base} cannot be written: {exc.strerror}") from None
    try:
        yield folder.resolve()
    finally:
        if not options.keep:
            # A late log line must not turn its removal into an error.
            shutil.rmtree(folder, ignore_errors=True)


async def _surroundings(
    options: Options, given: Mapping[str, str], folder: Path, stack: AsyncExitStack
) -> tuple[dict[str, str], str | None, EmbeddedBroker | None]:
    """Start what *given* does not bring; the workers' settings, sandbox and embedded broker."""
    environment = dict(given)
    broker: EmbeddedBroker | None = None
    if not environment.get("KAFKA_BROKERS"):
        environment.update(KAFKA_SECURITY_PROTOCOL="PLAINTEXT", KAFKA_REPLICATION_FACTOR="1")
        if options.broker == "embedded":
            broker = EmbeddedBroker(folder)
            await stack.enter_async_context(_closing(broker))
            environment["KAFKA_BROKERS"] = broker.bootstrap
            environment.setdefault("KAFKA_SESSION_TIMEOUT", SESSION_TIMEOUT)
        else:
            node = await stack.enter_async_context(_closing(await _kafka_node(folder)))
            environment["KAFKA_BROKERS"] = node.bootstrap
    if not (environment.get("MONGODB_URI") or environment.get("MONGODB_URI_FILE")):
        password = _kept_secret(folder / "mongod-password")
        mongod = await stack.enter_async_context(_closing(EmbeddedMongod(folder, password)))
        environment["MONGODB_URI"] = mongod.uri
    control_url = None
    if not environment.get("WALMART_CONSUMER_ID"):
        control_url = await _sandbox(options, environment, folder, stack)
        for name, value in options.intervals.items():
            environment.setdefault(name, value)
    environment["DATA_DIR"] = str(folder)
    return environment, control_url, broker


async def _kafka_node(folder: Path) -> KafkaNode:
    if (reason := missing_tools()) is not None:
        raise CannotStart(f"--broker kafka: {reason}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "walmart-stream"
    class_path = await asyncio.to_thread(resolve_class_path, cache)
    # Its address is in its configuration, so that a kept node comes back at the same one.
    return KafkaNode.kept(folder / "kafka", class_path)


def _kept_secret(file: Path) -> str:
    if not file.is_file():
        save_private_key(secrets.token_urlsafe(24), file)
    return file.read_text(encoding="utf-8")


async def _sandbox(
    options: Options, environment: dict[str, str], folder: Path, stack: AsyncExitStack
) -> str:
    """Start the sandbox with both sides, and point *environment* to it; its control URL."""
    private, public = generate_keypair()
    consumer_id = str(uuid.uuid4())
    shop = SellerConfig(skus=max(1, int(options.items * SELLERS_SHARE)))
    sandbox = await serve(
        SandboxConfig(
            consumer_id=consumer_id,
            public_keys={"1": public},
            items=options.items,
            seed=options.seed,
            speed=options.pace,
            seller=shop,
        )
    )
    stack.push_async_callback(sandbox.stop)
    key_file = folder / "private-key.pem"
    save_private_key(private, key_file)
    for name in ("WALMART_PRIVATE_KEY", "WALMART_CLIENT_SECRET_FILE"):
        environment.pop(name, None)
    environment.update(
        WALMART_AFFILIATE_URL=sandbox.url,
        WALMART_CONSUMER_ID=consumer_id,
        WALMART_KEY_VERSION="1",
        WALMART_PRIVATE_KEY_FILE=str(key_file),
        WALMART_AFFILIATE_DAILY_CALLS=str(max(1, int(CALLS_PER_DAY * options.pace))),
        WALMART_AFFILIATE_CALLS_PER_SECOND=str(CALLS_PER_SECOND * options.pace),
        WALMART_SELLER_URL=sandbox.seller_url,
        WALMART_CLIENT_ID=shop.client_id,
        WALMART_CLIENT_SECRET=shop.client_secret,
    )
    if options.is_shown:
        webhook_settings(environment)
    return sandbox.control_url


async def _watch_everything(settings: Settings, control_url: str, items: int) -> list[str]:
    """Watch the sandbox's items; those that were not watched before."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{control_url}/items", params={"limit": str(items)}) as response,
    ):
        response.raise_for_status()
        listed = [str(item["item_id"]) for item in (await response.json())["items"]]
    before = await watchlist.listing(settings)
    new = [item_id for item_id in listed if item_id not in before]
    await watchlist.add(settings, [WatchEntry(item_id=item_id) for item_id in new])
    return new


def _source(value: bytes | None) -> str | None:
    envelope = orjson.loads(value or b"null")
    return envelope.get("source") if isinstance(envelope, dict) else None


def _figures(options: Options, verdict: Verdict, audit: Report) -> dict[str, Any]:
    return {
        "workers": options.workers,
        "items": options.items,
        "seed": options.seed,
        "speed": options.pace,
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
        console.print(f"  {plain(example)}", markup=False)
    if not audit.is_clean:
        for line in report_lines(audit):
            console.print(f"  {plain(line)}", markup=False)
    console.print(
        "answers served {answers_served}, observations {observations}, "
        "changes served {changes_served}, stored {stored}, lost {lost}, "
        "duplicated {duplicated}, wrong {wrong}".format(**figures)
    )
    if figures["changes"]:
        console.print(
            "calls {calls}, true changes {changes}, of which seen {changes_seen_share:.1%}; "
            "unseen for {unseen_mean_s} s of market time on average, "
            "p95 {unseen_p95_s} s".format(**figures)
        )


def _say_where(console: Console, stack: Stack, folder: Path, options: Options) -> None:
    first, *others = (worker.url for worker in stack.workers)
    console.print(f"  overview       {first}/")
    console.print(f"  live figures   {first}/api/stats")
    console.print(f"  all items      {first}/api/items")
    console.print(f"  one item       {first}/api/items/ITEM  and  {first}/api/items/ITEM/history")
    console.print(f"  API            {first}/api/openapi.json")
    console.print(f"  other workers  {', '.join(others) or 'none'}")
    console.print(f"  Kafka          {','.join(stack.settings.kafka_brokers)}")
    hosts = ", ".join(sorted(mongodb.servers(stack.settings.mongodb_uri.get_secret_value())))
    console.print(f"  MongoDB        {hosts}, database {stack.settings.mongodb_database}")
    console.print(f"  logs           {folder}/*.log")
    console.print("  commands       walmart-stream --local history ITEM   (in a second terminal)")
    if stack.is_second:
        console.print(
            "Another stack runs in this folder: until this one has ended, --local means this one."
        )
    if options.keep:
        console.print(f"Ctrl-C stops everything; the data stay in {folder}.")
    else:
        console.print("Ctrl-C stops everything, and the data are gone; --keep keeps them.")
