"""The record of polls: answers into the raw topic, what they came to into the polls table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from zlib import crc32

from xxhash import xxh3_64_intdigest

from walmart_stream.agents.dead_letters import add_unreadable
from walmart_stream.agents.raw_records import add_observation
from walmart_stream.agents.watched import WatchedItems
from walmart_stream.domain.reading import observation
from walmart_stream.domain.reading.absence import absence_payload
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.domain.schedule.poll import (
    ANSWERED,
    FAILED,
    INVALID,
    MISSING,
    AbsenceRule,
    Poll,
)
from walmart_stream.domain.schedule.queue import Call, Item
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.settings import Settings
from walmart_stream.walmart.affiliate.client import Lookup
from walmart_stream.walmart.errors import DailyBudgetExhausted, InvalidItem, WalmartError

logger = logging.getLogger(__name__)

# Entries that became dead letters and need not become one again.
MOST_REFUSED = 10_000

# Answered with more than a record of the raw topic may have.
OVERSIZED = "oversized"
UNREADABLE = "unreadable"

# A failed poll is tried again after the shortest interval, within these bounds (seconds): it is as
# due as before, and the pace keeps an outage from eating the day.
SOONEST_RETRY, LATEST_RETRY = 1.0, 15.0

# An item is missing for at least this time (seconds) before it is unavailable, or a longest
# interval where that is shorter.
MISSING_AFTER = 3600.0


class PollRecord:
    """Writes down what polls of *watched* items came to. *clock* gives epoch milliseconds.

    *learn* is shown every item that comes (outbox, item id, payload). ``last_error`` is the last
    failure in words, ``last_error_at`` its time (epoch ms).
    """

    def __init__(
        self,
        app: StreamApp,
        watched: WatchedItems,
        metrics: Metrics,
        settings: Settings,
        clock: Callable[[], int],
        learn: Callable[[Outbox, str, bytes], None] | None,
    ) -> None:
        self._app = app
        self._watched = watched
        self._metrics = metrics
        self._clock = clock
        self._learn = learn
        self._partitions = settings.kafka_partitions
        missing_after = settings.missing_after or min(MISSING_AFTER, settings.poll_interval_max)
        self._absence = AbsenceRule(settings.missing_after_polls, int(missing_after * 1000))
        retry = min(LATEST_RETRY, max(SOONEST_RETRY, settings.poll_interval_min))
        self._retry_ms = int(retry * 1000)
        self._refused: set[int] = set()
        self.last_error: str | None = None
        self.last_error_at: int | None = None

    async def add(self, call: Call, lookup: Lookup) -> None:
        """Answers into the raw topic first; only then they count as polled."""
        self._watched.queue.made(call, lookup.calls, answered=bool(lookup.answers))
        outbox = self._app.outbox()
        oversized: dict[str, int] = {}
        for answer in lookup.answers:
            at = int(answer.observed_at * 1000)
            for item_id, payload in answer.items.items():
                original = answer.originals.get(item_id)
                size = add_observation(
                    self._app,
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
            self.failed(f"item {item_id}: its answer has {size} bytes, more than a record may have")
            logger.warning("polling: %s", self.last_error)
        for item, poll in polls.items():
            if item.item_id in oversized:
                polls[item] = poll._replace(outcome=OVERSIZED)
        if lookup.spoiled:
            self._watched.queue.halve(call)
        self._count_errors(lookup)
        failed = [item for item in call.items if item.item_id in lookup.failed]
        self.postpone(failed)
        for item in failed:
            if not isinstance(lookup.failed[item.item_id], DailyBudgetExhausted):
                self._watched.troubled.note(item, FAILED)
        for poll in polls.values():
            self._metrics.polled_items.labels(poll.outcome).inc()
        await self._watched.polled(polls)

    def _refuse(self, lookup: Lookup, outbox: Outbox) -> None:
        """Entries of answers that cannot be read become dead letters, each by itself."""
        now = self._clock()
        entries: list[tuple[str | None, Unreadable]] = [*lookup.unreadable.items()]
        entries += [(None, entry) for entry in lookup.unnamed]
        for item_id, entry in entries:
            if item_id is not None:
                self.failed(f"item {item_id} cannot be read: {entry.reason}")
                logger.warning("polling: %s", self.last_error)
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
        now = self._clock()
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
                add_observation(self._app, outbox, observation.POLL, item_id, now, None, payload)
        return polls

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
        self.failed(f"{type(error).__name__}: {error}")
        logger.warning("polling: %s", self.last_error)

    def postpone(self, items: Sequence[Item]) -> None:
        """Bring items back soon that were not asked for, or not answered: that is not a poll."""
        until = self._clock() + self._retry_ms
        for item in items:
            self._watched.queue.pause(item, self._watched.poll_of(item), until)

    def failed(self, error: str) -> None:
        """Keep *error* as the last one."""
        self.last_error, self.last_error_at = error, self._clock()
