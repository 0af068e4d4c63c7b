"""Parked partitions: those whose input cannot be processed, until a person says how to go on.

Bad input is a dead letter, and a flood of it would drain a topic into the dead letters. Ending the
process would help nobody: its successor finds the same input, and the other partitions stand
still. So the partition alone is set aside, everything before that point being durable, and the
topic of partitions says so to whoever owns it next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NoReturn

from aiokafka.errors import KafkaError
from faust.types import TP

from walmart_stream import topics
from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.domain.bad_input import BadInputLimit
from walmart_stream.domain.errors import Unprocessable
from walmart_stream.domain.time import to_iso
from walmart_stream.engine.agent import Batch, Handler, Park
from walmart_stream.engine.app import StreamApp
from walmart_stream.kafka.partition_states import PartitionState, encode, key_of
from walmart_stream.kafka.placement import STATES, Place
from walmart_stream.metrics import Metrics
from walmart_stream.runtime.unpacking import UnreadableBatch
from walmart_stream.settings import Settings

# What reading a topic raises while brokers are away, which is for nobody to end.
UNREADABLE = (KafkaError, OSError, TimeoutError)

# After a rebalance nothing is handled before it is known what is parked. A broker's restart takes
# some ten seconds; a worker that waited longer than half a minute would look as if it hung.
MOST_ATTEMPTS = 30
ATTEMPT_INTERVAL = 1.0

logger = logging.getLogger(__name__)


class Parking:
    """One worker's parked partitions.

    *read* gives the last state of every partition that was ever parked; *clock* epoch milliseconds.
    """

    def __init__(
        self,
        app: StreamApp,
        settings: Settings,
        metrics: Metrics,
        letters: DeadLetters,
        *,
        read: Callable[[], Awaitable[dict[Place, PartitionState]]],
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._letters = letters
        self._read = read
        self._clock = clock
        self._limits: dict[Place, BadInputLimit] = {}
        self._states: dict[Place, PartitionState] = {}
        # The topic of partitions was read in this generation of the group.
        self._generation: int | None = None
        self._reading = asyncio.Lock()

    def guard(self, handle: Handler) -> Handler:
        """*handle*, for partitions that are not parked; it may raise Unprocessable."""

        async def guarded(batch: Batch) -> None:
            await self._know()
            place = batch.topic, batch.partition
            known = self._states.get(place)
            if known is not None and known.parked:
                raise Park(known.offset, known.reason)
            self._letters.begin(place, known)
            failed = await self._try(batch, handle)
            if failed is not None:
                offset, cause = failed
                await self._park(place, offset, f"offset {offset} cannot be processed ({cause})")
            limit = self._limits.get(place)
            if limit is None:
                limit = self._limits[place] = BadInputLimit(self._settings.bad_input_limit)
            if limit.count(len(batch.records), self._letters.count(place)):
                end = batch.records[-1].offset + 1
                reason = f"more than nine in ten of its last {limit.window} records are bad"
                await self._park(place, end, reason)

        return guarded

    async def tick(self) -> None:
        """Let the partitions go on that a person said so of."""
        try:
            await self._know()
            waiting = {place: self._states[place] for place in self._parked()}
            found = await self._read() if waiting else {}
        except UNREADABLE as exc:
            # The brokers are away; who needs them for anything else will notice.
            logger.info("the topic of partitions cannot be read: %s", type(exc).__name__)
            return
        for place, old in waiting.items():
            new = found.get(place)
            # It may have been parked once more meanwhile.
            if new is None or new.parked or self._states.get(place) is not old:
                continue
            logger.warning("%s %d goes on at offset %d", *place, new.offset)
            self._states[place] = new
            self._limits.pop(place, None)
            self._app.consumer.unpark(TP(*place), new.offset)

    def parked(self) -> list[dict[str, Any]]:
        """The parked partitions of this worker, as they are shown."""
        return [
            {
                "topic": place[0],
                "partition": place[1],
                "offset": self._states[place].offset,
                "since": self._states[place].at,
                "reason": self._states[place].reason,
            }
            for place in sorted(self._parked())
        ]

    def forget(self) -> None:
        """Partitions were revoked: their next owner counts from zero."""
        self._limits.clear()
        self._generation = None
        # Somebody else may have gone on by the time that they come back.
        for tp in list(self._app.consumer.parked):
            self._app.consumer.unpark(tp)

    def _parked(self) -> list[Place]:
        return [
            place
            for place, state in self._states.items()
            if state.parked and place[1] in self._app.owned(place[0])
        ]

    async def _know(self) -> None:
        """Read which partitions are parked, once in a generation of the group."""
        generation = self._app.rebalancing_count
        if self._generation == generation:
            return
        async with self._reading:
            if self._generation == generation:
                return
            self._states = await self._read_patiently()
            self._generation = generation
            for place in self._parked():
                state = self._states[place]
                self._app.consumer.park(TP(*place), state.reason, state.offset)

    async def _read_patiently(self) -> dict[Place, PartitionState]:
        """After a rebalance, brokers may still be moving their leaders."""
        for _ in range(MOST_ATTEMPTS):
            try:
                return await self._read()
            except UNREADABLE as exc:
                logger.info("the topic of partitions cannot be read: %s", type(exc).__name__)
            await asyncio.sleep(ATTEMPT_INTERVAL)
        return await self._read()

    async def _try(self, batch: Batch, handle: Handler) -> tuple[int, str] | None:
        """Handle *batch* as far as it can be; the first offset that cannot, and why."""
        place = batch.topic, batch.partition
        before = self._letters.count(place)
        try:
            await handle(batch)
        except Unprocessable as exc:
            self._letters.recount(place, before)
            if len(batch.records) == 1:
                [record] = batch.records
                if not self._letters.passes_over(place, record.offset):
                    text = "%s %d: offset %d cannot be processed"
                    logger.error(text, *place, record.offset, exc_info=exc)
                    return record.offset, exc.cause
                self._metrics.passed_over.labels("unprocessable").inc()
                return None
            half = len(batch.records) // 2
            for part in (batch.records[:half], batch.records[half:]):
                failed = await self._try(replace(batch, records=part), handle)
                if failed is not None:
                    return failed
        return None

    async def set_apart(self, batch: UnreadableBatch) -> None:
        """Park the partition of *batch*, which cannot be read, or pass over it if so said."""
        await self._know()
        place: Place = (batch.tp.topic, batch.tp.partition)
        state = self._states.get(place)
        if state is not None and state.parked:
            return
        if state is not None and state.skips(batch.offset):
            self._metrics.passed_over.labels("unreadable").inc(batch.end - batch.offset)
            self._app.consumer.pass_over(batch)
            return
        reason = (
            f"the records from {batch.offset} to {batch.end - 1} cannot be read ({batch.cause}); "
            f"to go on without them: --skip-bad-until {batch.end}"
        )
        await self._note_parked(place, batch.offset, reason)
        self._app.consumer.park(batch.tp, reason, batch.offset)

    async def _park(self, place: Place, offset: int, reason: str) -> NoReturn:
        await self._note_parked(place, offset, reason)
        raise Park(offset, reason)

    async def _note_parked(self, place: Place, offset: int, reason: str) -> None:
        before = self._states.get(place)
        skipped = () if before is None else before.skipped
        state = PartitionState(*place, True, offset, reason, to_iso(self._clock()), skipped)
        outbox = self._app.outbox()
        key = key_of(self._settings.app_id, place)
        outbox.add(topics.PARTITIONS.name, key, encode(state), partition=STATES)
        await outbox.flush()
        self._states[place] = state
        self._limits.pop(place, None)
        self._metrics.parkings.labels(place[0]).inc()
        logger.error(
            "%s %d is parked at offset %d: %s; end the cause, then: walmart-stream partitions",
            *place,
            offset,
            reason,
        )
