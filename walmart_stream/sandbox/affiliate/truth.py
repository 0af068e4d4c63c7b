"""The ground truth: every item that was really served, as served and as the sandbox meant it.

A checker reads it afterwards and compares. Memory stays small because an item
that did not change is shared between records.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import orjson

from walmart_stream.sandbox.affiliate.item_json import ServedItem


@dataclass(frozen=True, slots=True)
class ServedAnswer:
    """An answer that left complete and correct. ``served_at`` is epoch milliseconds."""

    endpoint: str
    correlation_id: str
    served_at: int
    items: tuple[ServedItem, ...]


class Truth:
    """The last *capacity* items served, numbered from 1 in the order they were served."""

    def __init__(self, capacity: int) -> None:
        self._records: deque[tuple[ServedAnswer, ServedItem]] = deque(maxlen=capacity)
        self.last = 0

    @property
    def first(self) -> int:
        """Number of the oldest record still kept; ``last + 1`` if there is none."""
        return self.last - len(self._records) + 1

    def record(self, answer: ServedAnswer) -> None:
        """Adds one record for each item of *answer*."""
        self._records.extend((answer, item) for item in answer.items)
        self.last += len(answer.items)

    def lines(self, after: int, limit: int) -> Iterator[bytes]:
        """Up to *limit* records numbered above *after*, each one line of JSON.

        Keys: ``seq``, ``endpoint``, ``correlation_id``, ``served_at`` (epoch ms), ``item_id``
        (text), ``payload`` (byte for byte as served) and ``offers`` (integer cents).
        """
        start = max(after + 1, self.first)
        skipped = start - self.first
        records = islice(self._records, skipped, skipped + limit)
        for seq, (answer, item) in enumerate(list(records), start):
            yield orjson.dumps(
                {
                    "seq": seq,
                    "endpoint": answer.endpoint,
                    "correlation_id": answer.correlation_id,
                    "served_at": answer.served_at,
                    "item_id": str(item.item_id),
                    "payload": orjson.Fragment(b"".join(item.payload)),
                    "offers": item.listing.reading(),
                },
                option=orjson.OPT_APPEND_NEWLINE,
            )
