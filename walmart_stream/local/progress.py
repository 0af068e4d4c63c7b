"""Live progress of the local stack, read from the workers' own ``/api/stats``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp
from rich.console import Console

from walmart_stream.domain.plain import plain
from walmart_stream.settings import Settings

INTERVAL = 1.0
ANSWER_TIMEOUT = 5.0

# Consecutive looks without lag and without anything new: then everything has been stored.
QUIET_LOOKS = 5


class Watched(Protocol):
    """A worker as far as its progress goes."""

    url: str
    restarts: int


class NotSettled(Exception):
    """Something is still on its way, long after the last answer was fetched."""


@dataclass(slots=True)
class Figures:
    """Sums over the workers that answer. Counters restart with their worker."""

    workers: int = 0
    partitions: int = 0
    observations: float = 0
    changes: float = 0
    stored: float = 0
    errors: float = 0
    lag: int = 0
    slow_because: str | None = None
    at: float = field(default_factory=time.monotonic)

    def add(self, stats: dict[str, Any]) -> None:
        counters = stats["counters"]
        self.workers += 1
        self.partitions += len(stats["partitions"])
        observations = counters.get("walmart_observations_total", {})
        self.observations += sum(observations.values())
        self.changes += counters.get("walmart_stored_documents_total", {}).get("price_changes", 0)
        self.stored += sum(counters.get("walmart_stored_documents_total", {}).values())
        self.errors += sum(counters.get("walmart_poll_errors_total", {}).values())
        self.errors += sum(counters.get("walmart_dead_letters_total", {}).values())
        self.lag += sum(stats["lag"].values())
        # One reason is enough for a line: workers mostly share it.
        self.slow_because = self.slow_because or stats["polling"]["slow_because"]


class Progress:
    """Looks at *workers* every second and says what it sees."""

    def __init__(self, console: Console, workers: Sequence[Watched], settings: Settings) -> None:
        self._console = console
        self._workers = workers
        self._before = Figures()
        token = settings.web_token
        self._headers = (
            {} if token is None else {"Authorization": f"Bearer {token.get_secret_value()}"}
        )

    async def until(self, stop: asyncio.Event, seconds: float | None) -> None:
        """Report until *stop* is set or *seconds* have passed since all workers were ready."""
        deadline: float | None = None
        async with self._session() as session:
            while not stop.is_set() and (deadline is None or time.monotonic() < deadline):
                figures = await self._look(session)
                self._show(figures)
                if deadline is None and seconds is not None and figures.partitions:
                    deadline = time.monotonic() + seconds
                try:
                    await asyncio.wait_for(stop.wait(), INTERVAL)
                except TimeoutError:
                    continue

    async def until_ready(self, partitions: int) -> None:
        """Return when the workers that answer own all *partitions* between them."""
        async with self._session() as session:
            while True:
                figures = await self._look(session)
                self._show(figures)
                if figures.workers == len(self._workers) and figures.partitions == partitions:
                    return
                await asyncio.sleep(INTERVAL)

    async def until_settled(self, timeout: float) -> None:
        """Return when every worker answers, nothing lags and nothing new comes.

        Raises:
            NotSettled: not within *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        quiet = 0
        before = Figures()
        async with self._session() as session:
            while quiet < QUIET_LOOKS:
                if time.monotonic() > deadline:
                    raise NotSettled(f"not everything was stored within {timeout:.0f} s: {before}")
                figures = await self._look(session)
                self._show(figures)
                same = (figures.observations, figures.stored) == (
                    before.observations,
                    before.stored,
                )
                settled = same and not figures.lag and figures.workers == len(self._workers)
                quiet = quiet + 1 if settled else 0
                before = figures
                await asyncio.sleep(INTERVAL)

    def _session(self) -> aiohttp.ClientSession:
        timeout = aiohttp.ClientTimeout(total=ANSWER_TIMEOUT)
        return aiohttp.ClientSession(headers=self._headers, timeout=timeout)

    async def _look(self, session: aiohttp.ClientSession) -> Figures:
        figures = Figures()
        answers = await asyncio.gather(*(_stats(session, worker) for worker in self._workers))
        for stats in answers:
            if stats is not None:
                figures.add(stats)
        return figures

    def _show(self, figures: Figures) -> None:
        before, self._before = self._before, figures
        seconds = max(figures.at - before.at, 0.001)
        restarts = sum(worker.restarts for worker in self._workers)
        self._console.print(
            f"workers {figures.workers}/{len(self._workers)}"
            f"  observations/s {max(0, figures.observations - before.observations) / seconds:7.1f}"
            f"  changes/s {max(0, figures.changes - before.changes) / seconds:6.1f}"
            f"  lag {figures.lag:5d}"
            f"  changes stored {figures.changes:8.0f}"
            f"  errors {figures.errors:.0f}" + (f"  restarts {restarts}" if restarts else "")
        )
        if figures.slow_because not in (None, before.slow_because):
            self._console.print(f"polling is slow: {plain(str(figures.slow_because))}")


async def _stats(session: aiohttp.ClientSession, worker: Watched) -> dict[str, Any] | None:
    try:
        async with session.get(f"{worker.url}/api/stats") as response:
            if response.status != 200:
                return None
            stats: dict[str, Any] = await response.json()
            return stats
    except (aiohttp.ClientError, TimeoutError):
        return None
