"""Deletes the states and polls of items that have been forgotten and are unwatched.

Nothing depends on when this happens: by :mod:`walmart_stream.domain.forgetting`, what is deleted
counts for nothing any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from walmart_stream import topics
from walmart_stream.agents.process import Processor
from walmart_stream.domain import state
from walmart_stream.domain.forgetting import is_forgotten
from walmart_stream.domain.schedule.poll import decode_poll
from walmart_stream.domain.windows import Rules
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.tables import Tables

logger = logging.getLogger(__name__)

# Values that are looked at between two turns of the event loop: about a millisecond of them.
CHUNK = 200
# Deleted at once, while no observation of their partition is processed.
MOST_AT_ONCE = 500
# A partition is gone through this often while FORGET_AFTER_DAYS pass, but at the longest interval
# (ms) here, because workers are restarted. A million items take some seconds of work.
ROUNDS, LONGEST_MS = 20, 3_600_000


class SilentItems:
    """Goes through the partitions that are ours. *clock* gives epoch milliseconds."""

    def __init__(
        self,
        app: StreamApp,
        tables: Tables,
        processor: Processor,
        rules: Rules,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._tables = tables
        self._processor = processor
        self._rules = rules
        self._clock = clock
        self._interval = min(rules.forget_ms // ROUNDS, LONGEST_MS)
        # When each partition was gone through; a worker that starts has more urgent things to do.
        self._started = clock()
        self._done: dict[int, int] = {}

    async def tick(self) -> None:
        """Go through the partitions whose turn it is."""
        for partition in self._app.owned(topics.RAW.name):
            if self._clock() - self._done.get(partition, self._started) < self._interval:
                continue
            now = self._processor.observed_until(partition)
            states = await self._forget_states(partition, now)
            polls = await self._forget_polls(partition, now)
            self._done[partition] = self._clock()
            if states or polls:
                logger.info(
                    "partition %d: forgot %d silent items and the polls of %d",
                    *(partition, states, polls),
                )

    async def _forget_states(self, partition: int, now: int) -> int:
        def is_gone(key: bytes, value: bytes) -> bool:
            known = state.decode(value, self._rules)
            return is_forgotten(known, now, self._rules) and not self._is_watched(partition, key)

        deleted = 0
        found = await self._found(self._tables.offers, partition, is_gone)
        for first in range(0, len(found), MOST_AT_ONCE):
            # Those that are watched again meanwhile may go as well: they are new.
            names = [key.decode() for key in found[first : first + MOST_AT_ONCE]]
            deleted += await self._processor.delete_forgotten(partition, names, now)
        return deleted

    async def _forget_polls(self, partition: int, now: int) -> int:
        offers, polls = self._tables.offers, self._tables.polls

        def is_gone(key: bytes, value: bytes) -> bool:
            # The table has other things under keys that are no item ids.
            return (
                key.isdigit()
                and now - decode_poll(value).seen > 2 * self._rules.forget_ms
                and offers.read(partition, key) is None
                and not self._is_watched(partition, key)
            )

        deleted = 0
        found = await self._found(polls, partition, is_gone)
        for first in range(0, len(found), MOST_AT_ONCE):
            if partition not in self._app.owned(topics.RAW.name):
                break
            keys = found[first : first + MOST_AT_ONCE]
            gone = [key for key in keys if not self._is_watched(partition, key)]
            await polls.write(partition, dict.fromkeys(gone), self._app.outbox())
            deleted += len(gone)
        return deleted

    def _is_watched(self, partition: int, key: bytes) -> bool:
        return self._tables.watchlist.read(partition, key) is not None

    async def _found(
        self, table: AwaitedTable, partition: int, is_gone: Callable[[bytes, bytes], bool]
    ) -> list[bytes]:
        """The keys of *table* in *partition* that are gone, by key and value."""
        found = []
        for number, (_, key, value) in enumerate(table.of_partitions({partition}), 1):
            if is_gone(key, value):
                found.append(key)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return found
