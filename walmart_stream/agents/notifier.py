"""Sends alerts to their channels, at least once, with retries.

Due messages are in the database, so a worker that ends loses nothing: the partition's next owner
continues. Each channel works independently of the others and of all other work.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import PyMongoError

from walmart_stream import topics
from walmart_stream.agents.alert_rules import AlertRules
from walmart_stream.domain.alerts.quiet import parse_quiet
from walmart_stream.domain.time import to_ms
from walmart_stream.engine.app import StreamApp
from walmart_stream.metrics import Metrics
from walmart_stream.notify.channel import Channel, NotDelivered, message_of
from walmart_stream.storage import deliveries
from walmart_stream.storage.alerts import alert_fields
from walmart_stream.storage.documents import ALERTS
from walmart_stream.storage.sealed import UNSEALED, FieldSeal

logger = logging.getLogger(__name__)

# Deliveries that are read together; a digest holds at most this number.
MOST = 200
HOUR = timedelta(hours=1)
# Seconds: soon at first, since most receivers restart, and never so rarely that its return is
# noticed late.
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0


class Notifier:
    """One worker's deliveries, of the partitions of alerts that it owns.

    *clock* gives aware UTC times; a channel gets *most* messages an hour, and the rest as digests.
    """

    def __init__(
        self,
        app: StreamApp,
        database: Any,
        channels: Mapping[str, Channel],
        rules: AlertRules,
        metrics: Metrics,
        clock: Callable[[], datetime],
        most: int,
        seal: FieldSeal = UNSEALED,
    ) -> None:
        self._app = app
        self._database = database
        self._channels = channels
        self._rules = rules
        self._metrics = metrics
        self._clock = clock
        self._most = most
        self._seal = seal
        self._at_work: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._paused: dict[str, datetime] = {}

    async def tick(self) -> None:
        """Send every channel its waiting messages, unless a sending is under way."""
        partitions = sorted(self._app.owned(topics.ALERTS.name))
        if not partitions:
            return
        now = self._clock()
        for name, channel in self._channels.items():
            task = self._at_work.get(name)
            if task is not None and not task.done():
                continue
            if self._paused.get(name, now) > now:
                continue
            self._at_work[name] = asyncio.create_task(self._work(name, channel, partitions))
        try:
            given_up = await deliveries.give_up(self._database, partitions, now)
        except PyMongoError as exc:
            logger.info("deliveries cannot be looked at: %s", type(exc).__name__)
            return
        if given_up:
            self._metrics.alert_deliveries.labels("gave_up").inc(given_up)
            logger.warning("%d deliveries of alerts are given up after a day", given_up)

    async def close(self) -> None:
        """End sendings under way, and close the channels."""
        for task in self._at_work.values():
            task.cancel()
        await asyncio.gather(*self._at_work.values(), return_exceptions=True)
        for channel in self._channels.values():
            await channel.close()

    async def _work(self, name: str, channel: Channel, partitions: Sequence[int]) -> None:
        try:
            now = self._clock()
            due = await deliveries.due_deliveries(self._database, name, partitions, now, MOST)
            due = await self._wanted(due, now)
            for part in await self._parts(name, due, now):
                if not await self._tell(name, channel, part):
                    return
        except PyMongoError as exc:
            logger.info("deliveries to %s wait for the database: %s", name, type(exc).__name__)
        except Exception as exc:
            # A fault of this program must not stop the worker, which stores what it observes; what
            # is due stays due.
            self._paused[name] = self._clock() + timedelta(seconds=LONGEST_PAUSE)
            self._metrics.alert_deliveries.labels("failed").inc()
            logger.error("channel %s cannot be told: %s", name, type(exc).__name__)

    async def _wanted(
        self, due: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[Mapping[str, Any]]:
        """Those of *due* that are not muted, and not in their quiet hours."""
        wanted, muted = [], []
        for one in due:
            if self._rules.book.muted_until(one["rule"], one["item_id"], to_ms(now)) is not None:
                muted.append(one["_id"])
                continue
            until = _quiet_until(one.get("quiet"), now)
            if until is not None:
                await deliveries.put_off(self._database, [one["_id"]], until)
            else:
                wanted.append(one)
        await deliveries.mark_muted(self._database, muted)
        if muted:
            self._metrics.alert_deliveries.labels("muted").inc(len(muted))
        return wanted

    async def _parts(
        self, name: str, due: Sequence[Mapping[str, Any]], now: datetime
    ) -> list[Sequence[Mapping[str, Any]]]:
        """*due* as messages: each by itself while the hour has room, the rest as a digest.

        Without room they wait until the first message of the hour is an hour old.
        """
        if not due:
            return []
        sent = await deliveries.messages_since(self._database, name, now - HOUR)
        room = self._most - len(sent)
        if len(due) <= room:
            return [[one] for one in due]
        if room > 0:
            return [*([one] for one in due[: room - 1]), due[room - 1 :]]
        names = [one["_id"] for one in due]
        await deliveries.put_off(self._database, names, sent[0] + HOUR)
        return []

    async def _tell(self, name: str, channel: Channel, part: Sequence[Mapping[str, Any]]) -> bool:
        """Send one message; whether it was taken."""
        ids = [one["alert"] for one in part]
        found = self._database[ALERTS].find({"_id": {"$in": ids}})
        alerts = [alert_fields(self._seal.open(ALERTS, one)) async for one in found]
        names = [one["_id"] for one in part]
        if not alerts:
            # Somebody has deleted them.
            await deliveries.mark_muted(self._database, names)
            return True
        message = message_of(sorted(alerts, key=lambda one: (one["raised_at"], one["id"])))
        try:
            await channel.send(message)
        except NotDelivered as exc:
            failures = self._failures[name] = self._failures.get(name, 0) + 1
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
            pause *= random.uniform(0.5, 1)  # noqa: S311 - jitter
            until = self._paused[name] = self._clock() + timedelta(seconds=pause)
            self._metrics.alert_deliveries.labels("failed").inc()
            if failures == 1:
                logger.warning("channel %s did not get a message: %s; it is retried", name, exc)
            await deliveries.put_off(self._database, names, until, str(exc))
            return False
        if self._failures.pop(name, 0):
            logger.warning("channel %s accepts alerts again", name)
        self._metrics.alert_deliveries.labels("sent").inc(len(names))
        await deliveries.mark_sent(self._database, names, message.id, self._clock())
        return True


def _quiet_until(text: str | None, now: datetime) -> datetime | None:
    try:
        return None if text is None else parse_quiet(text).ends(now)
    except ValueError:
        # The list of zones of this machine is another one than that of who took the rule.
        return None
