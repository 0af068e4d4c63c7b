"""The seller's items: which item id a SKU has, and the events that wait for one.

All of it is in partition 0 of its table, since the seller's catalogue is one list, read by one
worker: the owner of that partition. What any worker learns, and events that name a SKU only, come
to it through the topic of news, so that a table has one writer and no event waits in memory.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from walmart_stream import topics
from walmart_stream.agents.dead_letters import DeadLetters, add_refused
from walmart_stream.agents.known_ids import (
    EVENT,
    GTIN,
    SKU,
    Known,
    better,
    decode_known,
    encode_known,
    sku_key,
)
from walmart_stream.domain.errors import BadInput, KeyFault, TooLarge, Unprocessable, WrongShape
from walmart_stream.domain.reading import observation
from walmart_stream.domain.reading.sent import read_message
from walmart_stream.engine.agent import Batch
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.engine.tables import AwaitedTable
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.metrics import Metrics
from walmart_stream.walmart.seller.events import MOST_VALUES, UnknownItem, read_event

logger = logging.getLogger(__name__)

PARTITION = 0
WEBHOOK = "webhook"

# How long an event waits for its item id: a buy-box report, which names all of them, comes sooner.
LONGEST_WAIT_MS = 86_400_000


# Characters of an event's id, which stands in the observation beside the event itself. Walmart's
# are UUIDs; without a limit an event of half a record would make an observation of a whole one.
LONGEST_EVENT_ID = 200


class OwnItems:
    """One worker's hold of the table; only the owner of its partition may ask and tell.

    *clock* gives epoch milliseconds.
    """

    def __init__(
        self,
        app: StreamApp,
        table: AwaitedTable,
        metrics: Metrics,
        letters: DeadLetters,
        clock: Callable[[], int],
    ) -> None:
        self._app = app
        self._table = table
        self._metrics = metrics
        self._letters = letters
        self._clock = clock
        # The agent and the poll timer both read, decide and write.
        self._lock = asyncio.Lock()
        # SKU -> table keys of the events that wait for its item id; None: not looked for yet.
        self._waiting: dict[bytes, set[bytes]] | None = None

    @property
    def is_ours(self) -> bool:
        """Whether this worker owns the table's partition now."""
        return PARTITION in self._app.owned(topics.RAW.name)

    @property
    def waiting(self) -> int:
        """Events that wait for an item id."""
        return sum(map(len, (self._waiting or {}).values()))

    def forget(self) -> None:
        """Partitions were revoked."""
        self._waiting = None

    def item_of(self, key: bytes | None) -> Known | None:
        """The facts known under a :func:`sku_key` or :func:`gtin_key`."""
        value = None if key is None else self._table.read(PARTITION, key)
        return None if value is None else decode_known(value)

    def skus(self) -> Iterator[str]:
        """All SKUs with a known item id."""
        for _, key, _ in self._table.of_partitions({PARTITION}):
            if key.startswith(SKU):
                yield key.removeprefix(SKU).decode("utf-8", "surrogatepass")

    def progress(self, name: str) -> dict[str, Any]:
        """The last argument of :meth:`note`."""
        value = self._table.read(PARTITION, b"#" + name.encode())
        found: dict[str, Any] = {} if value is None else orjson.loads(value)
        return found

    async def note(self, name: str, progress: dict[str, Any]) -> None:
        """Remember how far the polling of *name* is, beyond a restart."""
        values = {b"#" + name.encode(): orjson.dumps(progress)}
        await self._table.write(PARTITION, values, self._app.outbox())

    async def learn(self, facts: Iterable[tuple[bytes, Known]]) -> None:
        """Take *facts* into the table, and let go what waited for them."""
        async with self._lock:
            await self._take(facts, self._app.outbox())

    async def give_up(self) -> None:
        """Events that have waited too long become dead letters."""
        async with self._lock:
            oldest = self._clock() - LONGEST_WAIT_MS
            waiting = self._index()
            late = {
                key: found
                for keys in waiting.values()
                for key in keys
                if (found := self._event(key)) is not None and found[0] < oldest
            }
            if not late:
                return
            outbox = self._app.outbox()
            for since, body in late.values():
                error = UnknownItem("the item id of its SKU could not be found out for a day")
                add_refused(outbox, body, "seller", error, since, PARTITION)
                self._metrics.dead_letters.labels("seller").inc()
            await outbox.flush()
            await self._table.write(PARTITION, dict.fromkeys(late), self._app.outbox())
            self._drop(set(late))

    async def handle(self, batch: Batch) -> None:
        """Take a *batch* of news: facts into the table, events to their items or to wait."""
        outbox = self._app.outbox()
        if batch.partition != PARTITION:
            await self._forward(batch, outbox)
            return
        facts: list[tuple[bytes, Known]] = []
        events: list[Any] = []
        for record in batch.records:
            try:
                _check_size(record)
                if record.key is None or not record.key.startswith((SKU, GTIN, EVENT)):
                    raise KeyFault("the key must begin with sku:, gtin: or event:")
                if record.key.startswith(EVENT):
                    self._check(record)
                    events.append(record)
                else:
                    facts.append((record.key, decode_known(record.value or b"")))
            except BadInput as exc:
                self._letters.add(outbox, batch, record, "seller", exc)
            except Exception as exc:
                raise Unprocessable from exc
        async with self._lock:
            await self._take(facts, outbox)
            await self._place(events)

    async def _forward(self, batch: Batch, outbox: Outbox) -> None:
        """Send *batch* to the table's partition, which its writer does not know."""
        for record in batch.records:
            try:
                _check_size(record)
            except BadInput as exc:
                self._letters.add(outbox, batch, record, "seller", exc)
            else:
                outbox.add(
                    batch.topic,
                    record.key,
                    record.value,
                    partition=PARTITION,
                    headers=record.headers,
                )
        await outbox.flush()

    def _check(self, record: Any) -> None:
        event = read_event(record.value or b"", record.timestamp)
        if event.sku is None:
            raise WrongShape("must be an event that names a SKU")

    async def _take(self, facts: Iterable[tuple[bytes, Known]], outbox: Outbox) -> None:
        changed: dict[bytes, Known] = {}
        for key, new in facts:
            old = changed.get(key) or self.item_of(key)
            kept = better(old, new, is_code=key.startswith(GTIN))
            if kept is not None:
                changed[key] = kept
        values = {key: encode_known(known) for key, known in changed.items()}
        await self._table.write(PARTITION, values, outbox)
        waiting = self._index()
        released = [key for name in changed.keys() & waiting.keys() for key in waiting[name]]
        if released:
            await self._release(released)

    async def _place(self, records: Iterable[Any]) -> None:
        """Events whose item is known go to it, all others wait in the table."""
        outbox = self._app.outbox()
        waits: dict[bytes, bytes | None] = {}
        skus: dict[bytes, bytes] = {}
        for record in records:
            event = read_event(record.value, record.timestamp)
            assert event.sku is not None
            name = sku_key(event.sku)
            known = self.item_of(name)
            if known is not None and known.item_id is not None:
                add_event(self._app, outbox, known.item_id, record.value, record.timestamp)
                continue
            # By its content: what comes twice waits once.
            key = EVENT + hashlib.sha256(record.value).hexdigest().encode()
            waits[key] = b"%d %b" % (record.timestamp, record.value)
            skus[key] = name
        await self._table.write(PARTITION, waits, outbox)
        waiting = self._index()
        for key, name in skus.items():
            waiting.setdefault(name, set()).add(key)

    async def _release(self, keys: Iterable[bytes]) -> None:
        outbox = self._app.outbox()
        done = []
        for key in keys:
            found = self._event(key)
            if found is None:
                continue
            since, body = found
            event = read_event(body, since)
            assert event.sku is not None
            known = self.item_of(sku_key(event.sku))
            if known is None or known.item_id is None:
                continue
            add_event(self._app, outbox, known.item_id, body, since)
            done.append(key)
        # The event is safe in the raw topic before it leaves the table.
        await outbox.flush()
        await self._table.write(PARTITION, dict.fromkeys(done), self._app.outbox())
        self._drop(set(done))

    def _event(self, key: bytes) -> tuple[int, bytes] | None:
        """The arrival of a waiting event (epoch ms), and its bytes.

        ``None``: the partition has just become somebody else's, who has the event now.
        """
        value = self._table.read(PARTITION, key)
        if value is None:
            return None
        since, _, body = value.partition(b" ")
        return int(since), body

    def _index(self) -> dict[bytes, set[bytes]]:
        if self._waiting is None:
            found: defaultdict[bytes, set[bytes]] = defaultdict(set)
            for _, key, value in self._table.of_partitions({PARTITION}):
                if key.startswith(EVENT):
                    found[_name_of(value)].add(key)
            self._waiting = dict(found)
        return self._waiting

    def _drop(self, done: set[bytes]) -> None:
        waiting = self._index()
        self._waiting = {name: left for name, keys in waiting.items() if (left := keys - done)}


def _name_of(value: bytes) -> bytes:
    """The :func:`sku_key` that a waiting event waits for."""
    since, _, body = value.partition(b" ")
    try:
        sku = read_event(body, int(since)).sku
    except BadInput:
        # An older release took it. It waits for nothing, until it has waited too long.
        sku = None
    return SKU if sku is None else sku_key(sku)


def _check_size(record: Any) -> None:
    headers = sum(len(name) + len(text or b"") for name, text in record.headers)
    size = len(record.key or b"") + len(record.value or b"") + headers
    if size > MAX_RECORD_BYTES:
        # Compressed, more fits a record than can be written again.
        raise TooLarge(f"{size} bytes, of at most {MAX_RECORD_BYTES}")


def add_event(app: StreamApp, outbox: Outbox, item_id: str, body: bytes, arrived: int) -> None:
    """Put the event in *body*, which is about *item_id*, into *outbox* for the raw topic.

    Its time is its own, and that of its arrival (epoch ms) where it has none. So the same event
    always is the same observation.
    """
    event = read_event(body, arrived)
    request_id = event.event_id
    if request_id is None or len(request_id) > LONGEST_EVENT_ID:
        request_id = hashlib.sha256(body).hexdigest()
    sent = read_message(body, MOST_VALUES)
    value = observation.encode(
        source=WEBHOOK,
        item_id=item_id,
        observed_at=arrived if event.occurred_at is None else event.occurred_at,
        request_id=request_id,
        payload=sent.payload,
        original=sent.original,
    )
    key = item_id.encode()
    outbox.add(topics.RAW.name, key, value, partition=app.partition_of(topics.RAW.name, key))
