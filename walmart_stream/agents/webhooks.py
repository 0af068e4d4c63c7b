"""Webhook events on their way into the topics, from whichever worker received them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from zlib import crc32

from walmart_stream import topics
from walmart_stream.agents.dead_letters import add_refused
from walmart_stream.agents.known_ids import EVENT
from walmart_stream.agents.own_items import PARTITION, add_event
from walmart_stream.agents.sku_facts import ItemNews
from walmart_stream.domain.errors import BadInput
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.walmart.seller.events import SellerEvent, read_event

OBSERVATION, WAITING, DEAD_LETTER = "observation", "waiting", "dead_letter"

# Events that were taken lately: Walmart repeats what was answered too slowly, and more. What is
# forgotten and comes again is a duplicate in the raw topic, which changes nothing.
MOST_REMEMBERED = 20_000


class WebhookIntake:
    """Takes authenticated events. *clock* gives epoch milliseconds."""

    def __init__(
        self,
        app: StreamApp,
        settings: Settings,
        metrics: Metrics,
        news: ItemNews,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._partitions = settings.kafka_partitions
        self._metrics = metrics
        self._news = news
        self._clock = clock
        self._taken: dict[bytes, str] = {}

    async def take(self, body: bytes) -> str:
        """Make the event in *body* durable, untouched; where it went.

        Its item's partition of the raw topic (``observation``); the topic of news, where it
        waits for the item id of its SKU (``waiting``); or, if it says nothing about offers or
        cannot be right, the dead letters (``dead_letter``).

        Raises:
            NotReady: the worker has not started yet.
            ProducerSendError, KafkaError: the brokers did not acknowledge it.
        """
        digest = hashlib.sha256(body).digest()
        before = self._taken.get(digest)
        if before is not None:
            self._metrics.webhooks.labels("repeated").inc()
            return before
        outbox = self._app.outbox()
        outcome = self._put(outbox, body)
        try:
            await outbox.flush()
        except BaseException:
            self._news.forget()
            raise
        self._metrics.webhooks.labels(outcome).inc()
        if len(self._taken) >= MOST_REMEMBERED:
            del self._taken[next(iter(self._taken))]
        self._taken[digest] = outcome
        return outcome

    def _put(self, outbox: Outbox, body: bytes) -> str:
        now = self._clock()
        try:
            event = read_event(body, now)
        except BadInput as exc:
            add_refused(outbox, body, "webhook", exc, now, crc32(body) % self._partitions)
            self._metrics.dead_letters.labels("webhook").inc()
            return DEAD_LETTER
        if event.item_id is None:
            self._put_to_wait(outbox, event, body)
            return WAITING
        add_event(self._app, outbox, event.item_id, body, now)
        if event.sku is not None:
            self._news.add_sku(outbox, event.sku, event.item_id)
        return OBSERVATION

    def _put_to_wait(self, outbox: Outbox, event: SellerEvent, body: bytes) -> None:
        assert event.sku is not None
        key = EVENT + event.sku.encode("utf-8", "surrogatepass")
        outbox.add(topics.SELLER_NEWS.name, key, body, partition=PARTITION)
