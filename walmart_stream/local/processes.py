"""Child processes that never outlive this one."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from walmart_stream.local import launch

# How long a poll for a child's end or for its readiness sleeps.
POLL_INTERVAL = 0.02


class StartError(ChildProcessError):
    """A program of the local stack cannot be started; the message says what to do."""


class Process:
    """A running child; made by :func:`start`, usable from any event loop.

    It is in a process group of its own, so that Ctrl-C on the terminal reaches only this process,
    which then stops its children in order.
    """

    def __init__(self, popen: subprocess.Popen[bytes], log: Path) -> None:
        self._popen = popen
        self.log = log
        atexit.register(self.kill)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, -N after signal N, ``None`` while it runs."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait for the end; the exit code."""
        while (code := self._popen.poll()) is None:  # noqa: ASYNC110 - nothing would set an Event
            await asyncio.sleep(POLL_INTERVAL)
        atexit.unregister(self.kill)
        return code

    async def stop(self, grace: float) -> int:
        """End it with SIGTERM and, after *grace* seconds, with SIGKILL; the exit code."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """End it at once, without waiting for the end."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._popen.send_signal(number)

    async def until(self, ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Wait until *ready* says so.

        Raises:
            StartError: it ended, or was not ready within *seconds*; the end of its log is in the
                message. It is not running any more.
        """
        try:
            async with asyncio.timeout(seconds):
                while not await ready():
                    if (code := self.returncode) is not None:
                        raise StartError(f"ended with code {code}: {self.last_words()}")
                    await asyncio.sleep(POLL_INTERVAL)
        except BaseException as exc:
            self.kill()
            await self.wait()
            if isinstance(exc, TimeoutError):
                words = self.last_words()
                raise StartError(f"not ready after {seconds:g} s: {words}") from None
            raise

    def last_words(self, lines: int = 5) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or f"nothing in {self.log}"


class Server:
    """A server of the local stack: its process while it runs, and the ways to end it."""

    # Seconds until a stop becomes a kill.
    stop_grace: ClassVar[float]

    _process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._process is None else self._process.pid

    async def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            await self._process.stop(self.stop_grace)
            self._process = None

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


async def start(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    """Start *argv* with the environment *env*, its output appended to *log*.

    Secrets belong into *env*: every user of the machine can read *argv*. The child is killed when
    this process ends, whatever ends it (on Linux: also when the calling thread ends).

    Raises:
        StartError: there is no such program.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise StartError(f"{argv[0]} is not on PATH, or cannot be executed")
    return _spawn([program, *argv[1:]], env, log)


def resident_megabytes(pid: int) -> float:
    """Memory of a process; 0 where the system does not say."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


def _spawn(argv: Sequence[str], env: Mapping[str, str], log: Path) -> Process:
    # In the caller's thread: the kernel ties the child's life to the thread that forks it.
    launcher = [sys.executable, "-IS", launch.__file__, str(os.getpid())]
    with log.open("ab") as output:
        popen = subprocess.Popen(  # noqa: S603
            [*launcher, *argv],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    return Process(popen, log)
