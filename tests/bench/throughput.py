"""How fast a subject works off a log that is there: one run.

The same rule for all. The process starts, joins its group and works off a warm-up, which fills its
states; when that is committed it is stopped (SIGSTOP) and the records that count are appended. The
clock runs from when it is continued, so that neither start-up nor loading is in it, until the last
result and the last state stand in the broker's log (or in the database, where that is measured). A
run counts only if afterwards all offsets are committed and the answer is right.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.bench.answer import found
from tests.bench.documents import Documents
from tests.bench.given import PARTITIONS, RAW, RESULTS, Given
from tests.bench.job import RULES
from tests.bench.log import Gauge, Loader, create_stores
from tests.bench.logs import Logs
from tests.bench.observations import AHEAD, Raw
from tests.bench.process import Processes
from tests.bench.subject import Subject
from tests.bench.work import Work
from tests.pipeline.worker import surroundings
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.settings import Settings, load_settings

# Nobody answers there: stage one alone. The sink waits with the first batch of each partition,
# which the warm-up brings.
NO_MONGODB = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"

# A hundredth of a run. To look more often would take from the subject what is measured.
LOOK_INTERVAL = 0.05
DEADLINE = 600.0

# What commits no offsets is done when it has written nothing for so long (seconds).
QUIET = 3.0


@dataclass(frozen=True)
class Run:
    """The outcome of a run. Times are seconds; *committed_after* counts from the same zero."""

    subject: str
    broker: str
    workers: int
    messages: int
    seconds: float
    cpu_seconds: float
    peak_mebibytes: float
    committed_after: float | None
    wrong: list[str]

    @property
    def per_second(self) -> float:
        return self.messages / self.seconds

    @property
    def cpu_per_100k(self) -> float:
        return self.cpu_seconds / self.messages * 1e5


@dataclass(frozen=True)
class Feed:
    """Records of *topic* before the clock runs, those after, and their *documents* up to there."""

    topic: str
    warm_up: Sequence[Raw]
    measured: Sequence[Raw]
    documents: tuple[int, int]


@dataclass(frozen=True)
class Ground:
    """Where a run takes place: an empty log, and a database for who needs one."""

    brokers: str
    group: str
    folder: Path
    session: float
    program: Mapping[str, str]
    documents: Documents | None

    @property
    def settings(self) -> Settings:
        return load_settings(dict(self.program), env_file=self.folder / "no.env")

    async def start(self, processes: Processes, subject: Subject, total: int, number: int) -> str:
        """Start *subject* for the *number*-th time, which will get *total* records; its port."""
        given = Given(self.brokers, self.group, self.session, self.folder, total)
        port = str(free_port())
        environment = {
            **surroundings(),
            **subject.environment(given, self.program),
            "WEB_PORT": port,
        }
        log = self.folder / f"{subject.name}-{number}.log"
        await processes.start(subject.command, environment, log)
        return port


@asynccontextmanager
async def new_ground(
    subject: Subject, logs: Logs, folder: Path, session: float
) -> AsyncIterator[Ground]:
    """Topics and database for a run of *subject* with files in *folder*."""
    async with logs.fresh(folder) as brokers:
        mongod = EmbeddedMongod(folder) if subject.database else None
        if mongod is not None:
            await mongod.start()
        # A new one each time, since on Apache Kafka the last one is remembered.
        group = f"bench-{uuid.uuid4().hex[:8]}"
        program = {
            "KAFKA_BROKERS": brokers,
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "KAFKA_SESSION_TIMEOUT": f"{session:g}",
            "OBSERVATION_MAX_AHEAD": str(AHEAD),
            "PRICE_KNOWN_FOR": str(RULES.known_ms / 1000),
            "WINDOW_SIZE": str(RULES.window_ms // 1000),
            "MONGODB_URI": NO_MONGODB if mongod is None else mongod.uri,
            "APP_ID": group,
            "DATA_DIR": str(folder / "data"),
        }
        documents = None if mongod is None else Documents(mongod.uri)
        ground = Ground(brokers, group, folder, session, program, documents)
        try:
            await create_topics(ground.settings)
            await create_stores(ground.settings, subject.changelogs(group))
            yield ground
        finally:
            if mongod is not None:
                await mongod.stop()


def session_for(messages: int) -> float:
    """Seconds: a subject stands still while the log is filled, and must not be thrown out."""
    return 30 + messages / 15_000


async def run(subject: Subject, work: Work, logs: Logs, folder: Path, workers: int = 1) -> Run:
    """Measure *subject* once.

    Raises:
        AssertionError: it ended, or did not come to the end of its work.
    """
    session = session_for(work.messages)
    async with new_ground(subject, logs, folder, session) as ground:
        due = work.warm_up_documents, work.answer.documents
        watch = await drain(subject, ground, Feed(RAW, work.warm_up, work.measured, due), workers)
        answer = await found(ground.settings, RESULTS, subject.changelogs(ground.group))
        wrong = answer.differs(work.answer, subject.checked)
        if ground.documents is not None:
            wrong += await ground.documents.differences(ground.settings)
    return watch.run(logs.kind, workers, wrong)


async def drain(subject: Subject, ground: Ground, feed: Feed, workers: int = 1) -> Watch:
    """Have *workers* processes of *subject* work off *feed*."""
    async with started(subject, ground, feed, workers) as runner:
        await runner.work_off(feed.measured, feed.documents[1])
    return runner.watch


@asynccontextmanager
async def started(
    subject: Subject, ground: Ground, feed: Feed, workers: int = 1
) -> AsyncIterator[Runner]:
    """*workers* processes of *subject* that have processed the warm-up of *feed*."""
    processes = Processes()
    async with (
        Loader(ground.brokers, feed.topic) as loader,
        Gauge(ground.brokers, ground.group).open() as gauge,
    ):
        await loader.send(loader.build(feed.warm_up))
        watch = Watch(subject, processes, gauge, feed.topic, ground)
        warm_up = len(feed.warm_up)
        total = warm_up + len(feed.measured)
        try:
            ports = [
                await ground.start(processes, subject, total, number) for number in range(workers)
            ]
            await watch.until_done(warm_up, feed.documents[0])
            if workers > 1:
                await watch.until_spread(ports)
            yield Runner(processes, loader, watch, warm_up)
        finally:
            await processes.end()


class Runner:
    """Processes that have processed all records, and wait for more."""

    def __init__(self, processes: Processes, loader: Loader, watch: Watch, worked_off: int) -> None:
        self.watch = watch
        self._processes = processes
        self._loader = loader
        self._worked_off = worked_off

    async def work_off(self, raws: Sequence[Raw], results: int) -> None:
        """Measure how long *raws* take; with them the results are *results* in all."""
        batches = self._loader.build(raws)
        self._worked_off += len(raws)
        self._processes.pause()
        await self._loader.send(batches)
        self.watch.begin(len(raws))
        self._processes.go_on()
        await self.watch.until_done(self._worked_off, results)


class Watch:
    """Looks at log and database until *subject* is done."""

    def __init__(
        self,
        subject: Subject,
        processes: Processes,
        gauge: Gauge,
        topic: str,
        ground: Ground,
    ) -> None:
        self._subject = subject
        self._processes = processes
        self._gauge = gauge
        self._topic = topic
        self._documents = ground.documents
        self._settings = ground.settings
        self._results: int | None = None
        self._written_to = (RESULTS, *subject.changelogs(ground.group))
        self._messages = 0
        self._began = time.monotonic()
        self._cpu_before = 0.0
        self._written = 0
        self.last_written = 0.0
        self.cpu_seconds = 0.0
        self.peak_mebibytes = 0.0
        self.committed_after: float | None = None

    def begin(self, messages: int) -> None:
        """The clock runs from now, for *messages* records."""
        self._messages = messages
        self._results = None
        self._processes.look_around()
        self._cpu_before = self._processes.cpu_seconds()
        self._began = time.monotonic()
        self.last_written = 0.0

    def run(self, broker: str, workers: int, wrong: list[str]) -> Run:
        """The figures seen."""
        after = self.committed_after
        return Run(
            self._subject.name,
            broker,
            workers,
            self._messages,
            round(self.last_written, 3),
            round(self.cpu_seconds, 2),
            round(self.peak_mebibytes),
            None if after is None else round(after, 3),
            wrong,
        )

    async def until_done(self, total: int, results: int) -> None:
        """Return when *total* records are done with, and take down when that was.

        With a database: when it has *results* documents of changes and windows.
        """
        deadline = self._began + DEADLINE
        while True:
            asked = time.monotonic()
            self._processes.check()
            assert asked < deadline, f"not done: {self._processes.last_words}"
            stored = 0 if self._documents is None else await self._documents.count()
            written = stored + await self._gauge.ends(self._written_to)
            now = asked - self._began
            if written != self._written:
                self._written, self.last_written = written, now
                self.cpu_seconds = self._processes.cpu_seconds() - self._cpu_before
            if self._subject.commits:
                done = await self._gauge.committed(self._topic) >= total
            else:
                done = written > 0 and now - self.last_written > QUIET
            if self._documents is not None:
                done = done and stored >= results and await self._is_stored()
            if done and now - self.last_written > 1.5 * LOOK_INTERVAL:
                self.committed_after = now if self._subject.commits else None
                self.peak_mebibytes = self._processes.peak_mebibytes()
                return
            await asyncio.sleep(LOOK_INTERVAL)

    async def _is_stored(self) -> bool:
        """Whether the results are committed: their items are written after what is counted.

        Asked when all records are done with, so that no more results come.
        """
        if self._results is None:
            # The gauge's ends may be short.
            self._results = sum((await end_offsets(self._settings, RESULTS)).values())
        return await self._gauge.committed(RESULTS) >= self._results

    async def until_spread(self, ports: Sequence[str]) -> None:
        """Return when each of the workers at *ports* has a share of the partitions."""
        deadline = time.monotonic() + DEADLINE
        while True:
            shares = [await _partitions(port) for port in ports]
            if all(shares) and sum(map(len, shares)) == PARTITIONS:
                return
            assert time.monotonic() < deadline, f"shares of the partitions: {shares}"
            await asyncio.sleep(4 * LOOK_INTERVAL)


async def _partitions(port: str) -> list[int]:
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{LOOPBACK}:{port}/api/stats") as response,
        ):
            partitions: list[int] = (await response.json())["partitions"]
            return partitions
    except aiohttp.ClientError:
        return []
