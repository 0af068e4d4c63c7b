"""One worker process, followed from outside: its web views, its log, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from tests.hang import DEADLINE
from walmart_stream.local import launch
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import Process
from walmart_stream.settings import Settings

T = TypeVar("T")

PROGRAM = (sys.executable, "-m", "walmart_stream", "worker")
# The script that pip installs beside the interpreter.
FAUST = (str(Path(sys.executable).with_name("faust")), "-A", "walmart_stream.app", "worker")

# Seconds between two looks. A look that takes long is followed by a pause of a multiple of that:
# some connect to the brokers, and all of them compete with what they look for.
LOOK_INTERVAL = 0.1
PAUSE_PER_LOOK = 4.0
LONGEST_PAUSE = 5.0


async def until(what: str, look: Callable[[], Awaitable[T]], deadline: float = DEADLINE) -> T:
    """The result of *look*, as soon as that is true; *what* says what did not happen."""
    began = time.monotonic()
    end = began + deadline
    while not (found := await look()):
        now = time.monotonic()
        assert now < end, f"not within {deadline:g} s: {what}"
        await asyncio.sleep(min(LONGEST_PAUSE, max(LOOK_INTERVAL, PAUSE_PER_LOOK * (now - began))))
        began = time.monotonic()
    return found


class Worker:
    """A process started with *command* in *folder*, with nothing set but *environment*.

    It is killed when this process ends.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        port = environment.get("WEB_PORT") or str(free_port())
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        log = folder / "worker.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                [sys.executable, "-IS", launch.__file__, str(os.getpid()), *command],
                # Not where a developer's .env may lie.
                cwd=folder,
                env={
                    **surroundings(),
                    "WEB_PORT": port,
                    "DATA_DIR": str(folder / "data"),
                    **environment,
                },
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        self.process = Process(popen, log)

    @property
    def log(self) -> str:
        return self.process.log.read_text(encoding="utf-8", errors="replace")

    @property
    def is_alive(self) -> bool:
        return self.process.returncode is None

    async def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of a web view; status 0 where nobody answers yet."""
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            try:
                async with session.get(self.url + path) as response:
                    return response.status, await response.json()
            except (aiohttp.ClientError, TimeoutError):
                return 0, None

    async def stats(self) -> dict[str, Any]:
        """``/api/stats``."""
        status, body = await self.get("/api/stats")
        assert status == 200, f"/api/stats: {status} {body}"
        stats: dict[str, Any] = body
        return stats

    async def counted(self, metric: str) -> dict[str, int]:
        """A counter of this process by label."""
        values = (await self.stats())["counters"].get(metric, {})
        return {label: int(value) for label, value in values.items()}

    async def partitions(self) -> list[int]:
        """The partitions that it works on now; none while it cannot say."""
        status, body = await self.get("/api/stats")
        owned: list[int] = body["partitions"] if status == 200 else []
        return owned

    async def until_ready(self) -> None:
        """Wait until it owns partitions and every readiness check passes."""

        async def look() -> bool:
            assert self.is_alive, f"it ended with {self.process.returncode}: {self.log[-3000:]}"
            return bool(await self.partitions()) and (await self.get("/readyz"))[0] == 200

        await until("the worker is ready", look)

    async def terminate(self) -> int:
        """End it with SIGTERM, as a supervisor does; the exit code."""
        self.process.signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()

    async def kill(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        await self.process.wait()


def surroundings() -> dict[str, str]:
    """This process's environment without any setting."""
    names = {name.upper() for name in Settings.model_fields}
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper().removesuffix("_FILE") not in names and name not in names
    }
