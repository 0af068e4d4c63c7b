"""The promise under fire: workers are killed, and nothing is lost, doubled or wrong."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest
from rich.console import Console

from tests.hang import DEADLINE
from walmart_stream.local.options import Options
from walmart_stream.local.progress import Progress
from walmart_stream.local.stack import Stack, running

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.long]

KILLS = 5


async def ready(stack: Stack, console: Console) -> None:
    """All partitions are worked on by live workers."""
    progress = Progress(console, stack.workers, stack.settings)
    await asyncio.wait_for(progress.until_ready(stack.settings.kafka_partitions), timeout=DEADLINE)


async def test_five_kills_of_a_worker_under_load_lose_nothing(tmp_path: Path) -> None:
    """Each answer that reached the raw topic is reflected exactly once in what is stored."""
    seed = 20261122
    rng = random.Random(seed)
    console = Console(quiet=True)
    options = Options(workers=2, items=300, seconds=None, seed=seed, speed=1000, report=None)
    async with running(options, tmp_path) as stack:
        for _ in range(KILLS):
            await ready(stack, console)
            moment = time.monotonic() + rng.uniform(0.2, 4)
            await Progress(console, stack.workers, stack.settings).until(
                asyncio.Event(), max(0.1, moment - time.monotonic())
            )
            victim = rng.choice(stack.workers)
            assert victim.process is not None
            victim.process.kill()
            await victim.process.wait()
        await ready(stack, console)
        await stack.stop_polling()
        await Progress(console, stack.workers, stack.settings).until_settled(DEADLINE)

        verdict, audit = await stack.judge()

    assert sum(worker.restarts for worker in stack.workers) == KILLS
    assert verdict.changes_served > 500
    assert (verdict.lost, verdict.duplicated, verdict.wrong) == (0, 0, 0), verdict.examples
    assert verdict.stored == verdict.changes_served
    assert audit.is_clean
    # What a killed worker had been answered but had not recorded: its requests under way.
    assert verdict.unrecorded <= KILLS * 4 * 20
