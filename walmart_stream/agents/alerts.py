"""Alert rules at work where observations are applied.

A price change says that an item was seen again only where something changed, and what an alert
waits for is most often that nothing does. So the rules look at every observation, right after it
was applied: steps of alerts go to their topic, then where the rules stand goes to its table, then
the observation's own state to the offers table. A crash between two of these repeats what came
before with the same content.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

from faust.types import TP

from walmart_stream import topics
from walmart_stream.agents.alert_rules import AlertRules
from walmart_stream.domain.alerts import state
from walmart_stream.domain.alerts.engine import LATENESS_MS, Engine, Look, Waiting
from walmart_stream.domain.alerts.facts import facts_of
from walmart_stream.domain.alerts.nearness import is_near
from walmart_stream.domain.alerts.rules import RuleSet
from walmart_stream.domain.alerts.state import WATERMARK, ItemAlerts
from walmart_stream.domain.alerts.steps import Step, encode_step
from walmart_stream.domain.apply import Entry, Follow
from walmart_stream.domain.state import ItemState
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.metrics import Metrics
from walmart_stream.runtime.partitions import CUT
from walmart_stream.storage.deliveries import KEPT_FOR

# Items looked at between two turns of the event loop, when a partition is taken over.
CHUNK = 500

# Alerts that were raised longer ago are not sent once more: the log of deliveries, which knows who
# has heard of them, may have forgotten them.
SENT_AGAIN_MS = int((KEPT_FOR - timedelta(days=1)).total_seconds() * 1000)

logger = logging.getLogger(__name__)


class Alerts:
    """One worker's alerts. *known_ms*: how long a price counts as known; *clock*: epoch ms."""

    def __init__(
        self,
        app: StreamApp,
        table: AwaitedTable,
        rules: AlertRules,
        metrics: Metrics,
        known_ms: int,
        *,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._table = table
        self._rules = rules
        self._metrics = metrics
        self._known_ms = known_ms
        self._clock = clock
        # Time passes beside the agent: one of them at a time may change a partition.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: dict[int, Waiting] = {}
        # Partition -> version of the rules that its items were compared with.
        self._compared: dict[int, int] = {}
        # Partition -> the last step that was sent before it became ours, until a broker shows that
        # its log still has it; and the partitions whose log was too short when last looked at.
        self._expected: dict[int, int] = {}
        self._short: set[int] = set()
        # Partitions may come from a worker that knew newer rules; older ones would end its alerts.
        self._is_behind = False

    @asynccontextmanager
    async def watching(self, partition: int) -> AsyncIterator[Watch]:
        """The rules applied to a batch of *partition*, which no other task may change meanwhile."""
        if self._is_behind:
            await self._rules.refresh()
            self._is_behind = False
        rules = await self._rules.ready()
        async with self._locks[partition]:
            try:
                yield Watch(rules, await self._engine(partition, rules), self._known_ms, partition)
            except BaseException:
                # What was noted of a batch that is not stored must be forgotten.
                self._waiting.pop(partition, None)
                raise

    async def store(self, watch: Watch) -> None:
        """Make what follows from *watch* durable."""
        await self._store(watch.partition, watch.engine, watch.watermark)

    async def unlock(self, partition: int, item_id: str) -> None:
        """Forget when the item's offers were seen: its state was recomputed without the future."""
        async with self._locks[partition]:
            value = self._table.read(partition, item_id.encode())
            if value is not None:
                item = state.decode(value)
                item.quotes.clear()
                item.box_at = -1
                item.turns += 1
                values: dict[bytes, bytes | None] = {item_id.encode(): state.encode(item)}
                await self._table.write(partition, values, self._app.outbox())

    async def tick(self, settled: Callable[[int], int]) -> None:
        """Follow the rules, and let time pass in the partitions that are ours.

        *settled* gives, of a partition, the time (epoch ms) up to which all that was observed has
        been processed.
        """
        await self._rules.refresh()
        rules, version = self._rules.rules, self._rules.version
        if not version:
            return
        for partition in self._app.owned(topics.RAW.name):
            async with self._locks[partition]:
                if partition not in self._app.owned(topics.RAW.name):
                    continue
                try:
                    await self._pass_time(partition, rules, settled(partition) - LATENESS_MS)
                    await self._check_log(partition, rules)
                    if self._compared.get(partition) != version:
                        await self._rearm(partition, rules)
                        self._compared[partition] = version
                except BaseException:
                    self._waiting.pop(partition, None)
                    raise

    def forget(self) -> None:
        """Partitions were revoked: those that come back are read again."""
        self._waiting.clear()
        self._compared.clear()
        self._expected.clear()
        self._short.clear()
        self._is_behind = True

    async def _pass_time(self, partition: int, rules: RuleSet, now: int) -> None:
        engine = await self._engine(partition, rules)
        engine.pass_time(now)
        await self._store(partition, engine, None)

    async def _rearm(self, partition: int, rules: RuleSet) -> None:
        engine = await self._engine(partition, rules)
        now = self._clock()
        for number, (_, key, _) in enumerate(self._table.of_partitions({partition}), 1):
            if key != WATERMARK:
                engine.rearm(key.decode(), now)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        await self._store(partition, engine, None)

    async def _engine(self, partition: int, rules: RuleSet) -> Engine:
        waiting = self._waiting.get(partition)
        if waiting is None:
            waiting = await self._index(partition)
            self._waiting[partition] = waiting
            self._expected.setdefault(partition, waiting.sent)

        def read(item_id: str) -> ItemAlerts | None:
            value = self._table.read(partition, item_id.encode())
            return None if value is None else state.decode(value)

        return Engine(rules, read, waiting, self._known_ms, self._clock())

    async def _index(self, partition: int) -> Waiting:
        """The waiting items of a partition that has just become ours."""
        stood = state.decode_progress(self._table.read(partition, WATERMARK))
        waiting = Waiting(stood.watermark, stood.sent)
        for number, (_, key, value) in enumerate(self._table.of_partitions({partition}), 1):
            if key != WATERMARK:
                waiting.note(key.decode(), state.decode(value))
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        return waiting

    async def _store(self, partition: int, engine: Engine, before: int | None) -> None:
        """Store steps before states of rules: a durable state implies durable steps."""
        outcome, waiting = engine.outcome, self._waiting[partition]
        # Where no rule has anything to remember, nothing is kept.
        values: dict[bytes, bytes | None] = {
            item_id.encode(): state.encode(item) if item.machines else None
            for item_id, item in outcome.items.items()
        }
        moved = before is not None and waiting.watermark > before
        if outcome.steps:
            await self._send_steps(partition, engine, waiting)
        if outcome.steps or (moved and (values or len(waiting))):
            values[WATERMARK] = state.encode_progress(waiting.watermark, waiting.sent)
        if values:
            await self._table.write(partition, values, self._app.outbox())

    async def _send_steps(self, partition: int, engine: Engine, waiting: Waiting) -> None:
        steps = engine.outcome.steps
        first, last = await self._send(partition, steps)
        for step in steps:
            self._metrics.alerts.labels(step.step).inc()
        # The offset is -1 where a broker only knows that it has the records already.
        if 0 <= first <= waiting.sent:
            waiting.sent = last
            await self._send_again(partition, engine, waiting)
        waiting.sent = max(waiting.sent, last)

    async def _send(self, partition: int, steps: Sequence[Step]) -> tuple[int, int]:
        """Append *steps*; the offsets of the first and the last of them."""
        outbox = self._app.outbox()
        for step in steps:
            key = step.item_id.encode()
            outbox.add(topics.ALERTS.name, key, encode_step(step), partition=partition)
        offsets = (await outbox.flush())[topics.ALERTS.name, partition]
        return offsets[0], max(offsets)

    # -- a topic of alerts that lost its end

    async def _check_log(self, partition: int, rules: RuleSet) -> None:
        """Find out whether the topic still has what was sent before *partition* became ours.

        A log that is too short counts when it is so at two looks: a new leader may learn a little
        later than its followers how far the log goes.
        """
        waiting, expected = self._waiting.get(partition), self._expected.get(partition, -1)
        end = self._app.consumer.log_end(TP(topics.ALERTS.name, partition))
        if waiting is None or expected < 0 or end is None:
            return
        if end <= expected and partition not in self._short:
            self._short.add(partition)
            return
        self._short.discard(partition)
        self._expected[partition] = -1
        # A later step may have shown it already.
        if end <= expected == waiting.sent:
            engine = await self._engine(partition, rules)
            waiting.sent = end - 1
            await self._send_again(partition, engine, waiting)
            value = state.encode_progress(waiting.watermark, waiting.sent)
            await self._table.write(partition, {WATERMARK: value}, self._app.outbox())

    async def _send_again(self, partition: int, engine: Engine, waiting: Waiting) -> None:
        """Send the last alert of each rule and item once more: some may not have been stored."""
        name = topics.ALERTS.name
        logger.error(
            "%s-%d lost its end: the last alert of each rule and item is sent once more; "
            "earlier ones are lost if they were not stored yet",
            *(name, partition),
        )
        self._app.log_fault(name, CUT, 1)
        since, steps = self._clock() - SENT_AGAIN_MS, list[Step]()
        for number, (_, key, _) in enumerate(self._table.of_partitions({partition}), 1):
            if key != WATERMARK:
                steps += engine.last_alerts(key.decode(), since)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        if steps:
            _, last = await self._send(partition, steps)
            waiting.sent = max(waiting.sent, last)


class Watch:
    """A batch under the rules."""

    def __init__(self, rules: RuleSet, engine: Engine, known_ms: int, partition: int) -> None:
        self._rules = rules
        self._known_ms = known_ms
        self.engine = engine
        self.partition = partition
        self.watermark = engine.watermark
        # Items of which a price is near what a rule waits for.
        self.near: set[str] = set()

    @property
    def follow(self) -> Follow | None:
        """The function to call with each observation; ``None`` where there are no rules."""
        return self._look if self._rules else None

    def _look(self, entry: Entry, item: ItemState) -> None:
        observation, source = entry
        item_id, at = observation.item_id, observation.observed_at
        rules = self._rules.of(item_id)
        if not rules:
            if self._rules.has_tags:
                self.engine.leave(item_id, at, source)
            self.engine.look(Look(at))
            return
        facts = facts_of(observation, item, self._known_ms)
        (self.near.add if is_near(rules, facts) else self.near.discard)(item_id)
        self.engine.look(Look(at, facts, source))
