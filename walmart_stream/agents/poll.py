"""The poll timer: asks Walmart for the watched items whose partitions this worker owns."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from zlib import crc32

from xxhash import xxh3_64_intdigest

from walmart_stream import topics
from walmart_stream.agents.call_quota import CallQuota
from walmart_stream.agents.dead_letters import add_unreadable
from walmart_stream.agents.watched import WatchedItems
from walmart_stream.domain.reading import observation
from walmart_stream.domain.reading.absence import absence_payload
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.domain.schedule.pace import Allowance
from walmart_stream.domain.schedule.poll import (
    ANSWERED,
    FAILED,
    INVALID,
    MISSING,
    AbsenceRule,
    Poll,
)
from walmart_stream.domain.schedule.queue import Call, Item, PollQueue
from walmart_stream.domain.schedule.uniform import Schedule
from walmart_stream.domain.time import to_iso
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables
from walmart_stream.walmart.affiliate.client import AffiliateClient, Lookup
from walmart_stream.walmart.clock_offset import SURE, WalmartClock
from walmart_stream.walmart.errors import DailyBudgetExhausted, InvalidItem, WalmartError

logger = logging.getLogger(__name__)

# Requests under way at once: enough to fill the quota at usual latencies, and a bound on what a
# kill loses of answers that were not yet recorded.
MAX_REQUESTS = 4

# How much is begun at once, in seconds of the rate: what is reserved for it a kill wastes, and
# while it lasts nothing that is more urgent comes in between.
LONGEST_ROUND = 5.0

# Calls reserved beyond one for each lookup: attempts that are repeated.
SPARE_CALLS = 6

# Entries that became dead letters and need not become one again.
MOST_REFUSED = 10_000

# Answered with more than a record of the raw topic may have.
OVERSIZED = "oversized"
UNREADABLE = "unreadable"

# A failed poll is tried again after the shortest interval, within these bounds (seconds): it is as
# due as before, and the pace keeps an outage from eating the day.
SOONEST_RETRY, LATEST_RETRY = 1.0, 15.0

# How long the pace is kept in mind (ms): it moves by the hour, and a tick must cost nothing.
PACE_KEPT_MS = 5_000

# An error is given as the reason for slow polling for so long (ms).
ERROR_SHOWN_MS = 120_000

# Polls that are late by less (seconds) need no reason.
WORTH_A_WORD = 10.0

# Of each kind of trouble, enough to look into it, never a page of thousands.
MOST_SHOWN = 100


class Poller:
    """One worker's polling, by the time of *clock*.

    Pacing is derived from the polls table and thus survives restarts and rebalances: when an
    item was asked for last, and how many calls were made (see :class:`CallQuota`). Without a
    *client* nothing is polled. *learn* is shown every item that comes (outbox, item id, payload).
    """

    def __init__(
        self,
        app: StreamApp,
        tables: Tables,
        schedule: Schedule,
        metrics: Metrics,
        settings: Settings,
        client: AffiliateClient | None,
        clock: WalmartClock,
        learn: Callable[[Outbox, str, bytes], None] | None = None,
    ) -> None:
        self._learn = learn
        self._app = app
        self._metrics = metrics
        self._quota = CallQuota(app, tables.polls, settings, clock)
        self._per_day = settings.walmart_affiliate_daily_calls
        missing_after = settings.missing_after or settings.poll_interval_max
        self._absence = AbsenceRule(settings.missing_after_polls, int(missing_after * 1000))
        retry = min(LATEST_RETRY, max(SOONEST_RETRY, settings.poll_interval_min))
        self._retry_ms = int(retry * 1000)
        self._client = client
        self._clock = clock
        self._partitions = settings.kafka_partitions
        self._refused: set[int] = set()
        self._queue = PollQueue(schedule, clock.now_ms())
        self._watched = WatchedItems(app, tables, self._queue, clock.now_ms)
        self._allowance: Allowance | None = None
        # When it was reckoned (epoch ms), for which partitions, and the pace (calls a second).
        self._pace: tuple[int, set[int], float] = (0, set(), 0.0)
        self._last_error: str | None = None
        self._last_error_at: int | None = None

    async def tick(self) -> None:
        """Ask for everything that is due and that the pace allows.

        Raises:
            ProducerSendError, KafkaError: the brokers failed. Walmart's failures end in stats.
        """
        if self._client is not None:
            await self._poll(self._client)

    def watch_changed(self, partition: int, entries: Mapping[bytes, bytes | None]) -> None:
        """Entries of the watchlist were written to its table: key -> entry, or ``None``."""
        self._watched.changed(partition, entries)

    @property
    def overdue(self) -> float:
        """Seconds that the oldest due poll has been due; 0 where none is."""
        if self._client is None:
            return 0.0
        return self._queue.overdue(self._clock.now_ms(), self._pace[2])

    def some_watched(self, most: int) -> tuple[list[str], int]:
        """Up to *most* of this worker's items, spread evenly, and how many it polls."""
        return self._queue.some(most), len(self._queue)

    def now_ms(self) -> int:
        """Epoch milliseconds by Walmart's clock, as far as it is known."""
        return self._clock.now_ms()

    def stats(self) -> dict[str, Any]:
        """Counts of watched items, of those not answered, and the last failure."""
        unanswered = defaultdict(list)
        for item, outcome in self._watched.troubled.items():
            unanswered[outcome].append(item.item_id)
        partitions = self._queue.partitions()
        return {
            "enabled": self._client is not None,
            "watched_items": len(self._queue),
            "never_answered_waiting": self._queue.waiting_new,
            "calls_today": self._quota.used(partitions),
            "calls_yesterday": self._quota.used(partitions, days_ago=1),
            "calls_left_today": sum(self._quota.left(partitions).values()),
            "oldest_due_poll_seconds": round(self.overdue, 1),
            "slow_because": self._slow_because(),
            "unanswered": {kind: sorted(ids)[:MOST_SHOWN] for kind, ids in unanswered.items()},
            "last_error": self._last_error,
            "last_error_at": None if self._last_error_at is None else to_iso(self._last_error_at),
        }

    async def close(self) -> None:
        """Close the connections to Walmart."""
        if self._client is not None:
            await self._client.close()

    async def _poll(self, client: AffiliateClient) -> None:
        owned = self._app.owned(topics.RAW.name)
        await self._watched.follow(owned)
        if not owned:
            return
        now = self._clock.now_ms()
        allowance = self._grown_allowance(owned, now)
        rate = self._quota.rate(owned)
        most = max(MAX_REQUESTS, int(rate * LONGEST_ROUND))
        if self._clock.uncertainty > SURE:
            # The answer tells the time, and with it which day's calls are being spent.
            most = 1
        calls: list[Call] = []
        while len(calls) < min(most, allowance.calls):
            call = self._queue.take(now, self._pace_of(owned, now))
            if call is None:
                break
            calls.append(call)
        if not calls:
            return
        reservation = await self._quota.reserve(len(calls) + SPARE_CALLS, owned)
        if not reservation.calls:
            self._failed(
                "DailyBudgetExhausted: this worker's share of the calls of this UTC day is used "
                "up; raise WALMART_AFFILIATE_DAILY_CALLS if Walmart grants more"
            )
        else:
            client.set_limits(rate, reservation.calls)
        requests = asyncio.Semaphore(MAX_REQUESTS)
        asked, postponed = calls[: reservation.calls], calls[reservation.calls :]
        for call in postponed:
            self._postpone(call.items)
        made = await asyncio.gather(*(self._ask(client, call, requests, owned) for call in asked))
        allowance.spend(sum(made))
        self._pace = (0, *self._pace[1:])
        await self._quota.settle(reservation, sum(made))

    def _grown_allowance(self, owned: set[int], now: int) -> Allowance:
        pace, burst = self._pace_of(owned, now), self._quota.burst(owned)
        if self._allowance is None:
            # As much as has become due since the calls of whoever was here before: restarts and
            # rebalances, however many, add nothing to it.
            quiet_since = self._quota.quiet_since(owned)
            tokens = burst if quiet_since is None else max(0, now - quiet_since) / 1000 * pace
            self._allowance = Allowance(min(burst, tokens), now)
        self._allowance.grow(now, pace, burst)
        return self._allowance

    def _pace_of(self, owned: set[int], now: int) -> float:
        reckoned, partitions, pace = self._pace
        if partitions != owned or not 0 <= now - reckoned < PACE_KEPT_MS:
            pace = self._quota.pace(owned)
            self._pace = now, owned, pace
        return pace

    async def _ask(
        self, client: AffiliateClient, call: Call, requests: asyncio.Semaphore, owned: set[int]
    ) -> int:
        """Ask, and record the answers; the number of calls that took."""
        async with requests:
            if self._app.owned(topics.RAW.name) != owned:
                # Items and limits are not the same any more: the next tick decides.
                self._postpone(call.items)
                return 0
            lookup = await client.items([item.item_id for item in call.items], halve=False)
            await self._record(call, lookup)
        return lookup.calls

    async def _record(self, call: Call, lookup: Lookup) -> None:
        """Answers into the raw topic first; only then they count as polled."""
        self._queue.made(call, lookup.calls, answered=bool(lookup.answers))
        outbox = self._app.outbox()
        oversized: dict[str, int] = {}
        for answer in lookup.answers:
            at = int(answer.observed_at * 1000)
            for item_id, payload in answer.items.items():
                original = answer.originals.get(item_id)
                size = self._add(
                    outbox,
                    observation.AFFILIATE,
                    item_id,
                    at,
                    answer.request_id,
                    payload,
                    original,
                )
                if size > MAX_RECORD_BYTES:
                    oversized[item_id] = size
                    continue
                if self._learn is not None:
                    self._learn(outbox, item_id, payload)
        self._refuse(lookup, outbox)
        polls = self._polls(call.items, lookup, outbox)
        await outbox.flush()
        for item_id, size in oversized.items():
            self._metrics.oversized.labels(observation.AFFILIATE).inc()
            self._failed(
                f"item {item_id}: its answer has {size} bytes, more than a record may have"
            )
            logger.warning("polling: %s", self._last_error)
        for item, poll in polls.items():
            if item.item_id in oversized:
                polls[item] = poll._replace(outcome=OVERSIZED)
        if lookup.spoiled:
            self._queue.halve(call)
        self._count_errors(lookup)
        failed = [item for item in call.items if item.item_id in lookup.failed]
        self._postpone(failed)
        for item in failed:
            if not isinstance(lookup.failed[item.item_id], DailyBudgetExhausted):
                self._watched.troubled[item] = FAILED
        for poll in polls.values():
            self._metrics.polled_items.labels(poll.outcome).inc()
        await self._watched.polled(polls)

    def _refuse(self, lookup: Lookup, outbox: Outbox) -> None:
        """Entries of answers that cannot be read become dead letters, each by itself."""
        now = self._clock.now_ms()
        entries: list[tuple[str | None, Unreadable]] = [*lookup.unreadable.items()]
        entries += [(None, entry) for entry in lookup.unnamed]
        for item_id, entry in entries:
            if item_id is not None:
                self._failed(f"item {item_id} cannot be read: {entry.reason}")
                logger.warning("polling: %s", self._last_error)
            # The same bytes come with every poll until Walmart mends them.
            digest = xxh3_64_intdigest(entry.raw)
            if digest in self._refused:
                continue
            if len(self._refused) >= MOST_REFUSED:
                self._refused.clear()
            self._refused.add(digest)
            key = None if item_id is None else item_id.encode()
            partition = crc32(key or entry.raw) % self._partitions
            add_unreadable(outbox, entry, "poll", now, partition, key)
            self._metrics.dead_letters.labels("poll").inc()

    def _polls(self, items: Sequence[Item], lookup: Lookup, outbox: Outbox) -> dict[Item, Poll]:
        """The polls that were made; items that have been missed for long become unavailable."""
        now = self._clock.now_ms()
        polls = {}
        for item in items:
            item_id = item.item_id
            if item_id in lookup.failed or item_id in lookup.spoiled:
                continue
            error = lookup.invalid.get(item_id)
            outcome = ANSWERED
            if error is not None:
                outcome = INVALID
            elif item_id in lookup.missing:
                outcome = MISSING
            elif item_id in lookup.unreadable:
                outcome = UNREADABLE
            is_gone = outcome == MISSING or isinstance(error, InvalidItem)
            poll, tells = self._absence.after(
                self._watched.poll_of(item), outcome, now, is_gone=is_gone
            )
            polls[item] = poll
            if tells:
                payload = absence_payload(poll.outcome, poll.misses, poll.missed_since)
                self._add(outbox, observation.POLL, item_id, now, None, payload)
        return polls

    def _add(
        self,
        outbox: Outbox,
        source: str,
        item_id: str,
        at: int,
        request_id: str | None,
        payload: bytes,
        original: bytes | None = None,
    ) -> int:
        """Add an observation, unless it is larger than a record may be; its bytes."""
        value = observation.encode(
            source=source,
            item_id=item_id,
            observed_at=at,
            request_id=request_id,
            payload=payload,
            original=original,
        )
        if len(value) <= MAX_RECORD_BYTES:
            key = item_id.encode()
            partition = self._app.partition_of(topics.RAW.name, key)
            outbox.add(topics.RAW.name, key, value, partition=partition)
        return len(value)

    def _count_errors(self, lookup: Lookup) -> None:
        for errors in (lookup.invalid, lookup.failed):
            for error in {id(error): error for error in errors.values()}.values():
                self._count_error(error)
        for error in lookup.failed.values():
            if not isinstance(error, DailyBudgetExhausted):
                self._metrics.polled_items.labels(FAILED).inc()

    def _count_error(self, error: WalmartError) -> None:
        self._metrics.poll_errors.labels(type(error).__name__).inc()
        if isinstance(error, DailyBudgetExhausted):
            # The round's reservation, not the day's: they stay due.
            return
        self._failed(f"{type(error).__name__}: {error}")
        logger.warning("polling: %s", self._last_error)

    def _postpone(self, items: Sequence[Item]) -> None:
        """Bring items back soon that were not asked for, or not answered: that is not a poll."""
        until = self._clock.now_ms() + self._retry_ms
        for item in items:
            self._queue.pause(item, self._watched.poll_of(item), until)

    def _slow_because(self) -> str | None:
        """Why polls that are due wait, or ``None`` where none does for long."""
        if self._client is None:
            return "no keys of the Affiliate API are set"
        now = self._clock.now_ms()
        partitions = self._queue.partitions()
        if partitions and not sum(self._quota.left(partitions).values()):
            return f"the calls of this UTC day are used up, of {self._per_day}"
        if self._last_error_at is not None and now - self._last_error_at < ERROR_SHOWN_MS:
            return str(self._last_error)[:200]
        if self.overdue < WORTH_A_WORD:
            return None
        pace = self._pace[2]
        words = f"the quota allows a call every {1 / pace:.0f} s here" if pace < 1 else "busy"
        if waiting := self._queue.waiting_new:
            words += f"; {waiting} ids that were never answered wait"
        return words

    def _failed(self, error: str) -> None:
        self._last_error, self._last_error_at = error, self._clock.now_ms()
