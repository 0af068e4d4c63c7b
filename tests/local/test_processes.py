"""Children end with their parent, in order or not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hang import DEADLINE
from walmart_stream.local.processes import StartError, start

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def running(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - nothing would set an Event
            await asyncio.sleep(0.02)


async def test_a_child_has_its_environment_and_its_output_is_in_the_log(tmp_path: Path) -> None:
    """Secrets go by the environment; output is appended to the log file."""
    log = tmp_path / "child.log"
    log.write_text("before\n", encoding="utf-8")
    program = "import os; print(os.environ['SECRET'])"

    process = await start([sys.executable, "-c", program], {"SECRET": "s3cret"}, log)
    code = await process.wait()

    assert code == 0
    assert log.read_text(encoding="utf-8") == "before\ns3cret\n"


async def test_stop_lets_a_child_finish(tmp_path: Path) -> None:
    """SIGTERM comes first, and the child's own exit code is returned."""
    program = """
        import signal, sys, time
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
        print("up", flush=True)
        time.sleep(600)
    """
    process = await start(
        [sys.executable, "-c", textwrap.dedent(program)], {}, tmp_path / "child.log"
    )
    await until(lambda: process.last_words() == "up")

    code = await process.stop(grace=DEADLINE)

    assert code == 3


async def test_stop_kills_a_child_that_does_not_listen(tmp_path: Path) -> None:
    """After the grace comes SIGKILL."""
    program = """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("up", flush=True)
        time.sleep(600)
    """
    process = await start(
        [sys.executable, "-c", textwrap.dedent(program)], {}, tmp_path / "child.log"
    )
    await until(lambda: process.last_words() == "up")

    code = await process.stop(grace=0.2)

    assert code == -signal.SIGKILL


async def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    """The message says what was not found, before anything runs."""
    with pytest.raises(StartError, match="no-such-program is not on PATH"):
        await start(["no-such-program"], {}, tmp_path / "child.log")


async def test_a_child_that_ends_instead_of_getting_ready_is_quoted(tmp_path: Path) -> None:
    """The end of its log is in the error."""
    program = "import sys; print('no such option'); sys.exit(2)"
    process = await start([sys.executable, "-c", program], {}, tmp_path / "child.log")

    async def never() -> bool:
        return False

    with pytest.raises(StartError, match=r"ended with code 2: no such option"):
        await process.until(never, DEADLINE)


async def test_a_child_that_never_gets_ready_is_ended(tmp_path: Path) -> None:
    """Nothing is left running by a failed start."""
    process = await start(SLEEPER, {}, tmp_path / "child.log")

    async def never() -> bool:
        return False

    with pytest.raises(StartError, match="not ready after"):
        await process.until(never, 0.1)

    assert process.returncode == -signal.SIGKILL


async def test_a_child_is_in_a_process_group_of_its_own(tmp_path: Path) -> None:
    """Ctrl-C on the terminal reaches the parent only."""
    process = await start(SLEEPER, {}, tmp_path / "child.log")

    group = os.getpgid(process.pid)
    await process.stop(grace=DEADLINE)

    assert group == process.pid


PARENT = """
    import asyncio, sys
    from pathlib import Path
    from walmart_stream.local.processes import start

    async def main():
        program = [sys.executable, "-c", "import time; time.sleep(600)"]
        child = await start(program, {{}}, Path("child.log"))
        print(child.pid, flush=True)
        {then}

    asyncio.run(main())
"""


def parent(folder: Path, then: str) -> subprocess.Popen[str]:
    """A process that starts a child, prints the child's pid and goes on with *then*."""
    program = textwrap.dedent(PARENT).format(then=then)
    return subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's tie to the parent is Linux's")
async def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """kill -9 of the parent leaves it no time to clean up; the kernel does it."""
    with parent(tmp_path, then="await asyncio.sleep(600)") as killed:
        assert killed.stdout is not None
        child = int(await asyncio.to_thread(killed.stdout.readline))
        assert running(child)

        killed.kill()

    await until(lambda: not running(child))


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("then", ["return", "raise RuntimeError"])
async def test_a_child_dies_with_a_parent_that_forgets_it(tmp_path: Path, then: str) -> None:
    """Whether the parent ends well or by an exception, no child is left."""
    with parent(tmp_path, then) as forgetful:
        assert forgetful.stdout is not None
        child = int(await asyncio.to_thread(forgetful.stdout.readline))

    await until(lambda: not running(child))
