"""The answer that every subject must come to: nobody may be fast by being wrong.

It is what the pure domain makes of the same observations: how many results there are, their
contents, and the last value of every item and window, as digests that do not depend on order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b

import orjson

from tests.bench.job import Derived, Memory
from tests.bench.observations import Raw
from walmart_stream.agents.result_shape import UPDATE
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

_ITEM_ID = re.compile(rb"[0-9]+")

# As large as a subject's batches; the answer does not depend on it.
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Answer:
    """Counts, and sums of hashes. Of windows only values count: subjects have keys of their own.

    ``documents``: the results that are a document each, of a change or a window.
    """

    results: int
    documents: int
    result_digest: str
    items: int
    state_digest: str
    windows: int
    window_digest: str

    def differs(self, other: Answer, what: Iterable[str]) -> list[str]:
        """The names of what is not the same, of the parts *what*."""
        names = [name for part in what for name in _PARTS[part]]
        return [name for name in names if getattr(self, name) != getattr(other, name)]


_PARTS = {
    "results": ("results", "result_digest"),
    "states": ("items", "state_digest"),
    "windows": ("windows", "window_digest"),
}


def expected(raws: Iterable[Raw]) -> Answer:
    """The results of *raws* by the pure domain."""
    results = _Results()
    states: dict[bytes, bytes | None] = {}
    windows: dict[bytes, bytes | None] = {}
    for _, derived in Domain().derive(raws):
        for _, value in derived.results:
            results.add(_canonical(value))
        states.update(derived.states)
        windows.update(derived.windows)
    return _answer(results, states, windows)


class Domain:
    """The pure domain on all partitions, from the beginning of their logs."""

    def __init__(self) -> None:
        self._memories: dict[int, Memory] = {}
        self._offsets: Counter[int] = Counter()

    def derive(self, raws: Iterable[Raw]) -> Iterator[tuple[int, Derived]]:
        """The results of *raws*, which continue the batch before, by partition."""
        waiting: defaultdict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
        for partition, key, value in raws:
            waiting[partition].append((self._offsets[partition], key, value))
            self._offsets[partition] += 1
            if len(waiting[partition]) == BATCH:
                yield partition, self._handle(partition, waiting.pop(partition))
        for partition, records in waiting.items():
            yield partition, self._handle(partition, records)

    def results(self, raws: Iterable[Raw]) -> list[Raw]:
        """The results of *raws* as records of their topic."""
        return [
            Raw(partition, key, value or b"")
            for partition, derived in self.derive(raws)
            for key, value in derived.results
        ]

    def _handle(self, partition: int, records: list[tuple[int, bytes, bytes]]) -> Derived:
        return self._memories.setdefault(partition, Memory(partition)).handle(records)


async def found(settings: Settings, results: str, stores: Iterable[str]) -> Answer:
    """The content of *results*, and of the changelogs *stores*.

    A changelog's key begins with the item's id. It is of a window if the topic's name says so or
    there is an ``@`` in it; else it is of the item's state.
    """
    digest = _Results()
    async for record in read_topic(settings, results):
        digest.add(_canonical(record.value))
    states: dict[bytes, bytes | None] = {}
    windows: dict[bytes, bytes | None] = {}
    for topic in stores:
        async for record in read_topic(settings, topic):
            key, value = record.key or b"", record.value or None
            if "window" in topic or b"@" in key:
                windows[key] = value
            else:
                states[_ITEM_ID.search(key)[0]] = value  # type: ignore[index]
    return _answer(digest, states, windows)


def _canonical(value: bytes | None) -> bytes:
    """JSON that means the same, written in one way."""
    return orjson.dumps(orjson.loads(value or b"null"), option=orjson.OPT_SORT_KEYS)


def _answer(
    results: _Results, states: dict[bytes, bytes | None], windows: dict[bytes, bytes | None]
) -> Answer:
    state_digest, window_digest = _Digest(), _Digest()
    for key, value in states.items():
        if value is not None:
            state_digest.add(key + value)
    for value in windows.values():
        if value is not None:
            window_digest.add(value)
    return Answer(
        results.count,
        results.documents,
        results.text,
        state_digest.count,
        state_digest.text,
        window_digest.count,
        window_digest.text,
    )


class _Digest:
    """Digest of a multiset of byte strings."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def add(self, value: bytes | None) -> None:
        self.count += 1
        self._sum += int.from_bytes(blake2b(value or b"", digest_size=16).digest(), "big")

    @property
    def text(self) -> str:
        return f"{self._sum % 2**128:032x}"


class _Results(_Digest):
    """Digest of results that counts those that are documents."""

    def __init__(self) -> None:
        super().__init__()
        self.documents = 0

    def add(self, value: bytes | None) -> None:
        super().add(value)
        self.documents += is_document(value or b"null")


def is_document(result: bytes) -> bool:
    """Whether a result is a document of its own: what is new of an offer only changes one."""
    fields = orjson.loads(result) or {}
    return fields.get("type") != UPDATE
