"""Supervised workers: real `worker` processes, started again when they end."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from walmart_stream.local.ports import LOOPBACK, free_port, this_port_or_free
from walmart_stream.local.processes import Process, start
from walmart_stream.runtime.failure import REFUSED_EXIT_CODE
from walmart_stream.settings import Settings

logger = logging.getLogger(__name__)

DEFAULT_PORT: int = Settings.model_fields["web_port"].default

# Longer than a worker waits for its agents' batches.
STOP_GRACE = 20.0

# -P: modules in the current folder are not the program's.
WORKER = (sys.executable, "-P", "-m", "walmart_stream", "worker")

# A worker that cannot start must not be tried in a busy loop.
RESTART_PAUSE = 1.0


class Worker:
    """One supervised worker process, started with *argv*. As a context manager it runs inside."""

    def __init__(
        self,
        number: int,
        environment: Mapping[str, str],
        folder: Path,
        argv: Sequence[str] = WORKER,
        port: int = DEFAULT_PORT,
    ) -> None:
        # The first one is where the documentation says, unless somebody else is there.
        port = free_port() if number else this_port_or_free(port)
        self.url = f"http://{LOOPBACK}:{port}"
        self.environment = {
            **environment,
            "WEB_HOST": LOOPBACK,
            "WEB_PORT": str(port),
        }
        self.environment.pop("WEB_URL", None)
        self.restarts = 0
        self.process: Process | None = None
        self._argv = argv
        self._log = folder / f"worker-{number + 1}.log"
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    async def __aenter__(self) -> Worker:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start it, for the first time or after :meth:`stop`."""
        self._stopping = False
        await self._start()
        self._task = asyncio.create_task(self._supervise())

    async def stop(self) -> None:
        """End it for good, as a supervisor would: SIGTERM, then SIGKILL."""
        self._stopping = True
        if self.process is not None:
            await self.process.stop(STOP_GRACE)
        if self._task is not None:
            await self._task

    async def _start(self) -> None:
        self.process = await start(self._argv, self.environment, self._log)

    async def _supervise(self) -> None:
        assert self.process is not None
        while True:
            code = await self.process.wait()
            if self._stopping:
                return
            if code == REFUSED_EXIT_CODE:
                assert self.process is not None
                logger.error("%s refuses to start: %s", self.url, self.process.last_words(20))
                return
            self.restarts += 1
            logger.warning("%s ended with %s and is restarted", self.url, code)
            await asyncio.sleep(RESTART_PAUSE)
            if self._stopping:
                return
            await self._start()
