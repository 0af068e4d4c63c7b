"""Alerts into MongoDB, with the messages for their channels."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.domain.alerts.steps import RAISED, Step, decode_step
from walmart_stream.domain.errors import BadInput, Refused, WrongShape
from walmart_stream.domain.time import parse_iso, to_ms
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.deliveries import Told, add_deliveries
from walmart_stream.storage.refusals import set_apart, why
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

# Steps that are written longer ago are stored, but sent to nobody: a worker that reads the topic
# from its beginning must not repeat what the log of deliveries has forgotten.
TOLD_WITHIN_MS = int(timedelta(days=7).total_seconds() * 1000)

logger = logging.getLogger(__name__)

Persist = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class AlertSink:
    """One worker's way into *database*; *persist* waits for it while it is away."""

    def __init__(
        self,
        app: StreamApp,
        database: Any,
        persist: Persist,
        letters: DeadLetters,
        clock: Callable[[], datetime],
        seal: FieldSeal = UNSEALED,
    ) -> None:
        self._app = app
        self._database = database
        self._persist = persist
        self._letters = letters
        self._clock = clock
        self._seal = seal

    async def handle(self, batch: Batch) -> None:
        """Store the steps of *batch*; a majority of the database has them on return."""
        outbox = self._app.outbox()
        steps: list[tuple[Any, Step]] = []
        for record in batch.records:
            try:
                step = decode_step(record.value)
                _check_times(step)
            except BadInput as exc:
                self._letters.add(outbox, batch, record, "alerts", exc)
            else:
                steps.append((record, step))
        for (record, _), refusal in await set_apart(steps, partial(self._store, batch.partition)):
            self._letters.add(outbox, batch, record, "alerts", Refused(why(refusal)))
        await outbox.flush()

    async def _store(self, partition: int, steps: Sequence[tuple[Any, Step]]) -> None:
        now = self._clock()
        told = [
            Told(step, partition)
            for record, step in steps
            if step.step == RAISED and to_ms(now) - record.timestamp < TOLD_WITHIN_MS
        ]
        just_steps = [step for _, step in steps]
        await self._persist(partial(store_steps, self._database, just_steps, self._seal))
        # Behind the alert itself, which a message is made of.
        await self._persist(partial(add_deliveries, self._database, told, now))


def _check_times(step: Step) -> None:
    try:
        parse_iso(step.at)
        parse_iso(step.started_at)
    except ValueError as exc:
        raise WrongShape(f"at and started_at must be times: {str(exc)[:100]}") from None
