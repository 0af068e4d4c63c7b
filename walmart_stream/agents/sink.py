"""The sink agent: results into MongoDB."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from pymongo.errors import PyMongoError

from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.agents.result_shape import CHANGE, RESET, UPDATE, read_result
from walmart_stream.domain.errors import BadInput, BadTime, Refused, Unprocessable
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.metrics import Metrics
from walmart_stream.storage import documents
from walmart_stream.storage.access import reason
from walmart_stream.storage.mongo import create_indexes
from walmart_stream.storage.refusals import is_passing, is_refusal, set_apart, why
from walmart_stream.storage.resets import Reset, void
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.storage.shared_writes import GroupedWrites
from walmart_stream.storage.writes import Results, store

logger = logging.getLogger(__name__)

# While the database is away: soon at first, since most outages are elections of seconds, and
# never so rarely that its return is noticed late.
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0

# Seconds for which the first batch waits for indexes. Most are there, or there is nothing to index
# yet; those that a new release wants of millions of documents take minutes, and results are stored
# meanwhile: MongoDB lets them in while it builds.
INDEX_PATIENCE = 20.0


class Sink:
    """One worker's way into *database*."""

    def __init__(
        self,
        app: StreamApp,
        database: Any,
        metrics: Metrics,
        letters: DeadLetters,
        seal: FieldSeal = UNSEALED,
    ) -> None:
        self._app = app
        self._database = database
        self._writes = GroupedWrites(database, seal)
        self._metrics = metrics
        self._letters = letters
        self._seal = seal
        self._indexes: asyncio.Task[None] | None = None
        self._goes_on = False
        self.outage: str | None = None

    async def handle(self, batch: Batch) -> None:
        """Store *batch*; a majority of the database has it on return.

        While the database is away this waits, and the partition's next batches with it.
        """
        outbox = self._app.outbox()
        results = Results()
        readable: list[Any] = []
        for record in batch.records:
            try:
                reset = _add(results, record.value)
            except BadInput as exc:
                self._letters.add(outbox, batch, record, "sink", exc)
                continue
            except Exception as exc:
                raise Unprocessable from exc
            if reset is None:
                readable.append(record)
                continue
            # In its place: what stands before it is void, what follows is right.
            await self._write(batch, readable, results, outbox)
            await self.persist(partial(void, self._database, reset, self._seal))
            readable, results = [], Results()
        await outbox.flush()
        await self._write(batch, readable, results, outbox)

    async def _write(
        self, batch: Batch, readable: Sequence[Any], results: Results, outbox: Outbox
    ) -> None:
        """Store *results*, which the *readable* records of *batch* say."""
        await self._ensure_indexes()
        sizes = len(results.changes), len(results.latest), len(results.windows)
        try:
            await self.persist(lambda: self._writes.write(results))
        except Exception as exc:
            if not is_refusal(exc):
                raise
            await self._store_apart(batch, readable, outbox)
            await outbox.flush()
            return
        collections = documents.PRICE_CHANGES, documents.OFFERS, documents.PRICE_WINDOWS
        for collection, size in zip(collections, sizes, strict=True):
            self._metrics.stored.labels(collection).inc(size)

    async def _ensure_indexes(self) -> None:
        """Begin to create what is missing, and wait for it, though not for long.

        Raises:
            Exception: what :func:`create_indexes` raises for anything but an outage.
        """
        if self._indexes is None:
            building = self.persist(lambda: create_indexes(self._database))
            self._indexes = asyncio.create_task(building)
        if not (self._goes_on or self._indexes.done()):
            await asyncio.wait({self._indexes}, timeout=INDEX_PATIENCE)
        if self._indexes.done():
            self._indexes.result()
        elif not self._goes_on:
            self._goes_on = True
            logger.warning("MongoDB is building indexes; until it has, lists and charts are slow")

    async def _store_apart(self, batch: Batch, records: Sequence[Any], outbox: Outbox) -> None:
        """Store *records* of *batch*; those that are refused become dead letters."""

        async def write(some: Sequence[Any]) -> None:
            results = Results()
            for record in some:
                _add(results, record.value)
            await self.persist(lambda: store(self._database, results, self._seal))

        for record, refusal in await set_apart(records, write):
            self._letters.add(outbox, batch, record, "sink", Refused(why(refusal)))

    async def persist(self, write: Callable[[], Awaitable[None]]) -> None:
        """Have *write* done, however long the database is away.

        Raises:
            Exception: what *write* raises for anything else.
        """
        pause = FIRST_PAUSE
        while True:
            try:
                if self.outage is not None:
                    # Nothing is made ready for a database that is still away.
                    await self._database.command("ping")
                await write()
            except PyMongoError as exc:
                if not is_passing(exc):
                    raise
                if self.outage is None:
                    self._metrics.storage_outages.inc()
                    logger.warning("MongoDB is away (%s); waiting for it", reason(exc))
                self.outage = type(exc).__name__
            else:
                if self.outage is not None:
                    logger.warning("MongoDB is back")
                    self.outage = None
                return
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - jitter
            pause = min(2 * pause, LONGEST_PAUSE)


def _add(results: Results, value: bytes | None) -> Reset | None:
    """Add what *value* says to *results*; or give back what voids some of what is stored."""
    fields = read_result(value)
    try:
        if fields["type"] == RESET:
            return Reset.of(fields)
        if fields["type"] == CHANGE:
            results.add_change(fields)
        elif fields["type"] == UPDATE:
            results.add_update(fields)
        else:
            results.add_window(fields)
    except ValueError as exc:
        raise BadTime(f"a {fields['type']}: {str(exc)[:100]}") from None
    return None
