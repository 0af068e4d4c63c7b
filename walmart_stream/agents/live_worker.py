"""The running worker's answers to the web views."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from walmart_stream import __version__, topics
from walmart_stream.agents.alert_desk import AlertDesk
from walmart_stream.agents.freshness import Freshness
from walmart_stream.agents.health import Health
from walmart_stream.agents.parking import Parking
from walmart_stream.agents.poll import Poller
from walmart_stream.agents.process import Processor
from walmart_stream.agents.seller_poll import SellerPoller
from walmart_stream.agents.sink import Sink
from walmart_stream.agents.stranded import Stranded
from walmart_stream.agents.webhooks import WebhookIntake
from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.steps import Step
from walmart_stream.domain.known_then import known_then
from walmart_stream.domain.standing import Standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.domain.watched import Watched
from walmart_stream.domain.windows import Rules
from walmart_stream.engine.app import StreamApp
from walmart_stream.kafka.dead_letters import Letter, put_back
from walmart_stream.kafka.followed import Followed, Take
from walmart_stream.kafka.item_log import item_log
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings

# Entries of a watchlist that are encoded and sent together: some 10 ms of the event loop.
ENTRIES_AT_ONCE = 500

# A fetch of the watchlist that finds nothing (ms): a page waits for three of these or so.
WATCHLIST_WAIT_MS = 20


# What workers read, as their consumer group.
READ = (
    topics.WATCHLIST,
    topics.RAW,
    topics.SELLER_NEWS,
    topics.RESULTS,
    topics.ALERTS,
    topics.DEAD_LETTERS,
)


class LiveWorker:
    """Answers from this worker's memory; see :class:`walmart_stream.web.live.Live`."""

    def __init__(
        self,
        app: StreamApp,
        settings: Settings,
        processor: Processor,
        poller: Poller,
        sink: Sink,
        seller: SellerPoller,
        webhooks: WebhookIntake,
        parking: Parking,
        stranded: Stranded,
        metrics: Metrics,
        health: Health,
        desk: AlertDesk,
    ) -> None:
        self._desk = desk
        self._health = health
        self._app = app
        self._settings = settings
        self._processor = processor
        self._poller = poller
        self._sink = sink
        self._seller = seller
        self._webhooks = webhooks
        self._parking = parking
        self._stranded = stranded
        self._metrics = metrics
        self._started = time.monotonic()
        self._freshness = Freshness(
            poller.some_watched, processor.item, poller.now_ms, int(settings.price_known_for * 1000)
        )
        self._watched = Watched()
        self._followed = Followed(
            settings, topics.WATCHLIST.name, self._begin_watched, wait_ms=WATCHLIST_WAIT_MS
        )

    def item(self, item_id: str) -> ItemState | None:
        return self._processor.item(item_id)

    def windows(
        self, item_id: str, item: ItemState
    ) -> Mapping[int, Mapping[str, Mapping[str, Any]]]:
        return self._processor.windows(item_id, item)

    def standing(self, item: ItemState) -> Standing | None:
        return self._processor.standing(item)

    async def known_then(self, item_id: str, at: int) -> Mapping[str, Any]:
        rules = Rules.of(self._settings)
        log = await item_log(self._settings, item_id)
        return known_then(log, at, rules).document(at, rules)

    def stats(self) -> dict[str, Any]:
        """Counters since this worker's start, and its present lag and partitions."""
        lag = self._app.lag()
        for topic in READ:
            self._metrics.lag.labels(topic.name).set(lag.get(topic.name, 0))
        parked = self._parking.parked()
        for topic in READ:
            count = sum(one["topic"] == topic.name for one in parked)
            self._metrics.parked_partitions.labels(topic.name).set(count)
        polling = self._poller.stats()
        self._metrics.watched_items.set(polling["watched_items"])
        self._metrics.calls_left.set(polling["calls_left_today"])
        self._health.measure()
        return {
            "version": __version__,
            "worker": self._settings.canonical_url,
            "uptime_seconds": round(time.monotonic() - self._started, 1),
            "ready": not self.failing(),
            "partitions": sorted(self._app.owned(topics.RAW.name)),
            "lag": lag,
            "parked": parked,
            "health": self._health.report(),
            "polling": polling,
            "freshness": self._freshness.figures(),
            "seller": self._seller.stats(),
            "counters": self._metrics.snapshot(),
        }

    def health(self) -> Mapping[str, Any]:
        return self._health.report()

    def failing(self) -> Mapping[str, str]:
        failing = {}
        if self._app.rebalancing:
            failing["kafka"] = "the consumer group is rebalancing"
        elif not self._app.tables.actives_ready:
            failing["tables"] = "the tables are being restored"
        elif (unread := self._app.unread()) is not None:
            failing["topics"] = unread
        elif self._stranded.words is not None:
            failing["topics"] = self._stranded.words
        elif self._desk.fault is not None:
            failing["topics"] = self._desk.fault
        if self._sink.outage is not None:
            failing["mongodb"] = f"writes are waiting for it ({self._sink.outage})"
        return failing

    def parked(self) -> list[dict[str, Any]]:
        return self._parking.parked()

    async def watched(
        self, after: str, limit: int, tag: str | None = None
    ) -> tuple[list[WatchEntry], int]:
        await self._followed.catch_up()
        return self._watched.page(after, limit, tag), self._watched.count(tag)

    async def read_watchlist(self) -> None:
        """Take what has come: the first page of a million items would wait seconds for them."""
        if self._app.should_stop:
            return
        # Whoever asks for a page is told why there is none.
        with suppress(Exception):
            await self._followed.catch_up()

    async def close(self) -> None:
        """Ends what was begun for the views."""
        await self._followed.stop()

    def _begin_watched(self) -> Take:
        self._watched = Watched()
        return self._watched.take

    async def watch(self, entries: Sequence[WatchEntry]) -> None:
        # In parts, between which everything else goes on.
        for first in range(0, len(entries), ENTRIES_AT_ONCE):
            outbox = self._app.outbox()
            for entry in entries[first : first + ENTRIES_AT_ONCE]:
                key = entry.item_id.encode()
                outbox.add(topics.WATCHLIST.name, key, encode_entry(entry))
            await outbox.flush()

    async def take_event(self, body: bytes) -> str:
        return await self._webhooks.take(body)

    async def alert_book(self) -> RuleBook:
        return await self._desk.book()

    async def write_rules(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        await self._desk.write(records)

    async def add_step(self, step: Step) -> None:
        await self._desk.add_step(step)

    def alert_channels(self) -> Sequence[str]:
        return self._desk.channels()

    async def try_channel(self, name: str) -> str | None:
        return await self._desk.attempt(name)

    async def unwatch(self, item_ids: Sequence[str]) -> None:
        outbox = self._app.outbox()
        for item_id in item_ids:
            outbox.add(topics.WATCHLIST.name, item_id.encode(), None)
        await outbox.flush()

    async def put_back(self, name: str | None, fault: str | None) -> int:
        def wanted(letter: Letter) -> bool:
            return letter.name == name or (fault is not None and letter.fault == fault)

        return len(await put_back(self._settings, wanted))
