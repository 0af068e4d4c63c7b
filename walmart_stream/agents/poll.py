"""The poll timer: asks Walmart for the watched items whose partitions this worker owns."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from walmart_stream import topics
from walmart_stream.agents.call_quota import CallQuota
from walmart_stream.agents.poll_record import PollRecord
from walmart_stream.agents.watched import WatchedItems
from walmart_stream.domain.schedule.pace import Allowance
from walmart_stream.domain.schedule.queue import Call, PollQueue
from walmart_stream.domain.schedule.sights import Sight
from walmart_stream.domain.schedule.uniform import Schedule
from walmart_stream.domain.time import to_iso
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables
from walmart_stream.walmart.affiliate.client import AffiliateClient
from walmart_stream.walmart.clock_offset import SURE, WalmartClock

# Requests under way at once: enough to fill the quota at usual latencies, and a bound on what a
# kill loses of answers that were not yet recorded.
MAX_REQUESTS = 4

# How much is begun at once, in seconds of the rate: what is reserved for it a kill wastes, and
# while it lasts nothing that is more urgent comes in between.
LONGEST_ROUND = 5.0

# Calls reserved beyond one for each lookup: attempts that are repeated.
SPARE_CALLS = 6

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
        self._app = app
        self._metrics = metrics
        self._quota = CallQuota(app, tables.polls, settings, clock)
        self._per_day = settings.walmart_affiliate_daily_calls
        self._client = client
        self._clock = clock
        self._queue = PollQueue(schedule, clock.now_ms())
        self._watched = WatchedItems(
            app, tables, self._queue, metrics, clock.now_ms, settings.tag_weights
        )
        self._record = PollRecord(app, self._watched, metrics, settings, clock.now_ms, learn)
        self._allowance: Allowance | None = None
        # When it was reckoned (epoch ms), for which partitions, and the pace (calls a second).
        self._pace: tuple[int, set[int], float] = (0, set(), 0.0)

    async def tick(self) -> None:
        """Ask for everything that is due and that the pace allows.

        Raises:
            ProducerSendError, KafkaError: the brokers failed. Walmart's failures end in stats.
        """
        if self._client is not None:
            await self._watched.write_sights()
            await self._watched.heed_events()
            await self._poll(self._client)

    def watch_changed(self, partition: int, entries: Mapping[bytes, bytes | None]) -> None:
        """Entries of the watchlist were written to its table: key -> entry, or ``None``."""
        self._watched.changed(partition, entries)

    def sighted(self, partition: int, sights: Iterable[Sight]) -> None:
        """Items of *partition* were seen, by whatever source, and that is stored."""
        self._watched.sighted(partition, sights)

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
        partitions = self._queue.partitions()
        failed_at = self._record.last_error_at
        return {
            "enabled": self._client is not None,
            "watched_items": len(self._queue),
            "never_answered_waiting": self._queue.waiting_new,
            "calls_today": self._quota.used(partitions),
            "calls_yesterday": self._quota.used(partitions, days_ago=1),
            "calls_left_today": sum(self._quota.left(partitions).values()),
            "oldest_due_poll_seconds": round(self.overdue, 1),
            "slow_because": self._slow_because(),
            "unanswered": self._watched.troubled.some(MOST_SHOWN),
            "sight": self._sight(),
            "last_error": self._record.last_error,
            "last_error_at": None if failed_at is None else to_iso(failed_at),
        }

    async def close(self) -> None:
        """Close the connections to Walmart."""
        if self._client is not None:
            await self._client.close()

    async def _poll(self, client: AffiliateClient) -> None:
        owned = self._app.owned(topics.RAW.name)
        await self._watched.follow(owned, lambda: self._quota.pace(owned))
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
            self._record.failed(
                "DailyBudgetExhausted: this worker's share of the calls of this UTC day is used "
                "up; raise WALMART_AFFILIATE_DAILY_CALLS if Walmart grants more"
            )
        else:
            client.set_limits(rate, reservation.calls)
        requests = asyncio.Semaphore(MAX_REQUESTS)
        asked, postponed = calls[: reservation.calls], calls[reservation.calls :]
        for call in postponed:
            self._record.postpone(call.items)
        made = await asyncio.gather(*(self._ask(client, call, requests, owned) for call in asked))
        allowance.spend(sum(made))
        self._metrics.poll_calls.inc(sum(made))
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
                self._record.postpone(call.items)
                return 0
            lookup = await client.items([item.item_id for item in call.items], halve=False)
            await self._record.add(call, lookup)
        return lookup.calls

    def _sight(self) -> dict[str, Any] | None:
        """The estimates of what is seen, by the rates that were learned; none at the beginning."""
        outlook = self._queue.outlook()
        if outlook is None:
            return None
        self._metrics.changes_seen_share.set(outlook.seen_share)
        self._metrics.unseen_seconds.set(outlook.unseen_s)
        return {
            "changes_a_day": round(outlook.changes_a_day, 1),
            "changes_seen_share": round(outlook.seen_share, 4),
            "unseen_mean_s": round(outlook.unseen_s, 1),
        }

    def _slow_because(self) -> str | None:
        """Why polls that are due wait, or ``None`` where none does for long."""
        if self._client is None:
            return "no keys of the Affiliate API are set"
        now = self._clock.now_ms()
        partitions = self._queue.partitions()
        if partitions and not sum(self._quota.left(partitions).values()):
            return f"the calls of this UTC day are used up, of {self._per_day}"
        failed_at = self._record.last_error_at
        if failed_at is not None and now - failed_at < ERROR_SHOWN_MS:
            return str(self._record.last_error)[:200]
        if self.overdue < WORTH_A_WORD:
            return None
        pace = self._pace[2]
        words = f"the quota allows a call every {1 / pace:.0f} s here" if pace < 1 else "busy"
        if waiting := self._queue.waiting_new:
            words += f"; {waiting} ids that were never answered wait"
        return words
