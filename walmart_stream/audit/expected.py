"""What the raw topic comes to, recomputed with the pure domain and nothing of the pipeline."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import bson
import orjson

from walmart_stream.domain import events
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import PriceChange, Source, WindowClosed, summarise
from walmart_stream.domain.reading import decode
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.domain.windows import CLOSE_DELAY_MS, Rules
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.kafka.placement import partition_of
from walmart_stream.storage.documents import change_document, offer_document, window_document

# How long after the clock closed a window it may still be on its way to the database.
GRACE_MS = 120_000

# Observations applied in one go; a batch copies each state it touches once.
BATCH = 2000


@dataclass(slots=True)
class Expected:
    """What the log comes to. Documents are BSON by ``_id``.

    ``required`` windows must be stored as they are. ``allowed`` ones are open: the clock may have
    closed them, with these observations or fewer. ``bad`` maps the place (partition, offset) of
    each record that must be a dead letter to a digest of its bytes. ``misplaced`` records stand in
    another partition than their key hashes to; ``pending`` are those of them that have not been
    forwarded to the right one. ``starts`` and ``ends`` are, per partition read, the first offset
    and the one after the last.
    """

    topic: str
    changes: dict[str, bytes] = field(default_factory=dict)
    offers: dict[str, bytes] = field(default_factory=dict)
    required: dict[str, bytes] = field(default_factory=dict)
    allowed: dict[str, bytes] = field(default_factory=dict)
    bad: dict[tuple[int, int], int] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    observations: int = 0
    applied: int = 0
    duplicate: int = 0
    late: int = 0
    silent: int = 0
    misplaced: int = 0
    pending: int = 0

    def is_later(self, topic: object, partition: object, offset: object) -> bool:
        """Whether a record stands after the end of what was read."""
        if topic != self.topic or not isinstance(partition, int) or not isinstance(offset, int):
            return False
        return partition in self.ends and offset >= self.ends[partition]


class Recomputation:
    """Feed it the raw topic, each partition in the order of its offsets; then :meth:`finish`.

    *most_ahead*: see :func:`walmart_stream.domain.time.check_not_ahead`.
    """

    def __init__(self, topic: str, partitions: int, rules: Rules, most_ahead: int) -> None:
        self._partitions = partitions
        self._most_ahead = most_ahead
        self._rules = rules
        self._expected = Expected(topic)
        self._states: dict[str, ItemState] = {}
        self._batch: list[Entry] = []
        self._latest: dict[str, PriceChange] = {}
        self._placed = array("q")
        self._misplaced: dict[int, int] = {}

    def add(
        self,
        partition: int,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        timestamp: int = -1,
    ) -> None:
        """Take the next record of *partition*; *timestamp* is Kafka's (epoch ms), -1 for none."""
        expected = self._expected
        expected.observations += 1
        expected.starts.setdefault(partition, offset)
        expected.ends[partition] = offset + 1
        try:
            observation = decode(key, value)
            check_not_ahead(observation.observed_at, timestamp, self._most_ahead)
        except BadInput:
            expected.bad[partition, offset] = digest_of(key, value)
            return
        assert key is not None
        if partition_of(key, self._partitions) != partition:
            if value is not None and len(value) > MAX_RECORD_BYTES:
                # It cannot be forwarded.
                expected.bad[partition, offset] = digest_of(key, value)
                return
            expected.misplaced += 1
            digest = digest_of(key, value)
            self._misplaced[digest] = self._misplaced.get(digest, 0) + 1
            return
        self._placed.append(digest_of(key, value))
        self._batch.append(Entry(observation, Source(expected.topic, partition, offset)))
        if len(self._batch) >= BATCH:
            self._apply()

    def add_waiting(self, key: bytes | None, value: bytes | None) -> None:
        """Take a record that stands behind a parked partition's end of processing."""
        self._placed.append(digest_of(key, value))

    def finish(self, now_ms: int) -> Expected:
        """What all this comes to, with *now_ms* (epoch ms) deciding which windows have closed."""
        self._apply()
        expected = self._expected
        for digest in self._placed:
            self._misplaced.pop(digest, None)
        expected.pending = sum(self._misplaced.values())
        for change in self._latest.values():
            document = offer_document(_fields(change))
            expected.offers[document["_id"]] = bson.encode(document)
        closed_before = now_ms - self._rules.window_ms - CLOSE_DELAY_MS - GRACE_MS
        for item_id, state in self._states.items():
            for name, offer in state.offers.items():
                closed = summarise(
                    item_id, name, offer.window, offer.offer, offer.observed_at, self._rules
                )
                is_due = closed.start < closed_before
                _add_window(expected.required if is_due else expected.allowed, closed)
        return expected

    def _apply(self) -> None:
        outcome = apply(self._states, self._batch, self._rules)
        self._batch = []
        self._states.update(outcome.states)
        expected = self._expected
        expected.applied += outcome.applied
        expected.duplicate += outcome.duplicate
        expected.late += outcome.late
        expected.silent += outcome.silent
        for event in outcome.events:
            if isinstance(event, PriceChange):
                document = change_document(_fields(event))
                expected.changes[document["_id"]] = bson.encode(document)
                self._latest[f"{event.item_id}:{event.offer}"] = event
            else:
                _add_window(expected.required, event)


def expected_results(
    records: Iterable[tuple[int, int, bytes | None, bytes | None]],
    topic: str,
    partitions: int,
    rules: Rules,
    now_ms: int,
) -> Expected:
    """What *records* (partition, offset, key, value) of the raw topic come to.

    Each partition's records are due in the order of their offsets; partitions may mix.
    """
    recomputation = Recomputation(topic, partitions, rules, most_ahead=0)
    for partition, offset, key, value in records:
        recomputation.add(partition, offset, key, value)
    return recomputation.finish(now_ms)


def digest_of(key: bytes | None, value: bytes | None) -> int:
    # Python's own hash: 64 bits, keyed per process, and nothing outlives the process.
    return hash((key, value))


def _add_window(windows: dict[str, bytes], closed: WindowClosed) -> None:
    document = window_document(_fields(closed))
    known = windows.get(document["_id"])
    # The database keeps the close with more observations. They can become fewer where a rival
    # was forgotten and has come back within the window.
    if known is None or bson.decode(known)["observations"] < document["observations"]:
        windows[document["_id"]] = bson.encode(document)


def _fields(event: events.Event) -> Mapping[str, Any]:
    """The event as the sink reads it from the results topic."""
    fields: Mapping[str, Any] = orjson.loads(events.encode(event))
    return fields
