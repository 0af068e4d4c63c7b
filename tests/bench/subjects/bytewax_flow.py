"""bytewax: a stateful flow from Kafka to Kafka, with its own recovery.

It keeps states in SQLite, snapshots of an epoch of a second at a time, and its offsets there, too;
it has no changelog in Kafka and commits nothing. A crash repeats the last epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, NamedTuple

from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import run_main

from tests.bench.given import RAW, RESULTS, given
from tests.bench.job import entry, step, tune_garbage_collection
from walmart_stream.domain.apply import Entry

EPOCH = timedelta(seconds=1)
BATCH = 2000


class Kept(NamedTuple):
    """An item's state, and the rows of its windows."""

    state: bytes | None
    windows: dict[bytes, bytes]


def read(message: Any) -> tuple[str, Entry]:
    """The item's id and what was observed."""
    key, value = message.key, message.value
    return key.decode(), entry(message.partition, message.offset, key, value)


def process(kept: Kept | None, seen: Entry) -> tuple[Kept, Iterable[bytes]]:
    """One observation; the results' values."""
    if kept is None:
        kept = Kept(None, {})
    new, results, rows = step(kept.state, seen, kept.windows.get)
    windows = kept.windows
    if rows:
        renewed = {**windows, **dict(rows)}
        windows = {key: row for key, row in renewed.items() if row is not None}
    return Kept(new, windows), results


def main() -> None:
    """Run until killed."""
    told = given()
    brokers = told.brokers.split(",")
    flow = Dataflow("prices")
    source = KafkaSource(
        brokers,
        [RAW],
        batch_size=BATCH,
        add_config={"fetch.message.max.bytes": str(4 * 1024 * 1024)},
    )
    sink = KafkaSink(
        brokers,
        RESULTS,
        add_config={
            "acks": "all",
            "linger.ms": "5",
            "batch.size": str(512 * 1024),
            "queue.buffering.max.messages": "500000",
            # As everybody else places keys.
            "partitioner": "murmur2_random",
        },
    )
    observations = op.map("read", op.input("raw", flow, source), read)
    results = op.stateful_flat_map("process", observations, process)
    messages = op.map(
        "message", results, lambda result: KafkaSinkMessage(result[0].encode(), result[1])
    )
    op.output("results", messages, sink)
    folder = told.folder / "recovery"
    folder.mkdir()
    init_db_dir(folder, 1)
    tune_garbage_collection()
    run_main(flow, epoch_interval=EPOCH, recovery_config=RecoveryConfig(str(folder)))


if __name__ == "__main__":
    main()
