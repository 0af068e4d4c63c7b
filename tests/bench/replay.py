"""A long log: months of history, or what has come together in an outage.

It is too long to be built before and to be loaded while a worker stands still. So it is all there
before the worker starts, and the clock runs from the first results that it writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tests.bench.answer import expected, found
from tests.bench.given import RAW, RESULTS
from tests.bench.log import Gauge, Loader
from tests.bench.logs import Logs
from tests.bench.observations import Raw, observations
from tests.bench.process import Processes
from tests.bench.subject import OURS
from tests.bench.throughput import LOOK_INTERVAL, Run, Watch, new_ground

SESSION = 10.0
CHUNK = 50_000


async def measure(messages: int, items: int, speed: float, logs: Logs, folder: Path) -> Run:
    """Have one worker work off *messages* observations, stage one."""
    processes = Processes()
    async with new_ground(OURS, logs, folder, SESSION) as ground:
        async with (
            Loader(ground.brokers, RAW) as loader,
            Gauge(ground.brokers, ground.group).open() as gauge,
        ):
            for chunk in _chunks(messages, items, speed):
                await loader.send(loader.build(chunk))
            watch = Watch(OURS, processes, gauge, RAW, ground)
            try:
                await ground.start(processes, OURS, messages, 0)
                while not await gauge.ends([RESULTS]):
                    processes.check()
                    await asyncio.sleep(LOOK_INTERVAL)
                watch.begin(messages)
                await watch.until_done(messages, 0)
            finally:
                await processes.end()
        answer = await found(ground.settings, RESULTS, OURS.changelogs(ground.group))
    due = await asyncio.to_thread(expected, islice(observations(items, speed), messages))
    return watch.run(logs.kind, 1, answer.differs(due, OURS.checked))


def _chunks(messages: int, items: int, speed: float) -> Iterator[list[Raw]]:
    log = islice(observations(items, speed), messages)
    while chunk := list(islice(log, CHUNK)):
        yield chunk
