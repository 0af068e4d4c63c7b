"""Sending webhooks: at least once, in no order, again after everything but a 2xx.

Each attempt is logged with what was sent, whether a receiver should take it, and what the
receiver answered.
"""

from __future__ import annotations

import asyncio
import heapq
import uuid
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import aiohttp
import orjson

from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.events import Event
from walmart_stream.sandbox.seller.faults import (
    BadSignature,
    Duplicate,
    OldTimestamp,
    Oversized,
    Reorder,
)
from walmart_stream.sandbox.seller.pace import Pace, iso
from walmart_stream.sandbox.seller.records import Records
from walmart_stream.sandbox.seller.webhook_auth import WebhookAuth

MOST_AT_ONCE = 32
# How long the sender sleeps at most while something waits, real seconds; a clock that is set
# forward is noticed so soon.
TICK = 0.05
# A body above this is not kept in the log.
LARGEST_LOGGED = 100_000


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to an event type: the receiver's URL, and how the sender proves itself."""

    subscription_id: str
    event_type: str
    event_version: str
    resource: str
    url: str
    auth: dict[str, Any]
    headers: dict[str, str]
    active: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one subscription.

    ``fault`` is the kind of fault that made it: a delivery that the receiver should refuse,
    which is sent once and has an event id of its own.
    """

    subscription: Subscription
    event: Event
    body: bytes
    attempt: int = 1
    copy: int = 0
    fault: str | None = None
    age: float = 0.0


@dataclass(slots=True)
class WebhookStats:
    """``accepted`` and ``failed`` count attempts; ``given_up`` deliveries after their last."""

    events: int = 0
    accepted: int = 0
    failed: int = 0
    given_up: int = 0


class WebhookSender:
    """Delivers events. :meth:`run` has to run."""

    def __init__(self, config: SellerConfig, pace: Pace, faults: Faults) -> None:
        self.log = Records(config.truth_capacity)
        self.stats = WebhookStats()
        self._config = config
        self._pace = pace
        self._faults = faults
        self._auth = WebhookAuth(config, pace)
        self._waiting: list[tuple[float, int, Delivery]] = []
        self._numbers = count()
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Deliveries that have not come to an end."""
        return len(self._waiting) + len(self._sending)

    def publish(self, event: Event, subscriptions: Iterable[Subscription]) -> int:
        """Sends *event* to those of *subscriptions* that want it; returns how many do."""
        self.stats.events += 1
        wanting = [s for s in subscriptions if s.active and s.event_type == event.event_type]
        for subscription in wanting:
            self._schedule(subscription, event)
        return len(wanting)

    def drop(self, subscription_id: str) -> None:
        """Forgets what still waits for a subscription that is no more."""
        kept = [w for w in self._waiting if w[2].subscription.subscription_id != subscription_id]
        heapq.heapify(kept)
        self._waiting = kept

    async def run(self) -> None:
        """Sends what is due, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=self._config.webhook_timeout)
        connector = aiohttp.TCPConnector(limit=MOST_AT_ONCE)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            try:
                while True:
                    self._start_due(http)
                    await self._sleep()
            finally:
                for task in self._sending:
                    task.cancel()
                await asyncio.gather(*self._sending, return_exceptions=True)

    async def send(self, http: aiohttp.ClientSession, delivery: Delivery) -> int | None:
        """Sends once; the status, or ``None`` if there was no answer."""
        subscription, body = delivery.subscription, delivery.body
        status, error, sent_at = None, None, self._pace.now_ms()
        try:
            headers = {
                "Content-Type": "application/json",
                **subscription.headers,
                **await self._auth.headers(
                    http, subscription.auth, body, forged=delivery.fault == "bad_signature"
                ),
            }
            if self._config.signed_timestamp or delivery.fault == "old_timestamp":
                headers |= self._auth.signed(
                    subscription.auth, subscription.url, body, delivery.age
                )
            async with http.post(
                subscription.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError) as problem:
            error = type(problem).__name__
        if status == 401 and delivery.fault is None:
            self._auth.forget(subscription.auth)
        self._note(delivery, sent_at, status, error)
        return status

    def _schedule(self, subscription: Subscription, event: Event) -> None:
        name, now = event.event_type, self._pace.clock()
        body = orjson.dumps(event.document)
        genuine = Delivery(subscription, event, body)
        due = now
        if late := self._faults.strike(Reorder, name):
            due += self._pace.real(self._pace.random.uniform(0, late.seconds))
        self._push(due, genuine)
        if twice := self._faults.strike(Duplicate, name):
            for number in range(1, twice.copies + 1):
                self._push(due, replace(genuine, copy=number))
        if self._faults.strike(BadSignature, name):
            self._push(now, self._forged(genuine, "bad_signature"))
        if old := self._faults.strike(OldTimestamp, name):
            self._push(now, replace(self._forged(genuine, "old_timestamp"), age=old.seconds))
        if large := self._faults.strike(Oversized, name):
            forged = self._forged(genuine, "oversized")
            padding = b'{"padding":"%b",' % (b"x" * (large.bytes - len(forged.body)))
            self._push(now, replace(forged, body=padding + forged.body[1:]))

    def _forged(self, genuine: Delivery, fault: str) -> Delivery:
        """A delivery that would be noticed if it were taken: other id, prices of a cent."""
        event_id = str(uuid.UUID(int=self._pace.random.getrandbits(128), version=4))
        document = orjson.loads(genuine.body)
        # A millisecond later, so that it would even win over the real one.
        document["source"] |= {
            "eventId": event_id,
            "eventTime": iso(self._pace.clock() + 0.001),
        }
        _cheapen(document["payload"])
        event = replace(genuine.event, event_id=event_id, document=document, reading={})
        return replace(genuine, event=event, body=orjson.dumps(document), fault=fault)

    def _push(self, due: float, delivery: Delivery) -> None:
        heapq.heappush(self._waiting, (due, next(self._numbers), delivery))
        self._woken.set()

    def _start_due(self, http: aiohttp.ClientSession) -> None:
        now = self._pace.clock()
        while self._waiting and self._waiting[0][0] <= now and len(self._sending) < MOST_AT_ONCE:
            delivery = heapq.heappop(self._waiting)[2]
            task = asyncio.create_task(self._deliver(http, delivery))
            self._sending.add(task)
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._woken.set()

    async def _deliver(self, http: aiohttp.ClientSession, delivery: Delivery) -> None:
        status = await self.send(http, delivery)
        if status is not None and 200 <= status < 300:
            self.stats.accepted += 1
            return
        self.stats.failed += 1
        if delivery.fault is not None:
            return
        delays = self._config.webhook_retry_seconds
        if delivery.attempt > len(delays):
            self.stats.given_up += 1
            return
        due = self._pace.clock() + self._pace.real(delays[delivery.attempt - 1])
        self._push(due, replace(delivery, attempt=delivery.attempt + 1))

    async def _sleep(self) -> None:
        self._woken.clear()
        # Not wait_for: in Python 3.11 it can swallow the cancellation that ends the sender.
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK if self._waiting else None):
                await self._woken.wait()

    def _note(
        self, delivery: Delivery, sent_at: int, status: int | None, error: str | None
    ) -> None:
        event, body = delivery.event, delivery.body
        self.log.add(
            [
                {
                    "event_id": event.event_id,
                    "event_type": event.event_type,
                    "subscription_id": delivery.subscription.subscription_id,
                    "sku": event.sku,
                    "item_id": str(event.item_id),
                    "attempt": delivery.attempt,
                    "copy": delivery.copy,
                    "fault": delivery.fault,
                    "valid": delivery.fault is None,
                    "sent_at": sent_at,
                    "bytes": len(body),
                    "status": status,
                    "error": error,
                    "accepted": status is not None and 200 <= status < 300,
                    "payload": event.document if len(body) <= LARGEST_LOGGED else None,
                    "reading": event.reading,
                }
            ]
        )


def _cheapen(value: Any) -> None:
    """Makes every price in the payload one cent."""
    if isinstance(value, list):
        for inner in value:
            _cheapen(inner)
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "sellerOfferPrice":
                value[key] = 0.01
            else:
                _cheapen(inner)
