"""Watches for records in added partitions, which no worker reads: see kafka/surplus.py."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from walmart_stream.agents.parking import UNREADABLE
from walmart_stream.engine.app import StreamApp

logger = logging.getLogger(__name__)


class Stranded:
    """``words`` say what waits there, as *look* has found last; ``None``: nothing does.

    Topics that have the configured number of partitions, as nearly all have, are not looked at.
    """

    def __init__(self, app: StreamApp, look: Callable[[], Awaitable[str | None]]) -> None:
        self._app = app
        self._look = look
        self.words: str | None = None

    async def tick(self) -> None:
        """Look once more, if some topic has partitions beyond the configured number."""
        if max(self._app.partition_counts.values(), default=0) <= self._app.conf.topic_partitions:
            return
        try:
            words = await self._look()
        except UNREADABLE as exc:
            logger.info("surplus partitions cannot be looked at: %s", type(exc).__name__)
            return
        if words is not None and self.words is None:
            logger.error("%s", words)
        self.words = words
