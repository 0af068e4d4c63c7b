"""The dead letters' way into MongoDB, where people look at them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from walmart_stream.domain.time import to_datetime
from walmart_stream.engine.agent import Batch
from walmart_stream.kafka.dead_letters import read_letter
from walmart_stream.storage.dead_letters import letter_document, store_letters
from walmart_stream.storage.refusals import set_apart, why
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

# The year 2100: later times cannot be added to without end.
LATEST_MS = 4_102_444_800_000

logger = logging.getLogger(__name__)

Persist = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class LetterArchive:
    """One worker's way into *database*; *persist* waits for it while it is away.

    Letters are kept for *kept*. What the database refuses is left out: a dead letter of a dead
    letter would be refused like it, and the topic has it.
    """

    def __init__(
        self, database: Any, persist: Persist, kept: timedelta, seal: FieldSeal = UNSEALED
    ) -> None:
        self._database = database
        self._persist = persist
        self._kept = kept
        self._seal = seal

    async def handle(self, batch: Batch) -> None:
        """Store the letters of *batch*."""
        documents = []
        for record in batch.records:
            letter = read_letter(record, batch.topic, batch.partition)
            # A foreign record's time may be any number.
            at = to_datetime(min(max(letter.at, 0), LATEST_MS))
            documents.append(letter_document(letter.name, letter._asdict(), at, self._kept))
        for document, refusal in await set_apart(documents, self._write):
            logger.warning("dead letter %s is not stored: %s", document["_id"], why(refusal))

    async def _write(self, documents: Sequence[Mapping[str, Any]]) -> None:
        await self._persist(lambda: store_letters(self._database, documents, self._seal))
