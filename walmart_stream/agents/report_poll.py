"""The reading of the buy-box report: each of its rows becomes an observation of its item."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import orjson

from walmart_stream.agents.insight_poll import Add
from walmart_stream.agents.known_ids import Known, sku_key
from walmart_stream.agents.own_items import OwnItems
from walmart_stream.domain.reading.csv_file import RecordFault
from walmart_stream.domain.watch import shown
from walmart_stream.engine.app import StreamApp
from walmart_stream.metrics import Metrics
from walmart_stream.walmart.seller.buy_box import TYPE, VERSION, named_in
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.report_file import rows
from walmart_stream.walmart.seller.reports import PATIENCE

logger = logging.getLogger(__name__)

REPORT = "report"
# The report's rows in the metrics.
BUY_BOX = "buy_box"

# Report lines that are sent together.
CHUNK = 1000


class ReportReader:
    """Asks for a report, looks for it at intervals of *every* seconds, and reads it.

    *clock* gives epoch milliseconds; *add* puts observations into an outbox. A report that was
    asked for is noted among the own items, so that it is asked for once, whoever reads it.
    """

    def __init__(
        self,
        app: StreamApp,
        own: OwnItems,
        metrics: Metrics,
        every: float,
        clock: Callable[[], int],
        add: Add,
    ) -> None:
        self._app = app
        self._own = own
        self._metrics = metrics
        self._every = every
        self._clock = clock
        self._add = add

    async def read(self, client: SellerClient) -> dict[str, Any]:
        """One reading; its figures, for the stats.

        Raises:
            WalmartError: Walmart made no report, or a call failed.
        """
        request_id = await self._request(client)
        body = await client.reports.wait(request_id, every=self._every, within=PATIENCE)
        at = self._clock()
        # Tens of megabytes of CSV would stop everything else for seconds.
        lines, faults = await asyncio.to_thread(_read_rows, body)
        if faults:
            logger.warning(
                "%d of the report's lines cannot be read, the first of them: %s",
                len(faults),
                "; ".join(faults[:3]),
            )
        made = 0
        seen: Counter[str] = Counter()
        for chunk in _chunks(lines, CHUNK):
            outbox = self._app.outbox()
            for _, item_id, payload in chunk:
                made += self._add(outbox, BUY_BOX, item_id, at + seen[item_id], request_id, payload)
                seen[item_id] += 1
            await outbox.flush()
            await self._own.learn(
                (sku_key(sku), Known(item_id, True, at)) for sku, item_id, _ in chunk
            )
        self._metrics.seller_observations.labels(BUY_BOX).inc(made)
        return {"rows": len(lines), "malformed": len(faults), "done": at}

    async def _request(self, client: SellerClient) -> str:
        """The id of the report that was asked for, by this worker or the one before it."""
        before = self._own.progress(REPORT)
        known: str | None = before.get("request_id")
        if known is not None:
            return known
        request_id = await client.reports.request(TYPE, VERSION)
        kept = {key: before.get(key) for key in ("done", "rows", "malformed")}
        await self._own.note(REPORT, kept | {"begun": self._clock(), "request_id": request_id})
        return request_id


def _read_rows(body: bytes) -> tuple[list[tuple[str, str, bytes]], list[str]]:
    """SKU, item id and payload of each row that has both; the other lines, in words."""
    found, faults = [], []
    for row in rows(body, ("sku", "itemid")):
        if isinstance(row, RecordFault):
            faults.append(f"line {row.line}: {row.reason}: {shown(row.text)}")
        elif (named := named_in(row)) is None:
            item_id = row.cells.get("itemid", "")
            faults.append(f"line {row.line}: no SKU, or no item id in {shown(item_id)}")
        else:
            payload = orjson.dumps({"report": TYPE, "row": row.delivered})
            found.append((*named, payload))
    return found, faults


def _chunks(rows: Iterable[Any], size: int) -> Iterator[list[Any]]:
    left = iter(rows)
    while chunk := list(islice(left, size)):
        yield chunk
