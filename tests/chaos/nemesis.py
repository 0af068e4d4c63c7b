"""Does what was planned to workers, broker, database and Walmart."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from tests.chaos.elections import elect_unclean
from tests.chaos.floods import Floods
from tests.chaos.log_cuts import cut_tails
from tests.chaos.plan import Act, Step
from tests.chaos.retention import Retention
from tests.pipeline.worker import until
from tests.polling.walmart import Walmart
from walmart_stream import topics
from walmart_stream.local.kafka import KafkaNode, start_together
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.workers import Worker

# One after the other in turn; a call that hangs is the longest that a client has to bear.
WALMART_FAULTS = (
    {"kind": "5xx", "status": 503},
    {"kind": "429", "retry_after": 1},
    {"kind": "html", "status": 200},
    {"kind": "truncated", "how": "cut"},
    {"kind": "latency", "seconds": 30},
)

# The longest that all workers are down at the same time (seconds).
LONGEST_ABSENCE = 120.0

# After a cut, so that most offers change twice, which is what can be told (seconds).
TOLD_AFTER_CUT = 30.0

Told = Callable[[str], None]


class Nemesis:
    """Attacks what it is given. ``done`` counts the attacks.

    *attacked* is called before every attack on workers and nodes, *killed* at the moment of a kill,
    *tell* with a line for each attack.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        nodes: Sequence[KafkaNode],
        mongod: EmbeddedMongod,
        walmart: Walmart,
        floods: Floods,
        retention: Retention,
        *,
        attacked: Callable[[], None],
        killed: Callable[[str], None],
        tell: Told,
    ) -> None:
        self._workers = workers
        self._nodes = nodes
        self._mongod = mongod
        self._walmart = walmart
        self._floods = floods
        self._retention = retention
        self._attacked = attacked
        self._killed = killed
        self._tell = tell
        self._lasting: set[asyncio.Task[None]] = set()
        self._absent: set[int] = set()
        self._nodes_busy = asyncio.Lock()
        self.done: Counter[str] = Counter()
        #: When the raw topic could be written to again after its last cut (epoch ms).
        self.cut_ms: int | None = None

    async def workers(self, steps: Sequence[Step]) -> None:
        """Attack the workers; what lasts goes on beside the next attacks."""
        await self._follow(steps, self._attack_worker)
        if self._lasting:
            await asyncio.wait(self._lasting)

    async def nodes(self, steps: Sequence[Step]) -> None:
        """Attack the broker's nodes, each after the one before is whole again."""
        await self._follow(steps, self._attack_node)

    async def logs(self, steps: Sequence[Step]) -> None:
        """Cut the ends of logs."""
        await self._follow(steps, self._cut_logs)

    async def elections(self, steps: Sequence[Step]) -> None:
        """Have nodes lead that lack acknowledged records."""
        await self._follow(steps, self._elect)

    async def retention(self, steps: Sequence[Step]) -> None:
        """Have retention delete the beginning of the raw topic."""
        await self._follow(steps, self._delete)

    async def database(self, steps: Sequence[Step]) -> None:
        """Attack mongod."""
        await self._follow(steps, self._attack_database)

    async def walmart(self, steps: Sequence[Step]) -> None:
        """Have the Walmart API fail."""
        await self._follow(steps, self._attack_walmart)

    async def partitions(self, steps: Sequence[Step]) -> None:
        """Flood partitions, and let them go on: past the flood, or through it, in turn."""
        await self._follow(steps, self._attack_partition)

    async def _follow(
        self, steps: Sequence[Step], attack: Callable[[Step], Awaitable[None]]
    ) -> None:
        for step in steps:
            await asyncio.sleep(step.gap)
            await attack(step)

    async def _attack_worker(self, step: Step) -> None:
        number = await self._next_victim(step.target)
        worker = self._workers[number]
        process = worker.process
        assert process is not None
        self._note(f"worker {number + 1}", step)
        self._attacked()
        if step.act is Act.KILL:
            process.kill()
            self._killed("worker")
            await process.wait()
        elif step.act is Act.TERMINATE:
            process.signal(signal.SIGTERM)
        elif step.act is Act.PAUSE:
            process.signal(signal.SIGSTOP)
            self._last(self._resume(worker, step.seconds))
        elif step.act is Act.LEAVE:
            self._absent.add(number)
            self._last(self._stay_away(number, step.seconds))

    async def _next_victim(self, target: int) -> int:
        """*target* or, where it is down just now, the next one that is not; soon one is up."""
        count = len(self._workers)
        in_turn = [(target + offset) % count for offset in range(count)]

        async def look() -> list[int]:
            return [number for number in in_turn if self._is_up(number)]

        return (await until("a worker is up", look, LONGEST_ABSENCE))[0]

    def _is_up(self, number: int) -> bool:
        process = self._workers[number].process
        running = process is not None and process.returncode is None
        return running and number not in self._absent

    async def _resume(self, worker: Worker, seconds: float) -> None:
        process = worker.process
        assert process is not None
        await asyncio.sleep(seconds)
        self._attacked()
        process.signal(signal.SIGCONT)

    async def _stay_away(self, number: int, seconds: float) -> None:
        await self._workers[number].stop()
        await asyncio.sleep(seconds)
        self._attacked()
        await self._workers[number].start()
        self._absent.discard(number)

    async def _cut_logs(self, step: Step) -> None:
        """A power cut without a flush: each node keeps another part of its last segments."""
        async with self._nodes_busy:
            self._note("logs", step)
            self._attacked()
            await asyncio.gather(*(node.kill() for node in self._nodes))
            for number, node in enumerate(self._nodes):
                cut_tails(node.directory / "data", topics.RAW.name, 0.9 - 0.1 * number)
            await asyncio.sleep(step.seconds)
            await start_together(self._nodes)
            self.cut_ms = time.time_ns() // 1_000_000
            self._attacked()
        await asyncio.sleep(TOLD_AFTER_CUT)

    async def _elect(self, step: Step) -> None:
        async with self._nodes_busy:
            self._note(f"node {step.target + 1}", step)
            self._attacked()
            await elect_unclean(self._nodes, step.target, self._killed)
            self.cut_ms = time.time_ns() // 1_000_000
            self._attacked()
        await asyncio.sleep(TOLD_AFTER_CUT)

    async def _delete(self, step: Step) -> None:
        async with self._nodes_busy:
            self._note("retention", step)
            await self._retention.delete()

    async def _attack_node(self, step: Step) -> None:
        async with self._nodes_busy:
            if step.act is Act.PAUSE:
                await self._pause_node(step)
            else:
                await self._kill_node(step)

    async def _kill_node(self, step: Step) -> None:
        node = self._nodes[step.target]
        self._note(f"node {node.node_id}", step)
        self._attacked()
        await node.kill()
        self._killed("node")
        await asyncio.sleep(step.seconds)
        self._attacked()
        await node.launch()
        await node.ready()

    async def _pause_node(self, step: Step) -> None:
        node = self._nodes[step.target]
        assert node.pid is not None
        self._note(f"node {node.node_id}", step)
        self._attacked()
        os.kill(node.pid, signal.SIGSTOP)
        await asyncio.sleep(step.seconds)
        self._attacked()
        os.kill(node.pid, signal.SIGCONT)
        await node.ready()

    async def _attack_database(self, step: Step) -> None:
        self._note("mongod", step)
        if step.act is Act.KILL:
            await self._mongod.kill()
        else:
            await self._mongod.stop()
        await asyncio.sleep(step.seconds)
        await self._mongod.start()

    async def _attack_partition(self, step: Step) -> None:
        self._note(f"partition {step.target}", step)
        skip = self.done[f"partition {step.act}"] % 2 == 1
        await self._floods.flood(step.target, step.seconds, skip=skip)
        self._tell(f"partition {step.target} goes on")

    async def _attack_walmart(self, step: Step) -> None:
        self._note("walmart", step)
        await self._walmart.arm(**WALMART_FAULTS[step.target % len(WALMART_FAULTS)])
        await asyncio.sleep(step.seconds)
        await self._walmart.disarm()

    def _last(self, attack: Awaitable[None]) -> None:
        task = asyncio.ensure_future(attack)
        self._lasting.add(task)
        task.add_done_callback(self._lasting.discard)

    def _note(self, whom: str, step: Step) -> None:
        self.done[f"{whom.split()[0]} {step.act}"] += 1
        lasts = f" for {step.seconds:.1f} s" if step.seconds else ""
        self._tell(f"{step.act} {whom}{lasts}")
