"""The seller poll timer: reads the seller's own items and the buy-box report.

The catalogue is one list and its limits are those of one seller, so one worker at a time reads it:
the owner of partition 0, where the table of own items is. Nobody is elected for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple
from zlib import crc32

from walmart_stream.agents.dead_letters import add_unreadable
from walmart_stream.agents.insight_poll import INSIGHTS, InsightReader
from walmart_stream.agents.known_ids import Known, gtin_key, sku_key
from walmart_stream.agents.own_items import OwnItems
from walmart_stream.agents.raw_records import add_observation
from walmart_stream.agents.report_poll import REPORT, ReportReader
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.domain.time import to_iso
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.walmart.errors import JobFailed, ListTooLong, NotFound, WalmartError
from walmart_stream.walmart.errors import NotReady as ReportNotReady
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.items import OwnItem
from walmart_stream.walmart.seller.items import OwnItems as Answer
from walmart_stream.walmart.seller.reports import POLL_EVERY

logger = logging.getLogger(__name__)

SELLER = "seller"
ITEMS = "items"

# Items whose id is asked of the search after one reading: a minute's worth of its limit (200).
MOST_SEARCHES = 200

# What the search could not tell it is asked again after so long; reports name all of them.
SEARCH_AGAIN_MS = 3_600_000

# After a failure, in seconds; or sooner where the interval is shorter.
RETRY_PAUSE = 300.0

# Looks at a report in one interval at most; Walmart allows 20 an hour.
LOOKS = 10

# How often the events that wait for an item id are looked through.
GIVE_UP_EVERY_MS = 60_000

# Of each kind of trouble, enough to look into it.
MOST_SHOWN = 100


class _Unmapped(NamedTuple):
    """An item without a known item id, and the answer that it came with."""

    item: OwnItem
    at: int
    request_id: str


class SellerPoller:
    """One worker's polling of the seller side. *clock* gives epoch milliseconds.

    What is under way, and when it was done last, is in the table of own items and survives
    restarts and rebalances: a report is asked for once. A reading of the list that was cut off
    begins anew, since Walmart forgets its place in it after two minutes. Without a *client*
    nothing is read.
    """

    def __init__(
        self,
        app: StreamApp,
        own: OwnItems,
        metrics: Metrics,
        settings: Settings,
        client: SellerClient | None,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._own = own
        self._metrics = metrics
        self._client = client
        self._clock = clock
        self._intervals = {
            ITEMS: settings.seller_poll_interval,
            REPORT: settings.seller_report_interval,
            INSIGHTS: settings.seller_insights_interval,
        }
        every = min(POLL_EVERY, settings.seller_report_interval / LOOKS)
        self._report = ReportReader(app, own, metrics, every, clock, self._add)
        self._insights = InsightReader(app, own, metrics, clock, self._add, self._refuse)
        self._jobs: dict[str, asyncio.Task[None]] = {}
        self._generation: int | None = None
        self._gave_up_at = 0
        self._unmapped: list[str] = []
        self._unmapped_count = 0
        self._searched: dict[str, int] = {}
        self._partitions = settings.kafka_partitions
        self._last_error: str | None = None
        self._last_error_at: int | None = None

    async def tick(self) -> None:
        """Begin what is due, and end what is not ours any more.

        Raises:
            ProducerSendError, KafkaError: the brokers failed. Walmart's failures end in stats.
        """
        generation = self._app.rebalancing_count
        if not self._own.is_ours or generation != self._generation:
            self._generation = generation
            await self._cancel()
        if not self._own.is_ours:
            return
        for name in [name for name, job in self._jobs.items() if job.done()]:
            self._jobs.pop(name).result()
        if self._clock() - self._gave_up_at >= GIVE_UP_EVERY_MS:
            self._gave_up_at = self._clock()
            await self._own.give_up()
        if self._client is None:
            return
        readings = (
            (ITEMS, self._read_items),
            (REPORT, self._report.read),
            (INSIGHTS, self._insights.read),
        )
        for name, job in readings:
            if name not in self._jobs and self._is_due(name):
                self._jobs[name] = asyncio.create_task(self._finish(name, job(self._client)))

    def stats(self) -> dict[str, Any]:
        """How far the reading is, if it is this worker's, and the last failure."""
        ours = self._own.is_ours
        items, report, insights = (
            self._own.progress(name) if ours else {} for name in (ITEMS, REPORT, INSIGHTS)
        )
        return {
            "enabled": self._client is not None,
            "reading": ours and self._client is not None,
            "items_listed": items.get("listed"),
            "items_read_at": _iso(items.get("done")),
            "items_without_id": self._unmapped_count if ours else None,
            # Some of them: enough to look into it, never a page of thousands.
            "without_id": self._unmapped if ours else [],
            "report_rows": report.get("rows"),
            "report_malformed": report.get("malformed"),
            "report_read_at": _iso(report.get("done")),
            "report_requested": report.get("request_id"),
            "insights_rows": insights.get("rows"),
            "insights_without_id": insights.get("without_id"),
            "insights_offered": insights.get("offered"),
            "insights_read_at": _iso(insights.get("done")),
            "waiting_events": self._own.waiting if ours else None,
            "last_error": self._last_error,
            "last_error_at": _iso(self._last_error_at),
        }

    async def close(self) -> None:
        """End what is under way and close the connections to Walmart."""
        await self._cancel()
        if self._client is not None:
            await self._client.close()

    async def _cancel(self) -> None:
        jobs, self._jobs = list(self._jobs.values()), {}
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def _is_due(self, name: str) -> bool:
        if name == INSIGHTS and "ok" not in self._own.progress(REPORT):
            # They name SKUs, and the report is what says which items these are.
            return False
        progress = self._own.progress(name)
        interval = self._intervals[name]
        wait = interval if progress.get("ok", True) else min(interval, RETRY_PAUSE)
        begun: int = progress.get("begun", 0)
        # Neither done nor failed: somebody was stopped at it.
        cut_off = "begun" in progress and "ok" not in progress
        return cut_off or begun + wait * 1000 <= self._clock()

    async def _finish(self, name: str, job: Coroutine[Any, Any, dict[str, Any]]) -> None:
        begun = self._clock()
        try:
            result = {"ok": True} | await job
        except WalmartError as error:
            self._failed(error)
            result = self._own.progress(name) | {"ok": False}
            if isinstance(error, JobFailed | NotFound | ReportNotReady):
                # This report will not come any more; after other failures it is looked for again.
                result.pop("request_id", None)
        await self._own.note(name, result | {"begun": begun})

    def _failed(self, error: WalmartError) -> None:
        self._last_error = f"{type(error).__name__}: {error}"
        self._last_error_at = self._clock()
        self._metrics.seller_errors.labels(type(error).__name__).inc()
        logger.warning("seller side: %s", self._last_error)

    # -- the list of items

    async def _read_items(self, client: SellerClient) -> dict[str, Any]:
        listed = 0
        unmapped: dict[str, _Unmapped] = {}
        skus: list[str] = []
        try:
            async for answer in client.items.all(known=self._own.skus()):
                listed += len(answer.items)
                for one in await self._record(answer):
                    skus.append(one.item.sku)
                    if len(unmapped) < MOST_SEARCHES and self._may_search(one.item):
                        unmapped[one.item.sku] = one
        except ListTooLong as error:
            # All that can be listed was.
            self._failed(error)
        self._unmapped_count, self._unmapped = len(skus), sorted(skus)[:MOST_SHOWN]
        for one in unmapped.values():
            if await self._search(client, one):
                self._unmapped_count -= 1
                self._unmapped = [sku for sku in self._unmapped if sku != one.item.sku]
        return {"listed": listed, "done": self._clock()}

    async def _record(self, answer: Answer) -> list[_Unmapped]:
        """An answer into the raw topic; the items that it has no place for yet."""
        outbox = self._app.outbox()
        at = int(answer.observed_at * 1000)
        unmapped, facts = [], []
        made = 0
        seen: Counter[str] = Counter()
        for entry in answer.unreadable:
            self._refuse(outbox, entry, at)
        for item in answer.items:
            known = self._own.item_of(sku_key(item.sku))
            if known is None:
                known = self._own.item_of(gtin_key(item.gtin)) or self._own.item_of(
                    gtin_key(item.upc)
                )
                if known is not None and known.item_id is not None:
                    facts.append((sku_key(item.sku), Known(known.item_id, False, at)))
            if known is None or known.item_id is None:
                unmapped.append(_Unmapped(item, at, answer.request_id))
            else:
                # SKUs of one item get times a millisecond apart: at the same time, only the first
                # would count.
                moment = at + seen[known.item_id]
                seen[known.item_id] += 1
                item_id, request_id = known.item_id, answer.request_id
                made += self._add(
                    outbox, ITEMS, item_id, moment, request_id, item.payload, item.original
                )
        await outbox.flush()
        self._metrics.seller_observations.labels(ITEMS).inc(made)
        if facts:
            await self._own.learn(facts)
        return unmapped

    def _may_search(self, item: OwnItem) -> bool:
        known = self._searched.get(item.sku, 0)
        has_code = gtin_key(item.gtin) is not None or gtin_key(item.upc) is not None
        return has_code and known + SEARCH_AGAIN_MS <= self._clock()

    async def _search(self, client: SellerClient, one: _Unmapped) -> bool:
        """Ask Walmart's search for the item id; whether it is known now."""
        item = one.item
        known = self._own.item_of(sku_key(item.sku))
        if known is None:
            key = gtin_key(item.gtin) or gtin_key(item.upc)
            assert key is not None
            found = await client.search.gtin(key.partition(b":")[2].decode())
            self._searched[item.sku] = self._clock()
            ids = {hit.item_id for hit in found.hits}
            if len(ids) != 1:
                # Several items share the code: a guess would mix their prices up.
                return False
            known = Known(ids.pop(), False, self._clock())
            await self._own.learn([(sku_key(item.sku), known)])
        if known.item_id is None:
            return False
        outbox = self._app.outbox()
        made = self._add(
            outbox, ITEMS, known.item_id, one.at, one.request_id, item.payload, item.original
        )
        await outbox.flush()
        self._metrics.seller_observations.labels(ITEMS).inc(made)
        return True

    # -- what all readings share

    def _refuse(self, outbox: Outbox, entry: Unreadable, at: int) -> None:
        """An entry of an answer that cannot be read becomes a dead letter, by itself."""
        logger.warning("seller side: an item of the list cannot be read: %s", entry.reason)
        add_unreadable(outbox, entry, "seller", at, crc32(entry.raw) % self._partitions)
        self._metrics.dead_letters.labels("seller").inc()

    def _add(
        self,
        outbox: Outbox,
        source: str,
        item_id: str,
        at: int,
        request_id: str,
        payload: bytes,
        original: bytes | None = None,
    ) -> bool:
        """Whether it fits a record of the raw topic."""
        size = add_observation(
            self._app, outbox, SELLER, item_id, at, request_id, payload, original
        )
        if size <= MAX_RECORD_BYTES:
            return True
        self._metrics.oversized.labels(source).inc()
        self._last_error = f"item {item_id}: {size} bytes, more than a record may have"
        self._last_error_at = self._clock()
        logger.warning("seller side: %s", self._last_error)
        return False


def _iso(at: int | None) -> str | None:
    return None if at is None else to_iso(at)
