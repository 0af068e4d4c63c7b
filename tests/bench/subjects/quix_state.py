"""Quix Streams: a stateful function on a streaming dataframe, RocksDB and changelog by Quix.

Tuned: bytes in and out instead of JSON, large fetches and producer batches, a checkpoint every
second: it writes each state that changed once, flushes the producer, and commits. Results can be
in the log without their states and are then made again.
"""

from __future__ import annotations

import time
from typing import Any

from quixstreams import Application, State, message_context
from quixstreams.models import Topic, TopicConfig

from tests.bench.given import PARTITIONS, RAW, RESULTS, Given, given
from tests.bench.job import entry, step, tune_garbage_collection

COMMIT_INTERVAL = 1.0

# Under the key of the message; windows have keys of their own.
STATE = b"s"


def make_application(told: Given) -> Application:
    """With settings that are good for the job."""
    session = int(told.session * 1000)
    return Application(
        broker_address=told.brokers,
        consumer_group=told.group,
        auto_offset_reset="earliest",
        state_dir=told.folder / "state",
        commit_interval=COMMIT_INTERVAL,
        loglevel="WARNING",
        consumer_extra_config={
            "session.timeout.ms": session,
            "heartbeat.interval.ms": session // 3,
            # Also the rebalance timeout, half of which the embedded broker waits at each join.
            "max.poll.interval.ms": session,
            "fetch.message.max.bytes": 4 * 1024 * 1024,
            "fetch.max.bytes": 16 * 1024 * 1024,
            "queued.max.messages.kbytes": 64 * 1024,
        },
        producer_extra_config={
            "acks": "all",
            "linger.ms": 5,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 500_000,
        },
    )


def topics(app: Application) -> tuple[Topic, Topic]:
    """Observations and results."""
    config = TopicConfig(num_partitions=PARTITIONS, replication_factor=1)
    return (
        app.topic(RAW, key_deserializer="bytes", value_deserializer="bytes", config=config),
        app.topic(RESULTS, key_serializer="bytes", value_serializer="bytes", config=config),
    )


def main() -> None:
    """Run until killed."""
    told = given()
    app = make_application(told)
    source, target = topics(app)
    done = 0

    def process(
        value: bytes, key: bytes, timestamp: int, headers: Any, state: State
    ) -> list[bytes]:
        nonlocal done
        context = message_context()
        seen = entry(context.partition, context.offset, key, value)
        new, results, windows = step(state.get_bytes(STATE), seen, state.get_bytes)
        state.set_bytes(STATE, new)
        for window, row in windows:
            if row is None:
                state.delete(window)
            else:
                state.set_bytes(window, row)
        done += 1
        if done == told.total:
            # Nobody has to wait for the last checkpoint.
            app.stop()
        return results

    app.dataframe(source).apply(process, stateful=True, metadata=True, expand=True).to_topic(target)
    tune_garbage_collection()
    app.run()
    time.sleep(told.session)


if __name__ == "__main__":
    main()
