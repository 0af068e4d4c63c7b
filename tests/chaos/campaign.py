"""One campaign: a pipeline under load, its nemesis, and the judge."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from tests.chaos import plan
from tests.chaos.alerts import AlertJudgement, add_rules, judge_alerts, refuse
from tests.chaos.brokers import EMBEDDED, Broker, make_broker
from tests.chaos.elections import COPIES, create_raw
from tests.chaos.floods import LIMIT, Floods
from tests.chaos.judge import Judgement, judge
from tests.chaos.nemesis import Nemesis
from tests.chaos.observer import Observer, Recovery
from tests.chaos.retention import Retention
from tests.chaos.traffic import Traffic
from tests.pipeline.pipeline import Pipeline
from tests.pipeline.receiver import Receiver
from tests.pipeline.worker import surroundings, until
from tests.polling import wrong_clock
from tests.polling.walmart import Walmart, open_walmart
from walmart_stream import topics
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.progress import Progress
from walmart_stream.local.workers import WORKER, Worker

# Of the group (seconds): the embedded broker waits half of it at each join.
SESSION = 6.0

# Windows must close while workers die.
WINDOW = 10
PARTITIONS = 12

# What the workers may poll: far more than they need, so that quotas do not slow the run.
CALLS_PER_SECOND = 50.0
CALLS_PER_DAY = 10_000_000

# How far the clocks of the workers' machines are ahead, in turn (seconds): a machine whose time
# is not synchronised, as far off as observations are tolerated (CLOCK_TOLERANCE).
CLOCK_ERRORS = (300.0, -300.0, 0.0)

# From the start of the workers until all partitions are worked on (seconds).
START = 240.0

# From the last attack until everything is stored (seconds).
SETTLE = 300.0


@dataclass(frozen=True)
class Options:
    """Targets of the attacks, and how many there are. *stores*: those of the workers, in turn."""

    broker: str = EMBEDDED
    stores: tuple[str, ...] = ("memory", "rocksdb")
    workers: int = 3
    worker_kills: int = 10
    node_kills: int = 0
    node_pauses: int = 0
    mongod_kills: int = 0
    log_cuts: int = 0
    unclean: int = 0
    deletions: int = 0
    walmart_outages: int = 0
    floods: int = 0
    walmart_outage: float = 60.0
    seed: int = 1
    rate: float = 100.0
    items: int = 200
    polled_items: int = 100
    longest_gap: float = plan.LONGEST_GAP
    wrong_clocks: bool = False
    alerts: bool = False
    refusal: float = 60.0
    program: Sequence[str] = WORKER

    def program_of(self, worker: int) -> Sequence[str]:
        """The command that starts the *worker*-th one."""
        error = CLOCK_ERRORS[worker % len(CLOCK_ERRORS)] if self.wrong_clocks else 0.0
        return wrong_clock.program(error) if error else self.program


@dataclass
class Result:
    """Events of a campaign, and their judgement. Times are seconds."""

    options: Options
    attacks: dict[str, int] = field(default_factory=dict)
    worker_restarts: int = 0
    unacknowledged: int = 0
    seconds: float = 0.0
    recoveries: list[Recovery] = field(default_factory=list)
    longest_stop: float = 0.0
    settled_after: float = 0.0
    judgement: Judgement = field(default_factory=Judgement)
    alerts: AlertJudgement = field(default_factory=AlertJudgement)

    @property
    def kills(self) -> int:
        """Kills -9 of workers, nodes and databases."""
        return sum(count for act, count in self.attacks.items() if act.endswith(plan.Act.KILL))

    @property
    def clean(self) -> bool:
        """Whether every promise was kept."""
        return self.judgement.clean and self.alerts.clean

    def report(self) -> dict[str, Any]:
        """As JSON."""
        fields = asdict(self)
        fields["kills"] = self.kills
        fields["clean"] = self.clean
        groups: dict[str, list[float]] = {}
        for recovery in self.recoveries:
            groups.setdefault(recovery.what, []).append(recovery.seconds)
            if recovery.alone:
                groups.setdefault(f"{recovery.what}, undisturbed", []).append(recovery.seconds)
        fields["recovery"] = {
            what: {
                "kills": len(found),
                "median": round(statistics.median(found), 1),
                "worst": round(max(found), 1),
            }
            for what, found in groups.items()
        }
        fields["recoveries"] = [
            recovery._replace(seconds=round(recovery.seconds, 1))._asdict()
            for recovery in self.recoveries
        ]
        del fields["options"]["program"]
        return fields


async def run(options: Options, folder: Path, tell: Callable[[str], None] = print) -> Result:
    """Run a campaign with its files in *folder*; *tell* is told every attack.

    Raises:
        AssertionError: it did not come to rest.
    """
    result = Result(options)
    started = time.monotonic()

    def told(line: str) -> None:
        tell(f"{time.monotonic() - started:7.1f} s  {line}")

    async with (
        Receiver() as receiver,
        _running(options, folder, receiver) as (pipeline, workers, broker, mongod, walmart),
    ):
        settings = pipeline.settings
        traffic = Traffic(
            broker.bootstrap.split(","),
            PARTITIONS,
            items=options.items,
            rate=options.rate,
            seed=options.seed,
        )
        observer = Observer(settings, lambda: traffic.ends)
        retention = Retention(settings, pipeline.committed)
        floods = Floods(settings)
        attending = asyncio.create_task(floods.attend())
        nemesis = Nemesis(
            workers,
            broker.nodes,
            mongod,
            walmart,
            floods,
            retention,
            attacked=observer.attacked,
            killed=observer.killed,
            tell=told,
        )

        async def polled() -> bool:
            return await walmart.last() >= options.polled_items

        # On a busy machine workers may be killed before each has polled for the first time.
        await until("the items are polled", polled, START)
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(traffic.run(stop))
            tasks.create_task(observer.run(stop))
            if options.alerts:
                tasks.create_task(refuse(receiver, stop, options.refusal / 2, options.refusal))
            await _attack(nemesis, options)
            told("no attacks any more")
            rest = time.monotonic()
            await watchlist.remove(settings, list(await watchlist.listing(settings)))
            stop.set()
        await _settle(pipeline)
        attending.cancel()
        result.settled_after = round(time.monotonic() - rest, 1)
        result.attacks = dict(nemesis.done)
        result.worker_restarts = sum(worker.restarts for worker in workers)
        result.unacknowledged = traffic.unacknowledged
        result.longest_stop = round(observer.longest_stop, 1)
        result.recoveries = observer.recoveries
        told("everything is at rest; judging")
        result.judgement = await judge(
            settings, traffic.acknowledged, walmart, retention, nemesis.cut_ms
        )
        result.judgement.cut_off += traffic.replaced
        if options.alerts:
            result.alerts = await judge_alerts(settings, receiver, told)
    result.seconds = round(time.monotonic() - started, 1)
    return result


Running = tuple[Pipeline, Sequence[Worker], Broker, EmbeddedMongod, Walmart]


@asynccontextmanager
async def _running(options: Options, folder: Path, receiver: Receiver) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        broker = make_broker(options.broker, folder)
        await broker.start()
        stack.push_async_callback(broker.stop)
        mongod = EmbeddedMongod(folder)
        await mongod.start()
        stack.push_async_callback(mongod.stop)
        walmart = await stack.enter_async_context(
            open_walmart(
                folder,
                calls_per_second=CALLS_PER_SECOND,
                calls_per_day=CALLS_PER_DAY,
                items=options.polled_items,
                seed=options.seed,
            )
        )
        pipeline = Pipeline(
            {
                "KAFKA_BROKERS": broker.bootstrap,
                "KAFKA_PARTITIONS": str(PARTITIONS),
                "KAFKA_REPLICATION_FACTOR": str(COPIES if options.unclean else broker.replication),
                "KAFKA_SESSION_TIMEOUT": str(SESSION),
                "MONGODB_URI": mongod.uri,
                "MONGODB_DATABASE": "chaos",
                "POLL_INTERVAL_MIN": "1",
                "POLL_INTERVAL_MAX": "10",
                "WINDOW_SIZE": str(WINDOW),
                # From twice of it after a log's beginning on, the audit can tell.
                **({"OBSERVATION_MAX_AHEAD": "5"} if options.deletions else {}),
                "BAD_INPUT_LIMIT": str(LIMIT),
                "ALERT_CHANNELS": f"ops={receiver.url}",
                "ALERT_PRIVATE_ADDRESSES": "true",
                "ALERT_MESSAGES_PER_HOUR": "10000",
                **walmart.environment,
            },
            folder,
        )
        if options.unclean:
            await create_raw(pipeline.settings)
        await pipeline.create_topics()
        if options.alerts:
            await add_rules(pipeline.settings)
        entries = [WatchEntry(item_id=item_id) for item_id in await walmart.items()]
        await watchlist.add(pipeline.settings, entries)
        workers = []
        for number in range(options.workers):
            environment = {
                **surroundings(),
                **pipeline.environment,
                "STORE": options.stores[number % len(options.stores)],
                "DATA_DIR": str(folder / "data"),
            }
            worker = Worker(number + 1, environment, folder, options.program_of(number))
            workers.append(await stack.enter_async_context(worker))
        progress = Progress(Console(quiet=True), workers, pipeline.settings)
        try:
            await asyncio.wait_for(progress.until_ready(PARTITIONS), START)
            yield pipeline, workers, broker, mongod, walmart
        except BaseException as exc:
            for worker in workers:
                if worker.process is not None:
                    exc.add_note(f"{worker.url}: {worker.process.last_words(30)}")
            raise


async def _attack(nemesis: Nemesis, options: Options) -> None:
    """All fronts side by side, each from a seed of its own."""

    def rng(front: str) -> random.Random:
        return random.Random(f"{front}:{options.seed}")

    await asyncio.gather(
        nemesis.workers(
            plan.attack_workers(
                rng("workers"),
                options.workers,
                options.worker_kills,
                SESSION,
                options.longest_gap,
            )
        ),
        nemesis.nodes(
            plan.attack_nodes(
                rng("nodes"),
                3 if options.broker == "cluster" else 1,
                options.node_kills,
                options.node_pauses,
            )
        ),
        nemesis.logs(plan.attack_logs(rng("logs"), options.log_cuts)),
        nemesis.elections(plan.attack_elections(rng("elections"), 3, options.unclean)),
        nemesis.retention(plan.attack_retention(rng("retention"), options.deletions)),
        nemesis.database(plan.attack_database(rng("database"), options.mongod_kills)),
        nemesis.walmart(
            plan.attack_walmart(rng("walmart"), options.walmart_outages, options.walmart_outage)
        ),
        nemesis.partitions(plan.attack_partitions(rng("partitions"), PARTITIONS, options.floods)),
    )


async def _settle(pipeline: Pipeline) -> None:
    """Wait until all that is in the topics has gone its whole way."""

    async def processed() -> bool:
        # In the order of the flow, since each stage appends to the next one's topic.
        for topic in (topics.WATCHLIST, topics.RAW, topics.RESULTS, topics.ALERTS):
            committed = await pipeline.committed(topic.name)
            if committed != await end_offsets(pipeline.settings, topic.name):
                return False
        return True

    await until("everything is stored", processed, SETTLE)
