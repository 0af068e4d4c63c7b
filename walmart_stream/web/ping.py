"""Whether MongoDB answers, asked at most once a second however often readiness is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from pymongo.errors import PyMongoError

# Seconds. Probes give up after one or two of them.
TIMEOUT = 1.0
KEPT = 1.0


class Ping:
    """The last answer of *database*; *monotonic* gives seconds."""

    def __init__(self, database: Any, monotonic: Callable[[], float]) -> None:
        self._database = database
        self._monotonic = monotonic
        self._lock = asyncio.Lock()
        self._asked: float | None = None
        self._fault: str | None = None

    async def fault(self) -> str | None:
        """Why the database is not usable, or ``None``."""
        async with self._lock:
            if self._asked is None or self._monotonic() - self._asked >= KEPT:
                self._fault = await self._ask()
                self._asked = self._monotonic()
            return self._fault

    async def _ask(self) -> str | None:
        try:
            async with asyncio.timeout(TIMEOUT):
                await self._database.command("ping")
        except (PyMongoError, TimeoutError) as exc:
            # The class only: messages of the driver name hosts.
            return f"no answer to a ping ({type(exc).__name__})"
        return None
