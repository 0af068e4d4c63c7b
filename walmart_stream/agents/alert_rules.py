"""The alert rules, as every worker reads them: from their topic, without a group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable

import orjson
from aiokafka.errors import UnknownTopicOrPartitionError

from walmart_stream import topics
from walmart_stream.agents.parking import ATTEMPT_INTERVAL, MOST_ATTEMPTS, UNREADABLE
from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.rules import RuleSet
from walmart_stream.engine.app import StreamApp
from walmart_stream.kafka.followed import Followed, Take
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables


def tags_of(app: StreamApp, tables: Tables, item_id: str) -> Iterable[str]:
    """The tags of a watched item of ours."""
    key = item_id.encode()
    value = tables.watchlist.read(app.partition_of(topics.WATCHLIST.name, key), key)
    if value is None:
        return ()
    tags = orjson.loads(value).get("tags")
    return tags if isinstance(tags, list) else ()


# Rules that a log line names.
MOST_NAMED = 20

logger = logging.getLogger(__name__)


class AlertRules:
    """The rules and mutes, followed. ``version`` grows when the rules change.

    *tags_of* gives the tags of an item. ``fault`` says why they cannot be read now, if so: those
    that are known stay.
    """

    def __init__(self, settings: Settings, tags_of: Callable[[str], Iterable[str]]) -> None:
        self._tags_of = tags_of
        self._followed = Followed(settings, topics.ALERT_RULES.name, self._begin)
        self._books: dict[Take, RuleBook] = {}
        self._reading = asyncio.Lock()
        self.book = RuleBook()
        self.rules = RuleSet((), tags_of)
        self.version = 0
        self.fault: str | None = None

    async def ready(self) -> RuleSet:
        """The rules, once they have been read for the first time.

        Raises:
            KafkaError, OSError, TimeoutError: for half a minute they could not be read.
        """
        if self.version:
            return self.rules
        for _ in range(MOST_ATTEMPTS):
            try:
                await self.read()
            except UNREADABLE as exc:
                logger.info("the topic of alert rules cannot be read: %s", type(exc).__name__)
                await asyncio.sleep(ATTEMPT_INTERVAL)
            else:
                return self.rules
        await self.read()
        return self.rules

    async def refresh(self) -> None:
        """Take over what has changed; while the topic cannot be read, the rules stay."""
        name = topics.ALERT_RULES.name
        try:
            await self.read()
        except UNREADABLE as exc:
            is_gone = isinstance(exc, UnknownTopicOrPartitionError)
            why = f"there is no topic {name}" if is_gone else f"no {name}: {type(exc).__name__}"
            if self.fault is None:
                logger.warning("%s; the alert rules stay as they were", why)
            self.fault = why
        else:
            self.fault = None

    async def stop(self) -> None:
        """Ends the reading."""
        await self._followed.stop()

    def _begin(self) -> Take:
        book = RuleBook()
        # Compared by identity: a reading that failed must not pass for one of an empty topic.
        self._books = {book.take: book}
        return book.take

    async def read(self) -> None:
        """Take over all that the topic holds now.

        Raises:
            KafkaError, OSError, TimeoutError: it cannot be read.
        """
        async with self._reading:
            take = await self._followed.catch_up()
            book = self._books.get(take)
            if book is None:
                return
            # Of one that is removed there is a record; these were in a topic that is not there now.
            gone = () if book is self.book else self.book.rules.keys() - book.rules.keys()
            if gone:
                logger.error(
                    "alert rules are gone, since %s was made again or lost its end: %s; their "
                    "alerts end, and they look at nothing until they are added again",
                    topics.ALERT_RULES.name,
                    ", ".join(sorted(gone)[:MOST_NAMED]),
                )
            self.book = book
            if book.rules == self.rules.rules and self.version:
                return
            if book.unread:
                logger.warning("%d alert rules cannot be read by this version", book.unread)
            self.rules = RuleSet(book.rules.values(), self._tags_of)
            self.version += 1
