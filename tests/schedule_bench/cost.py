"""The cost of scheduling: processor time a poll and when idle, memory an item, time to start."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from tests.schedule_bench.simulate import LONGEST, SHORTEST, START
from walmart_stream.domain.schedule.learning import LearningSchedule
from walmart_stream.domain.schedule.poll import ANSWERED, Poll
from walmart_stream.domain.schedule.queue import Item, PollQueue
from walmart_stream.domain.schedule.sights import Sights

# Calls in a round, and rounds: the median counts, as other work on the machine slows single ones.
CALLS, ROUNDS = 2_000, 5
# The poll timer looks twice a second.
LOOKS, LOOKS_PER_SECOND = 2_000, 2
DAY_MS = 86_400_000
PAGE = 4096


def cost(items: int) -> dict[str, Any]:
    """The cost of *items* on one worker with Walmart's 5,000 calls a day."""
    random = Random(1)
    pace = 5000 / 86_400
    even_ms = items / 20 / pace * 1000
    polls = [_poll(random, even_ms) for _ in range(items)]
    ids = [Item(number % 12, str(100_000_000 + number)) for number in range(items)]
    gc.collect()
    before = _resident()
    queue = PollQueue(LearningSchedule(SHORTEST, LONGEST), START)
    for partition in range(12):
        queue.begin(partition)
    queue.expect(items, pace)

    def start() -> None:
        for item, poll in zip(ids, polls, strict=True):
            queue.put(item, poll, START)

    started = _cpu(start)
    memory = (_resident() - before) / items
    now = START

    def ask() -> None:
        nonlocal now
        for _ in range(CALLS):
            now += int(1000 / pace)
            call = queue.take(now, pace)
            # One for all items of the call: making polls is not the schedule's part.
            sights = Sights(now, 1.5, 9.0, even_ms / 1000)
            poll = Poll(now, ANSWERED, answered=now, sights=sights)
            for item in () if call is None else call.items:
                queue.put(item, poll, now)

    def look() -> None:
        for _ in range(LOOKS):
            queue.take(now, 0.0)

    asked, looked = median(_cpu(ask) for _ in range(ROUNDS)), _cpu(look)
    return {
        "items": items,
        "start_cpu_s": round(started, 2),
        "poll_cpu_us": round(asked / (CALLS * 20) * 1e6, 2),
        "idle_core_share": round(looked / LOOKS * LOOKS_PER_SECOND, 6),
        "memory_bytes_per_item": round(memory),
    }


def _poll(random: Random, even_ms: float) -> Poll:
    at = START - int(random.random() * even_ms)
    sights = Sights(at, random.random() * 3, random.uniform(7, 10), random.uniform(0, 3e5))
    return Poll(at, ANSWERED, answered=at, sights=sights)


def _cpu(work: Callable[[], None]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _resident() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * PAGE if statm.exists() else 0
