"""Batches of several partitions share their writes while the database is at the ones before.

When little comes, each batch is written at once. When much comes in small batches, as from many
partitions, they wait for each other instead of for the database one by one.
"""

from __future__ import annotations

import asyncio
from typing import Any

from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.storage.writes import BULK, Results, store

# Each is a bulk for each collection. More do not make the database faster.
MOST_IN_FLIGHT = 3


class GroupedWrites:
    """Writes results into *database*, some groups of them at a time."""

    def __init__(self, database: Any, seal: FieldSeal = UNSEALED) -> None:
        self._database = database
        self._seal = seal
        self._turn = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._open: tuple[Results, asyncio.Task[None]] | None = None

    async def write(self, results: Results) -> None:
        """As :func:`walmart_stream.storage.writes.store`, for these and maybe others.

        Others may be added to *results*: writing them once more, too, would change nothing.
        """
        if self._open is not None and len(self._open[0]) + len(results) <= BULK:
            group, task = self._open
            group.merge(results)
        else:
            task = asyncio.create_task(self._store(results))
            self._open = results, task
        # Who is cancelled while waiting leaves the others what they wait for.
        await asyncio.shield(task)

    async def _store(self, group: Results) -> None:
        async with self._turn:
            if self._open is not None and self._open[0] is group:
                self._open = None
            await store(self._database, group, self._seal)
