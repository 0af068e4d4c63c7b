"""Alert rules at work where observations are applied.

A price change says that an item was seen again only where something changed, and what an alert
waits for is most often that nothing does. So the rules look at every observation, right after it
was applied: steps of alerts go to their topic, then where the rules stand goes to its table, then
the observation's own state to the offers table. A crash between two of these repeats what came
before with the same content.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from walmart_stream import topics
from walmart_stream.agents.alert_rules import AlertRules
from walmart_stream.domain.alerts import state
from walmart_stream.domain.alerts.engine import LATENESS_MS, Engine, Look, Waiting
from walmart_stream.domain.alerts.facts import facts_of
from walmart_stream.domain.alerts.nearness import is_near
from walmart_stream.domain.alerts.rules import RuleSet
from walmart_stream.domain.alerts.state import WATERMARK, ItemAlerts
from walmart_stream.domain.alerts.steps import encode_step
from walmart_stream.domain.apply import Entry, Follow
from walmart_stream.domain.state import ItemState
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.metrics import Metrics

# Items looked at between two turns of the event loop, when a partition is taken over.
CHUNK = 500


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

        def read(item_id: str) -> ItemAlerts | None:
            value = self._table.read(partition, item_id.encode())
            return None if value is None else state.decode(value)

        return Engine(rules, read, waiting, self._known_ms, self._clock())

    async def _index(self, partition: int) -> Waiting:
        """The waiting items of a partition that has just become ours."""
        waiting = Waiting(state.decode_watermark(self._table.read(partition, WATERMARK)))
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
        if before is not None and waiting.watermark > before and (values or len(waiting)):
            values[WATERMARK] = state.encode_watermark(waiting.watermark)
        if outcome.steps:
            outbox = self._app.outbox()
            for step in outcome.steps:
                key = step.item_id.encode()
                outbox.add(topics.ALERTS.name, key, encode_step(step), partition=partition)
            await outbox.flush()
            for step in outcome.steps:
                self._metrics.alerts.labels(step.step).inc()
        if values:
            await self._table.write(partition, values, self._app.outbox())


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
