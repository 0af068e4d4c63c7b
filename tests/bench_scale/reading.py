"""Reading answers that repeat the last one about their item: what the caches save at any size."""

from __future__ import annotations

import time

from tests.chaos.prefilled import observe
from walmart_stream.domain.reading import decode

CHUNK = 1_000
MINUTE_MS = 60_000


def measure(items: int) -> dict[str, float]:
    """Microseconds of CPU for an observation, the first time and then the same answer again."""
    at = time.time_ns() // 1_000_000
    _read(CHUNK, at - MINUTE_MS, 0)  # what the first ones take is not theirs
    first, again = (_read(items, at, turn) for turn in range(2))
    return {"read_first_us": round(first, 2), "read_again_us": round(again, 2)}


def _read(items: int, at: int, turn: int) -> float:
    spent = 0.0
    for start in range(0, items, CHUNK):
        records = [
            _later(observe(number, at), turn) for number in range(start, min(items, start + CHUNK))
        ]
        began = time.process_time()
        for key, value in records:
            decode(key, value)
        spent += time.process_time() - began
    return spent / items * 1e6


def _later(record: tuple[bytes, bytes], turn: int) -> tuple[bytes, bytes]:
    """The same answer, observed *turn* seconds later."""
    key, value = record
    place = value.index(b'"observed_at":"') + len(b'"observed_at":"YYYY-MM-DDTHH:MM:')
    seconds = (int(value[place : place + 2]) + turn) % 60
    return key, value[:place] + f"{seconds:02}".encode() + value[place + 2 :]
