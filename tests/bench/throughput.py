"""One run: how fast a subject works off a log that is there.

The same rule for all. The process starts, joins its group and works off a warm-up, which fills its
states; when that is committed it is stopped (SIGSTOP) and the observations that count are appended.
The clock runs from when it is continued, so that neither start-up nor loading is in it, until the
last result and the last state stand in the broker's log. A run counts only if afterwards all
offsets are committed and the answer is right.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from tests.bench.answer import Answer, expected, found
from tests.bench.given import GROUP, PARTITIONS, RAW, RESULTS, Given
from tests.bench.log import Gauge, Loader, create_stores
from tests.bench.logs import Logs
from tests.bench.observations import Raw, observations
from tests.bench.process import ProcessTree
from tests.bench.subject import Subject
from tests.pipeline.worker import surroundings
from walmart_stream.commands.topics import create_topics
from walmart_stream.local.ports import free_port
from walmart_stream.settings import load_settings

# Each item is seen so often on average before the clock runs.
WARM_UP_ROUNDS = 2

# Nobody answers there: stage one alone. The sink waits with the first batch of each partition,
# which the warm-up brings.
NO_MONGODB = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500"

LOOK_INTERVAL = 0.02
DEADLINE = 300.0

# What commits no offsets is done when it has written nothing for so long (seconds).
QUIET = 3.0


class Work:
    """The observations of all runs, and what they must come to."""

    def __init__(self, messages: int, items: int) -> None:
        self.messages = messages
        self.items = items
        log = observations(items)
        self.warm_up: Sequence[Raw] = list(islice(log, WARM_UP_ROUNDS * items))
        self.measured: Sequence[Raw] = list(islice(log, messages))

    @property
    def total(self) -> int:
        return len(self.warm_up) + len(self.measured)

    @cached_property
    def answer(self) -> Answer:
        return expected((*self.warm_up, *self.measured))


@dataclass(frozen=True)
class Run:
    """What came out. Times are seconds; *committed_after* counts from the same zero."""

    subject: str
    broker: str
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


async def run(subject: Subject, work: Work, logs: Logs, folder: Path) -> Run:
    """Measure *subject* once.

    Raises:
        AssertionError: it ended, or did not come to the end of its work.
    """
    async with logs.fresh(folder) as brokers:
        # It stands still while the log is filled, and must not lose its partitions for that.
        session = 10 + work.messages / 20_000
        program = {
            "KAFKA_BROKERS": brokers,
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "KAFKA_SESSION_TIMEOUT": f"{session:g}",
            "MONGODB_URI": NO_MONGODB,
            "APP_ID": GROUP,
            "DATA_DIR": str(folder / "data"),
            "WEB_PORT": str(free_port()),
        }
        settings = load_settings(program, env_file=folder / "no.env")
        await create_topics(settings)
        await create_stores(settings, subject.stores)
        given = Given(brokers, session, folder, work.total)
        environment = {**surroundings(), **subject.environment(given, program)}
        async with Loader(brokers, RAW) as loader, Gauge(brokers, GROUP).open() as gauge:
            await loader.send(loader.build(work.warm_up))
            batches = loader.build(work.measured)
            process = await ProcessTree.start(
                subject.command, environment, folder / f"{subject.name}.log"
            )
            try:
                watch = _Watch(subject, process, gauge)
                await watch.until_done(len(work.warm_up))
                process.pause()
                await loader.send(batches)
                watch.begin()
                process.go_on()
                await watch.until_done(work.total)
            finally:
                await process.end()
        answer = await found(settings, RESULTS, subject.stores)
        return Run(
            subject.name,
            logs.kind,
            work.messages,
            round(watch.last_written, 3),
            round(watch.cpu_seconds, 2),
            round(watch.peak_mebibytes),
            watch.committed_after and round(watch.committed_after, 3),
            answer.differs(work.answer),
        )


class _Watch:
    """Looks at the log until a subject is done."""

    def __init__(self, subject: Subject, process: ProcessTree, gauge: Gauge) -> None:
        self._subject = subject
        self._process = process
        self._gauge = gauge
        self._topics = (RESULTS, *subject.stores)
        self._began = time.monotonic()
        self._cpu_before = 0.0
        self._ends = 0
        self.last_written = 0.0
        self.cpu_seconds = 0.0
        self.peak_mebibytes = 0.0
        self.committed_after: float | None = None

    def begin(self) -> None:
        """The clock runs from now."""
        self._cpu_before = self._process.cpu_seconds()
        self._began = time.monotonic()

    async def until_done(self, total: int) -> None:
        """Return when *total* observations are done with, and take down when that was."""
        deadline = self._began + DEADLINE
        while True:
            asked = time.monotonic()
            assert self._process.is_alive, self._process.last_words
            assert asked < deadline, f"not done after {DEADLINE:g} s: {self._process.last_words}"
            ends = await self._gauge.ends(self._topics)
            cpu = self._process.cpu_seconds()
            now = asked - self._began
            if ends != self._ends:
                self._ends, self.last_written = ends, now
                self.cpu_seconds = cpu - self._cpu_before
            if self._subject.commits:
                done = await self._gauge.committed(RAW) >= total
                if done:
                    self.committed_after = now
            else:
                done = ends > 0 and now - self.last_written > QUIET
            if done and now - self.last_written > 2 * LOOK_INTERVAL:
                self.peak_mebibytes = self._process.peak_mebibytes()
                return
            await asyncio.sleep(LOOK_INTERVAL)
