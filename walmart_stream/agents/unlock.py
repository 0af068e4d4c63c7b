"""``walmart-stream unlock`` at the owner of the item: state and results recomputed from the log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

from walmart_stream import topics
from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.domain.apply import Entry, Outcome
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import Source
from walmart_stream.domain.reading import decode
from walmart_stream.domain.reset import encode_reset, rebuild
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.domain.windows import Rules
from walmart_stream.engine.outbox import Outbox

logger = logging.getLogger(__name__)

# Partition, key and the offset to stop before -> the records of that key in the raw topic.
ReadLog = Callable[[int, bytes, int], AsyncIterator[Any]]


class Unlocker:
    """Rebuilds items. *most_ahead*: see :func:`walmart_stream.domain.time.check_not_ahead`."""

    def __init__(self, read_log: ReadLog, rules: Rules, most_ahead: int) -> None:
        self._read_log = read_log
        self._rules = rules
        self._most_ahead = most_ahead

    async def rebuilt(
        self, partition: int, item_id: str, end: int, old: ItemState, outbox: Outbox
    ) -> Outcome | None:
        """The state of the item by the log before offset *end*; ``None``: nothing is wrong.

        Its dead letters, and what voids the results that were wrong, are in *outbox*: they go
        before the outcome's own events.
        """
        topic = topics.RAW.name
        entries: list[Entry] = []
        bad: list[tuple[Any, BadInput]] = []
        async for record in self._read_log(partition, item_id.encode(), end):
            try:
                observation = decode(record.key, record.value)
            except BadInput:
                continue  # it never was applied
            source = Source(topic, partition, record.offset)
            try:
                check_not_ahead(observation.observed_at, record.timestamp, self._most_ahead)
            except BadInput as exc:
                bad.append((record, exc))
            else:
                entries.append(Entry(observation, source))
        if not bad:
            logger.info("item %s: nothing in the log is from the future", item_id)
            return None
        for record, error in bad:
            add_dead_letter(outbox, topic, partition, record, "process", error)
        first = Source(topic, partition, bad[0][0].offset)
        reset, outcome = rebuild(item_id, entries, first, old, self._rules)
        outbox.add(topics.RESULTS.name, item_id.encode(), encode_reset(reset), partition=partition)
        logger.warning("item %s: recomputed without %d records of the future", item_id, len(bad))
        return outcome
