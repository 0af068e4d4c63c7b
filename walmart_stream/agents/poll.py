"""The poll timer: asks Walmart for the watched items whose partitions this worker owns."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from walmart_stream import topics
from walmart_stream.domain import observation
from walmart_stream.domain.schedule import (
    ITEMS_PER_CALL,
    Poll,
    Schedule,
    Usage,
    decode_poll,
    decode_usage,
    encode_poll,
    encode_usage,
    share,
    spread,
)
from walmart_stream.engine.app import StreamApp
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables
from walmart_stream.walmart.affiliate import AffiliateClient, Lookup

logger = logging.getLogger(__name__)

# Requests under way at once: enough to fill the quota at usual latencies, and a bound on what a
# kill loses of answers that were not yet recorded.
MAX_REQUESTS = 4

# Where the polls table keeps the calls that a partition was charged; no item has this id.
USAGE_KEY = b"#calls"

SECONDS_PER_DAY = 86_400


class Poller:
    """One worker's polling. *clock* gives epoch milliseconds.

    Pacing is derived from the polls table and thus survives restarts and rebalances: when an
    item was asked for last, and how many calls its partition was charged today. Each partition
    has an equal share of the quotas, so that the shares of all workers add up to no more than
    Walmart grants, whoever owns what. Without a *client* nothing is polled.
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
    ) -> None:
        self._app = app
        self._tables = tables
        self._schedule = schedule
        self._metrics = metrics
        self._settings = settings
        self._client = client
        self._clock = clock
        self._polls: dict[int, dict[str, Poll]] = {}
        # What the polls were made from: looking through the watchlist at each tick would cost
        # more than everything else.
        self._seen: tuple[set[int], int] | None = None
        self._unanswered: dict[str, str] = {}
        self._last_error: str | None = None

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
        for item_id, outcome in self._unanswered.items():
            unanswered[outcome].append(item_id)
        return {
            "enabled": self._client is not None,
            "watched_items": sum(map(len, self._polls.values())),
            "calls_today": sum(
                self._usage(partition).today(self._clock()) for partition in self._polls
            ),
            "calls_left_today": sum(self._calls_left(set(self._polls)).values()),
            # Some of each kind: enough to look into it, never a page of thousands.
            "unanswered": {outcome: sorted(ids)[:100] for outcome, ids in unanswered.items()},
            "last_error": self._last_error,
        }

    async def close(self) -> None:
        """Close the connections to Walmart."""
        if self._client is not None:
            await self._client.close()

    async def _poll(self, client: AffiliateClient) -> None:
        owned = self._app.owned(topics.RAW.name)
        self._follow_ownership(owned)
        due = self._due(owned)
        self._metrics.watched_items.set(sum(map(len, self._polls.values())))
        if not due:
            return
        calls = sum(self._calls_left(owned).values())
        part = len(owned) / self._settings.kafka_partitions
        client.set_limits(self._settings.walmart_affiliate_calls_per_second * part, calls)
        requests = asyncio.Semaphore(MAX_REQUESTS)
        chunks = list(_chunks(due, ITEMS_PER_CALL))[:calls]
        # Before they are made: a kill must not make them forgotten.
        await self._charge(len(chunks), owned)
        made = await asyncio.gather(*(self._ask(client, chunk, requests) for chunk in chunks))
        await self._charge(sum(made) - len(chunks), owned)

    def _follow_ownership(self, owned: set[int]) -> None:
        seen = (owned, self._tables.watchlist.changes)
        if seen == self._seen:
            return
        self._seen = seen
        before, self._polls = self._polls, {partition: {} for partition in owned}
        for partition, key, _ in self._tables.watchlist.of_partitions(owned):
            item_id = key.decode()
            poll = before.get(partition, {}).get(item_id)
            if poll is None:
                value = self._tables.polls.read(partition, key)
                poll = Poll(0, "") if value is None else decode_poll(value)
            self._polls[partition][item_id] = poll
        watched = {item_id for polls in self._polls.values() for item_id in polls}
        for item_id in self._unanswered.keys() - watched:
            del self._unanswered[item_id]

    def _due(self, owned: set[int]) -> list[str]:
        polls = {
            item_id: poll for partition in owned for item_id, poll in self._polls[partition].items()
        }
        settings = self._settings
        part = len(owned) / settings.kafka_partitions
        quota = min(
            settings.walmart_affiliate_calls_per_second,
            settings.walmart_affiliate_daily_calls / SECONDS_PER_DAY,
        )
        return self._schedule.due(polls, polls, self._clock(), quota * part)

    def _usage(self, partition: int) -> Usage:
        value = self._tables.polls.read(partition, USAGE_KEY)
        return Usage(0, 0) if value is None else decode_usage(value)

    def _calls_left(self, owned: set[int]) -> dict[int, int]:
        now = self._clock()
        daily = self._settings.walmart_affiliate_daily_calls
        partitions = self._settings.kafka_partitions
        return {
            partition: max(
                0, share(daily, partition, partitions) - self._usage(partition).today(now)
            )
            for partition in owned
        }

    async def _charge(self, calls: int, owned: set[int]) -> None:
        now = self._clock()
        for partition, charged in spread(calls, self._calls_left(owned)).items():
            if partition in self._app.owned(topics.RAW.name):
                usage = encode_usage(self._usage(partition).plus(charged, now))
                await self._tables.polls.write(partition, {USAGE_KEY: usage}, self._app.outbox())

    async def _ask(
        self, client: AffiliateClient, item_ids: list[str], requests: asyncio.Semaphore
    ) -> int:
        """Ask, and record the answers; the number of calls that took."""
        async with requests:
            lookup = await client.items(item_ids)
            await self._record(item_ids, lookup)
        return lookup.calls

    async def _record(self, item_ids: list[str], lookup: Lookup) -> None:
        """Answers into the raw topic first; only then they count as polled."""
        outbox = self._app.outbox()
        for answer in lookup.answers:
            at = int(answer.observed_at * 1000)
            for item_id, payload in answer.items.items():
                value = observation.encode(
                    source=observation.AFFILIATE,
                    item_id=item_id,
                    observed_at=at,
                    request_id=answer.request_id,
                    payload=payload,
                )
                key = item_id.encode()
                partition = self._app.partition_of(topics.RAW.name, key)
                outbox.add(topics.RAW.name, key, value, partition=partition)
        await outbox.flush()
        outcomes = self._outcomes(item_ids, lookup)
        for item_id, outcome in outcomes.items():
            self._metrics.polled_items.labels(outcome).inc()
            if outcome == "answered":
                self._unanswered.pop(item_id, None)
            else:
                self._unanswered[item_id] = outcome
        await self._remember(outcomes)

    def _outcomes(self, item_ids: Iterable[str], lookup: Lookup) -> dict[str, str]:
        outcomes = dict.fromkeys(item_ids, "answered")
        outcomes.update(dict.fromkeys(lookup.missing, "missing"))
        for kind, errors in (("invalid", lookup.invalid), ("failed", lookup.failed)):
            outcomes.update(dict.fromkeys(errors, kind))
            for error in {id(error): error for error in errors.values()}.values():
                self._metrics.poll_errors.labels(type(error).__name__).inc()
                self._last_error = f"{type(error).__name__}: {error}"
                logger.warning("polling: %s", self._last_error)
        return outcomes

    async def _remember(self, outcomes: dict[str, str]) -> None:
        now = self._clock()
        by_partition: defaultdict[int, dict[bytes, bytes | None]] = defaultdict(dict)
        for partition, polls in self._polls.items():
            for item_id in outcomes.keys() & polls.keys():
                polls[item_id] = Poll(now, outcomes[item_id])
                by_partition[partition][item_id.encode()] = encode_poll(polls[item_id])
        for partition in by_partition.keys() & self._app.owned(topics.RAW.name):
            await self._tables.polls.write(partition, by_partition[partition], self._app.outbox())


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
