"""Numbered records of what was served and sent: the seller side's ground truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import orjson


class Records:
    """The last *capacity* records, numbered from 1 in the order in which they were added."""

    def __init__(self, capacity: int) -> None:
        # As JSON: a fraction of the memory, and later changes of an object cannot reach it.
        self._records: deque[bytes] = deque(maxlen=capacity)
        self._last = 0

    @property
    def first(self) -> int:
        """Number of the oldest record still kept; ``last + 1`` if there is none."""
        return self._last - len(self._records) + 1

    @property
    def last(self) -> int:
        """Number of the newest record; 0 if there was none."""
        return self._last

    def add(self, records: Iterable[dict[str, Any]]) -> None:
        """Adds records, each a JSON object that is not empty."""
        for record in records:
            self._records.append(orjson.dumps(record))
            self._last += 1

    def lines(self, after: int, limit: int) -> Iterator[bytes]:
        """Up to *limit* records numbered above *after*, each a line of JSON with its ``seq``."""
        start = max(after + 1, self.first)
        skipped = start - self.first
        chosen = list(islice(self._records, skipped, skipped + limit))
        for seq, record in enumerate(chosen, start):
            yield b'{"seq":%d,%b\n' % (seq, record[1:])


@dataclass(frozen=True, slots=True)
class Said:
    """The content of an answer about one of the seller's items, or one of the catalogue.

    ``payload`` is the part of the answer, as served; ``reading`` is what the sandbox meant by
    it: any of ``own_price_cents``, ``own_shipping_cents``, ``own_quantity``, ``published``,
    ``winning``, ``buy_box_price_cents``, ``buy_box_shipping_cents``, ``buy_box_seller``;
    absent is what the answer does not speak about. ``sku`` is ``None`` for others' items.
    """

    sku: str | None
    item_id: int
    payload: Any
    reading: dict[str, Any]
