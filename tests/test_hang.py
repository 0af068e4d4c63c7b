"""A hanging test fails, and says what it waited for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hang import DEADLINE, alarm, limited

ROOT = Path(__file__).resolve().parents[1]


async def test_a_hanging_test_says_where_it_and_its_tasks_wait(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each task is printed with the calls that it is in, before all of them are cancelled."""

    async def never_set() -> None:
        await asyncio.Event().wait()

    async def hangs() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(never_set(), name="the task")

    with pytest.raises(TimeoutError):
        await limited(hangs, limit=0.01)()

    said = capsys.readouterr().err
    _, _, of_the_task = said.partition("the task waits in")
    assert "never_set" in of_the_task
    assert "Event.wait" in of_the_task
    assert ".hangs" in said


def test_blocking_code_is_interrupted_where_it_stands() -> None:
    """Whatever it catches: the failure is not an Exception."""

    def blocks() -> None:
        while True:
            try:
                time.sleep(60)
            except Exception:
                continue

    with pytest.raises(pytest.fail.Exception, match="it hangs") as failed, alarm(0.05):
        blocks()

    assert "blocks" in [entry.name for entry in failed.traceback]


HANGING = """
import asyncio, time
from tests.hang import DEADLINE, alarm, limited

async def for_ever():
    await asyncio.Event().wait()

async def waiting():
    asyncio.create_task(for_ever(), name="the task")
    await for_ever()

async def test_waits():
    await limited(waiting, limit=0.1)()

def test_blocks():
    with alarm(0.1):
        time.sleep(60)

def test_passes():
    pass
"""


def test_worker_processes_report_hanging_tests(tmp_path: Path) -> None:
    """In a parallel run, the report names the test, its tasks and the line that blocks."""
    (tmp_path / "test_hanging.py").write_text(HANGING)
    command = [sys.executable, "-m", "pytest", "-n2", "-pno:schemathesis", "-oasyncio_mode=auto"]

    run = subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert "2 failed, 1 passed" in run.stdout, run.stdout
    assert "the task waits in" in run.stdout
    assert "for_ever" in run.stdout.partition("the task waits in")[2]
    assert "time.sleep(60)" in run.stdout
