"""The poll timer: asks Walmart for the watched items whose partitions this worker owns."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any
from zlib import crc32

from xxhash import xxh3_64_intdigest

from walmart_stream import topics
from walmart_stream.agents.call_quota import CallQuota
from walmart_stream.agents.dead_letters import add_unreadable
from walmart_stream.domain.reading import observation
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.domain.schedule import (
    INVALID,
    Poll,
    Schedule,
    as_calls,
    decode_poll,
    encode_poll,
)
from walmart_stream.domain.time import to_iso
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables
from walmart_stream.walmart.affiliate.client import AffiliateClient, Lookup
from walmart_stream.walmart.errors import DailyBudgetExhausted

logger = logging.getLogger(__name__)

# Requests under way at once: enough to fill the quota at usual latencies, and a bound on what a
# kill loses of answers that were not yet recorded.
MAX_REQUESTS = 4

# How much is begun at once, in seconds of the rate: what is reserved for it a kill wastes, and
# while it lasts nothing that is more urgent comes in between.
LONGEST_ROUND = 5.0

# Calls reserved beyond one for each lookup: finding one bad id among twenty takes ten.
SPARE_CALLS = 10

# Entries that became dead letters and need not become one again.
MOST_REFUSED = 10_000

ANSWERED = "answered"
# Answered with more than a record of the raw topic may have.
OVERSIZED = "oversized"
UNREADABLE = "unreadable"


class Poller:
    """One worker's polling. *clock* gives epoch milliseconds.

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
        clock: Callable[[], int],
        learn: Callable[[Outbox, str, bytes], None] | None = None,
    ) -> None:
        self._learn = learn
        self._app = app
        self._tables = tables
        self._schedule = schedule
        self._metrics = metrics
        self._quota = CallQuota(app, tables.polls, settings, clock)
        self._client = client
        self._clock = clock
        self._polls: dict[int, dict[str, Poll]] = {}
        # What the polls were made from: looking through the watchlist at each tick would cost
        # more than everything else.
        self._seen: tuple[set[int], int, int] | None = None
        self._partitions = settings.kafka_partitions
        self._refused: set[int] = set()
        self._last_error: str | None = None
        self._last_error_at: int | None = None

    async def tick(self) -> None:
        """Ask for everything that is due.

        Raises:
            ProducerSendError, KafkaError: the brokers failed. Walmart's failures end in stats.
        """
        if self._client is not None:
            await self._poll(self._client)

    def stats(self) -> dict[str, Any]:
        """What is watched here, what Walmart did not answer, and the last failure."""
        unanswered = defaultdict(list)
        for polls in self._polls.values():
            for item_id, poll in polls.items():
                if poll.outcome not in ("", ANSWERED):
                    unanswered[poll.outcome].append(item_id)
        return {
            "enabled": self._client is not None,
            "watched_items": sum(map(len, self._polls.values())),
            "calls_today": self._quota.used(self._polls),
            "calls_left_today": sum(self._quota.left(self._polls).values()),
            # Some of each kind: enough to look into it, never a page of thousands.
            "unanswered": {outcome: sorted(ids)[:100] for outcome, ids in unanswered.items()},
            "last_error": self._last_error,
            "last_error_at": None if self._last_error_at is None else to_iso(self._last_error_at),
        }

    async def close(self) -> None:
        """Close the connections to Walmart."""
        if self._client is not None:
            await self._client.close()

    async def _poll(self, client: AffiliateClient) -> None:
        owned = self._app.owned(topics.RAW.name)
        self._follow_ownership(owned)
        polls = {item_id: poll for each in self._polls.values() for item_id, poll in each.items()}
        self._metrics.watched_items.set(len(polls))
        due = self._schedule.due(polls, polls, self._clock(), self._quota.pace(owned))
        if not due:
            return
        rate = self._quota.rate(owned)
        calls = as_calls(due, polls)[: max(MAX_REQUESTS, int(rate * LONGEST_ROUND))]
        reserved = await self._quota.reserve(len(calls) + SPARE_CALLS, owned)
        allowed = sum(reserved.values())
        if not allowed:
            self._failed(
                "DailyBudgetExhausted: this worker's share of the calls of this UTC day is used "
                "up; raise WALMART_AFFILIATE_DAILY_CALLS if Walmart grants more"
            )
            return
        client.set_limits(rate, allowed)
        requests = asyncio.Semaphore(MAX_REQUESTS)
        made = await asyncio.gather(
            *(self._ask(client, item_ids, requests, owned) for item_ids in calls[:allowed])
        )
        await self._quota.settle(reserved, sum(made))

    def _follow_ownership(self, owned: set[int]) -> None:
        # Partitions can go and come back while a tick waits for Walmart.
        seen = (owned, self._app.rebalancing_count, self._tables.watchlist.changes)
        if seen == self._seen:
            return
        self._seen = seen
        before, self._polls = self._polls, {partition: {} for partition in owned}
        for partition, key, _ in self._tables.watchlist.of_partitions(owned):
            item_id = key.decode()
            poll = before.get(partition, {}).get(item_id, Poll(0, ""))
            if (value := self._tables.polls.read(partition, key)) is not None:
                # Ours is newer where an answer came during a rebalance and could not be written;
                # the table's where somebody else had the partition for a while.
                poll = max(poll, decode_poll(value))
            self._polls[partition][item_id] = poll

    async def _ask(
        self,
        client: AffiliateClient,
        item_ids: list[str],
        requests: asyncio.Semaphore,
        owned: set[int],
    ) -> int:
        """Ask, and record the answers; the number of calls that took."""
        async with requests:
            if self._app.owned(topics.RAW.name) != owned:
                # Items and limits are not the same any more: the next tick decides.
                return 0
            lookup = await client.items(item_ids)
            await self._record(item_ids, lookup)
        return lookup.calls

    async def _record(self, item_ids: list[str], lookup: Lookup) -> None:
        """Answers into the raw topic first; only then they count as polled."""
        outbox = self._app.outbox()
        oversized: dict[str, int] = {}
        for answer in lookup.answers:
            at = int(answer.observed_at * 1000)
            for item_id, payload in answer.items.items():
                value = observation.encode(
                    source=observation.AFFILIATE,
                    item_id=item_id,
                    observed_at=at,
                    request_id=answer.request_id,
                    payload=payload,
                    original=answer.originals.get(item_id),
                )
                if len(value) > MAX_RECORD_BYTES:
                    oversized[item_id] = len(value)
                    continue
                key = item_id.encode()
                partition = self._app.partition_of(topics.RAW.name, key)
                outbox.add(topics.RAW.name, key, value, partition=partition)
                if self._learn is not None:
                    self._learn(outbox, item_id, payload)
        self._refuse(lookup, outbox)
        await outbox.flush()
        outcomes = self._outcomes(item_ids, lookup)
        for item_id, size in oversized.items():
            outcomes[item_id] = OVERSIZED
            self._metrics.oversized.labels(observation.AFFILIATE).inc()
            self._failed(
                f"item {item_id}: its answer has {size} bytes, more than a record may have"
            )
            logger.warning("polling: %s", self._last_error)
        for outcome in outcomes.values():
            self._metrics.polled_items.labels(outcome).inc()
        await self._remember(outcomes)

    def _refuse(self, lookup: Lookup, outbox: Outbox) -> None:
        """Entries of answers that cannot be read become dead letters, each by itself."""
        now = self._clock()
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

    def _outcomes(self, item_ids: Iterable[str], lookup: Lookup) -> dict[str, str]:
        """What became of each item; those that no call was left for are not in it."""
        outcomes = dict.fromkeys(item_ids, ANSWERED)
        outcomes.update(dict.fromkeys(lookup.missing, "missing"))
        outcomes.update(dict.fromkeys(lookup.unreadable, UNREADABLE))
        for kind, errors in ((INVALID, lookup.invalid), ("failed", lookup.failed)):
            outcomes.update(dict.fromkeys(errors, kind))
            for error in {id(error): error for error in errors.values()}.values():
                self._metrics.poll_errors.labels(type(error).__name__).inc()
                if isinstance(error, DailyBudgetExhausted):
                    # The round's reservation, not the day's: they stay due.
                    continue
                self._failed(f"{type(error).__name__}: {error}")
                logger.warning("polling: %s", self._last_error)
        return {
            item_id: outcome
            for item_id, outcome in outcomes.items()
            if not isinstance(lookup.failed.get(item_id), DailyBudgetExhausted)
        }

    def _failed(self, error: str) -> None:
        self._last_error, self._last_error_at = error, self._clock()

    async def _remember(self, outcomes: dict[str, str]) -> None:
        now = self._clock()
        by_partition: defaultdict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        for partition, polls in self._polls.items():
            for item_id in outcomes.keys() & polls.keys():
                polls[item_id] = Poll(now, outcomes[item_id])
                by_partition[partition][item_id.encode()] = encode_poll(polls[item_id])
        for partition in by_partition.keys() & self._app.owned(topics.RAW.name):
            await self._tables.polls.write(partition, by_partition[partition], self._app.outbox())
