"""The watchlist agent: what to poll, from the compacted topic into its table."""

from __future__ import annotations

from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.domain.errors import BadInput, KeyFault
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.watch import decode_entry
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.metrics import Metrics
from walmart_stream.tables import Tables


class Watchlist:
    """One worker's part of the watchlist."""

    def __init__(self, app: StreamApp, tables: Tables, metrics: Metrics) -> None:
        self._app = app
        self._tables = tables
        self._metrics = metrics

    async def handle(self, batch: Batch) -> None:
        """Take *batch* into the table; of an item's entries the last one counts."""
        outbox = self._app.outbox()
        entries: dict[bytes, bytes | None] = {}
        for record in batch.records:
            try:
                if record.key is None or not ITEM_ID.fullmatch(
                    record.key.decode("ascii", "replace")
                ):
                    raise KeyFault("the key must be an item id")
                if record.value:
                    decode_entry(record.key.decode(), record.value)
            except BadInput as exc:
                add_dead_letter(outbox, batch.topic, batch.partition, record, "watchlist", exc)
                self._metrics.dead_letters.labels("watchlist").inc()
                continue
            entries[record.key] = record.value or None
        await self._tables.watchlist.write(batch.partition, entries, outbox)
