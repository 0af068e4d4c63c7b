"""A producer beside the poll timer: a steady rate of observations, and what the broker took."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from tests.pipeline.observations import bad_records
from walmart_stream import topics
from walmart_stream.audit import partition_of
from walmart_stream.domain.time import to_iso

# No item of a sandbox's catalogue has an id in this range.
FIRST_ITEM = 88_000_000_000

TICK = 0.05

# How often bad input comes (seconds).
POISON_INTERVAL = 1.0

# Records under way when the broker stands still; what would come on top is not sent.
MAX_UNDER_WAY = 2000


class Traffic:
    """Observations of *items* items at *rate* a second, from a seed, and a bad record a second.

    ``acknowledged`` is what the broker has taken: partition -> offset -> hash of key and value.
    What it refused, or did not answer for, may be in the log or not.
    """

    def __init__(
        self, bootstrap: Iterable[str], partitions: int, *, items: int, rate: float, seed: int
    ) -> None:
        self._bootstrap = list(bootstrap)
        self._partitions = partitions
        self._rate = rate
        self._rng = random.Random(seed)
        self._items = [str(FIRST_ITEM + 7 * number) for number in range(items)]
        self._last: dict[str, tuple[int, dict[str, Any]]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self._bad = self._poison()
        self.acknowledged: dict[int, dict[int, int]] = {p: {} for p in range(partitions)}
        self.unacknowledged = 0
        #: Acknowledged once more at an offset that had been acknowledged: the log had been cut.
        self.replaced = 0
        self.poisoned = 0

    @property
    def ends(self) -> dict[int, int]:
        """Partition -> the offset after the last acknowledged record."""
        return {p: max(offsets) + 1 for p, offsets in self.acknowledged.items() if offsets}

    async def run(self, stop: asyncio.Event) -> None:
        """Produce until *stop* is set, and then until everything is answered."""
        producer: AIOKafkaProducer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", max_request_size=4 * 1024 * 1024
        )
        await producer.start()
        try:
            started = time.monotonic()
            sent, poisoned = 0, 0
            while not stop.is_set():
                elapsed = time.monotonic() - started
                while sent < elapsed * self._rate:
                    sent += 1
                    self._send(producer, *self._observation())
                while poisoned < elapsed / POISON_INTERVAL:
                    poisoned += 1
                    self._send(producer, *next(self._bad))
                    self.poisoned += 1
                await asyncio.sleep(TICK)
            while self._under_way:
                await asyncio.wait(self._under_way)
        finally:
            await producer.stop()

    def _send(
        self, producer: AIOKafkaProducer, key: bytes | None, value: bytes | None, partition: int
    ) -> None:
        if len(self._under_way) >= MAX_UNDER_WAY:
            return
        task = asyncio.create_task(self._produce(producer, key, value, partition))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _produce(
        self, producer: AIOKafkaProducer, key: bytes | None, value: bytes | None, partition: int
    ) -> None:
        try:
            taken = await producer.send_and_wait(
                topics.RAW.name, value, key=key, partition=partition
            )
        except KafkaError:
            self.unacknowledged += 1
        else:
            offsets = self.acknowledged[partition]
            self.replaced += taken.offset in offsets
            offsets[taken.offset] = hash((key, value))

    def _observation(self) -> tuple[bytes, bytes, int]:
        """An observation of now; one in twenty is late, or the item's last one once more."""
        rng = self._rng
        item_id = rng.choice(self._items)
        now = time.time_ns() // 1_000_000
        at, fields = self._last.get(item_id, (0, {}))
        luck = rng.random()
        if at and luck < 0.03:
            now = at - rng.randint(1, 30_000)
            fields = {**fields, "salePrice": 0.01}
        elif not at or luck > 0.05:
            now = max(now, at + 1)
            fields = self._moved(item_id, fields)
            self._last[item_id] = now, fields
        else:
            now = at
        value = json.dumps(
            {
                "schema": 1,
                "source": "affiliate",
                "item_id": item_id,
                "observed_at": to_iso(now),
                "request_id": f"{rng.getrandbits(64):x}",
                "payload": fields,
            }
        ).encode()
        key = item_id.encode()
        return key, value, partition_of(key, self._partitions)

    def _moved(self, item_id: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Walmart's next answer about the item: mostly the same as before."""
        rng = self._rng
        moved = fields or {"itemId": int(item_id), "name": f"Kettle {item_id}", "salePrice": 20.0}
        moved = dict(moved)
        luck = rng.random()
        if luck < 0.3:
            moved["salePrice"] = rng.randint(500, 9999) / 100
        elif luck < 0.4:
            moved["standardShipRate"] = rng.choice([0, 5.99, 7.5])
        elif luck < 0.45:
            moved["availableOnline"] = rng.random() < 0.5
        elif luck < 0.5:
            best = {
                "price": rng.randint(500, 9999) / 100,
                "sellerInfo": rng.choice(["Acme", "Tom"]),
            }
            moved["bestMarketplacePrice"] = best
        elif luck < 0.53:
            moved.pop("bestMarketplacePrice", None)
            moved.pop("standardShipRate", None)
        return moved

    def _poison(self) -> Any:
        """Every kind of bad record, over and over; those without key or value are left out."""
        while True:
            for _, bad in bad_records(self._rng):
                if bad.key is not None or bad.value is not None:
                    partition = bad.partition
                    if partition is None and bad.key is not None:
                        partition = partition_of(bad.key, self._partitions)
                    if partition is None:
                        partition = self._rng.randrange(self._partitions)
                    yield bad.key, bad.value, partition % self._partitions
