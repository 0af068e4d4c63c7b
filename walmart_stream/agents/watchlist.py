"""The watchlist agent: what to poll, from the compacted topic into its table."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from walmart_stream.agents.dead_letters import DeadLetters
from walmart_stream.domain.errors import BadInput, KeyFault, Refused, TooLarge, Unprocessable
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.watch import decode_entry
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.storage.item_documents import watch_fields
from walmart_stream.storage.refusals import set_apart, why
from walmart_stream.tables import Tables


class Watchlist:
    """One worker's part of the watchlist. *changed* gets the partition and what was written.

    *note* stores, by item id, a record's offset and what it says of ``watched`` and ``tags``.
    """

    def __init__(
        self,
        app: StreamApp,
        tables: Tables,
        letters: DeadLetters,
        changed: Callable[[int, Mapping[bytes, bytes | None]], None],
        note: Callable[[Mapping[str, tuple[int, Mapping[str, Any]]]], Awaitable[None]],
    ) -> None:
        self._app = app
        self._changed = changed
        self._note = note
        self._tables = tables
        self._letters = letters

    async def handle(self, batch: Batch) -> None:
        """Take *batch* into the table; of an item's entries the last one counts.

        Items are polled from then on. While the database is down, this waits for it; a document
        that the database refuses makes a dead letter.
        """
        outbox = self._app.outbox()
        # The last of each item: the record, and what it says.
        said: dict[str, tuple[Any, Mapping[str, Any]]] = {}
        entries: dict[bytes, bytes | None] = {}
        for record in batch.records:
            entry = None
            try:
                if record.key is None or not ITEM_ID.fullmatch(
                    record.key.decode("ascii", "replace")
                ):
                    raise KeyFault("the key must be an item id")
                if record.value:
                    if len(record.value) > MAX_RECORD_BYTES:
                        raise TooLarge(f"must be an entry, not {len(record.value)} bytes")
                    entry = decode_entry(record.key.decode(), record.value)
            except BadInput as exc:
                self._letters.add(outbox, batch, record, "watchlist", exc)
                continue
            except Exception as exc:
                raise Unprocessable from exc
            entries[record.key] = record.value or None
            said[record.key.decode()] = record, watch_fields(entry)
        await self._tables.watchlist.write(batch.partition, entries, outbox)
        self._changed(batch.partition, entries)
        for (record, _), refusal in await set_apart(list(said.values()), self._noted):
            self._letters.add(outbox, batch, record, "watchlist", Refused(why(refusal)))
        await outbox.flush()

    async def _noted(self, said: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
        await self._note({record.key.decode(): (record.offset, fields) for record, fields in said})
