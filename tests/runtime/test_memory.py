"""Freed memory is used again. In a process of its own: it cannot be undone."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipeline.worker import surroundings
from walmart_stream.runtime.memory import (
    SETTLED_AFTER,
    Garbage,
    give_back_once_settled,
    resident_memory,
)

has_glibc = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")
tells_what_it_keeps = has_glibc and hasattr(ctypes.CDLL(None), "mallinfo2")

# Nobody is asked there.
SERVERS = {"KAFKA_BROKERS": "kafka.invalid:9092", "MONGODB_URI": "mongodb://mongo.invalid"}

# The two ways to start a worker, as far as its help.
WALMART_STREAM = """
from walmart_stream.cli import cli
try:
    cli(["worker", "--", "--help"])
except SystemExit:
    pass
"""
FAUST = "from walmart_stream.app import app"

# What a fetch does, and how many pages the kernel had to clear for it.
FETCHES = """
import resource
def fetch():
    received = bytearray()
    for _ in range(128):
        received += bytes(128 * 1024)
    message = bytes(received)
    return [message[at : at + 4 * 1024 * 1024] for at in range(0, len(message), 4 * 1024 * 1024)]
fetch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    fetch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(folder: Path, before: str = "") -> int:
    """The faults of ten fetches, after the program *before* in the same process."""
    done = subprocess.run(
        (sys.executable, "-c", before + FETCHES),
        cwd=folder,
        env={**surroundings(), **SERVERS},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1])


@pytest.mark.skipif(not has_glibc, reason="the C library is not glibc")
def test_large_buffers_are_not_given_back_between_fetches(tmp_path) -> None:
    """Each page of 16 MB, three times over, is 12,288 faults a fetch."""
    assert _faults(tmp_path) > 10 * 4096


@pytest.mark.skipif(not has_glibc, reason="the C library is not glibc")
@pytest.mark.parametrize("start", [WALMART_STREAM, FAUST], ids=["walmart-stream", "faust"])
def test_a_worker_keeps_them_however_it_is_started(start, tmp_path) -> None:
    """Both commands are the same worker, with the same pools of memory."""
    assert _faults(tmp_path, start) < 4096


def test_garbage_is_looked_for_when_more_memory_is_in_use() -> None:
    """By its size: circles of a few objects may hold gigabytes. Not more than once a minute."""
    in_use = [100]
    looks: list[int] = []

    def collect() -> None:
        looks.append(in_use[0])
        in_use[0] -= 50

    garbage = Garbage(lambda: in_use[0], collect, most=1_000)

    for now, size in ((0, 1_000), (1, 1_101), (2, 5_000), (62, 5_000), (122, 5_100)):
        in_use[0] = size
        garbage.check(now)

    assert looks == [1_101, 5_000]


def test_the_memory_of_this_process_is_known() -> None:
    """More than an interpreter needs."""
    assert resident_memory() > 5_000_000


@pytest.mark.skipif(not tells_what_it_keeps, reason="the C library is not glibc 2.33 or newer")
def test_memory_that_is_kept_for_later_is_not_in_use() -> None:
    """A fetch's buffers stay with the process, and nothing in them is garbage.

    Once the tables are restored, they go back to the kernel.
    """
    program = """
from walmart_stream.runtime.memory import (
    give_back_freed_memory, keep_freed_memory, memory_in_use, resident_memory
)
assert keep_freed_memory()
buffers = [bytearray(b"x" * 2**20) for _ in range(100)]
with_them = memory_in_use()
del buffers
kept = resident_memory()
print(with_them - memory_in_use(), kept)
give_back_freed_memory()
print(kept - resident_memory())
"""
    command = (sys.executable, "-c", program)
    done = subprocess.run(command, check=True, capture_output=True)
    freed, resident, given_back = map(int, done.stdout.split())

    assert freed > 90 * 2**20 < resident
    assert given_back > 90 * 2**20


def test_memory_is_given_back_once_a_busy_process_has_settled() -> None:
    """Once: later work has use for what it frees."""
    calls: list[tuple[float, Callable[[float], None], float]] = []
    given_back: list[float] = []
    used = 7.0

    def call_later(delay: float, function: Callable[[float], None], before: float) -> None:
        calls.append((delay, function, before))

    give_back_once_settled(call_later, lambda: used, lambda: given_back.append(used))

    for seconds in (9.0, 30.0, 6.0, 1.0):
        [(delay, look, before)] = calls
        assert (delay, before, given_back) == (SETTLED_AFTER, used, [])
        calls.clear()
        used += seconds
        look(before)
    assert (calls, given_back) == ([], [used])
