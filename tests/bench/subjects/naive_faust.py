"""Faust as its tutorial shows it: one event after the other, a table, a topic, nothing tuned.

Results are awaited until they are in the producer's buffer, the table's changelog is sent in the
background, and offsets are committed by time: a crash can lose results and leave the state ahead.
"""

from __future__ import annotations

import sys
from typing import Any

import faust

from tests.bench.given import PARTITIONS, RAW, RESULTS, given
from tests.bench.job import entry, step


def make_app() -> faust.App:
    """Told by the environment."""
    told = given()
    app = faust.App(
        told.group,
        broker=f"kafka://{told.brokers}",
        datadir=str(told.folder / "faust"),
        store="memory://",
        topic_partitions=PARTITIONS,
        topic_allow_declare=False,
        topic_disable_leader=True,
        broker_session_timeout=told.session,
        broker_rebalance_timeout=told.session,
        broker_heartbeat_interval=told.session / 3,
        broker_request_timeout=max(90, 2 * told.session),
        web_enabled=False,
    )
    options: dict[str, Any] = {
        "key_type": bytes,
        "key_serializer": "raw",
        "value_type": bytes,
        "value_serializer": "raw",
        "partitions": PARTITIONS,
    }
    source = app.topic(RAW, **options)
    target = app.topic(RESULTS, **options)
    typed: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "partitions": PARTITIONS}
    states = app.Table("offers", **typed)
    windows = app.Table("price-windows", **typed)

    @app.agent(source)
    async def process(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            seen = entry(message.partition, message.offset, message.key, message.value)
            new, results, rows = step(states.get(message.key), seen, windows.get)
            for result in results:
                await target.send(key=message.key, value=result)
            for window, row in rows:
                if row is None:
                    windows.pop(window, None)
                else:
                    windows[window] = row
            states[message.key] = new

    return app


if __name__ == "__main__":
    sys.argv = ["naive", "worker", "--loglevel=warn"]
    make_app().main()
