"""The tally of an export: how many rows, from when to when, of which records, with which bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.export.fields import Exported

Document = Mapping[str, Any]


class Tally:
    """Counts documents and bytes as they pass."""

    def __init__(self, kind: Exported) -> None:
        self._time = kind.time
        self._digest = hashlib.sha256()
        self._first: datetime | None = None
        self._last: datetime | None = None
        # Topic -> partition -> lowest and highest offset.
        self._offsets: dict[str, dict[int, tuple[int, int]]] = {}
        self.rows = 0
        self.bytes = 0

    def add(self, documents: Sequence[Document], written: bytes) -> None:
        """*documents*, and bytes *written* of them or of others."""
        self._digest.update(written)
        self.bytes += len(written)
        self.rows += len(documents)
        for document in documents:
            moment = document.get(self._time)
            if moment is not None:
                self._first = moment if self._first is None else min(self._first, moment)
                self._last = moment if self._last is None else max(self._last, moment)
            source = document.get("source")
            if source is not None:
                places = self._offsets.setdefault(source["topic"], {})
                offset = source["offset"]
                low, high = places.get(source["partition"], (offset, offset))
                places[source["partition"]] = min(low, offset), max(high, offset)

    def fields(self) -> dict[str, Any]:
        """Rows, bytes, first and last time, SHA-256 and, by topic and partition, the offsets of
        the records that caused the first and the last of them in the log."""
        return {
            "rows": self.rows,
            "first": None if self._first is None else to_iso(to_ms(self._first)),
            "last": None if self._last is None else to_iso(to_ms(self._last)),
            "offsets": {
                topic: {
                    str(partition): {"first": low, "last": high}
                    for partition, (low, high) in sorted(places.items())
                }
                for topic, places in sorted(self._offsets.items())
            },
            "bytes": self.bytes,
            "sha256": self._digest.hexdigest(),
        }
