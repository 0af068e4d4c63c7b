"""The floor: what the pure domain costs, with no Kafka and no framework around it."""

from __future__ import annotations

import gc
import time
from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.bench.job import Memory, entry, tune_garbage_collection
from tests.bench.work import Work

# As large as a fetch brings them.
BATCH = 1000


@dataclass(frozen=True)
class Floor:
    """Microseconds of CPU time per observation."""

    read: float
    whole_job: float


def floor(work: Work) -> Floor:
    """One pass over *work*, in this process."""
    gc.collect()
    tune_garbage_collection()
    warm_up, measured = _batches(work)
    memories = {partition: Memory(partition) for partition, _ in (*warm_up, *measured)}
    for partition, batch in warm_up:
        memories[partition].handle(batch)
    began = time.process_time()
    for partition, batch in measured:
        for record in batch:
            entry(partition, *record)
    read = time.process_time() - began
    began = time.process_time()
    for partition, batch in measured:
        memories[partition].handle(batch)
    whole = time.process_time() - began
    return Floor(
        round(read / work.messages * 1e6, 2),
        round(whole / work.messages * 1e6, 2),
    )


Batch = tuple[int, list[tuple[int, bytes, bytes]]]


def _batches(work: Work) -> tuple[list[Batch], list[Batch]]:
    offsets: Counter[int] = Counter()
    cut: list[list[Batch]] = []
    for raws in (work.warm_up, work.measured):
        batches: list[Batch] = []
        open_: defaultdict[int, list[tuple[int, bytes, bytes]]] = defaultdict(list)
        for partition, key, value in raws:
            open_[partition].append((offsets[partition], key, value))
            offsets[partition] += 1
            if len(open_[partition]) == BATCH:
                batches.append((partition, open_.pop(partition)))
        batches.extend(open_.items())
        cut.append(batches)
    return cut[0], cut[1]
