"""A worker of the engine's tests: does what the records of its input topic tell it.

Run as ``program.py OUTPUT worker …`` with KAFKA_BROKERS, APP_ID, STORE, DATA_DIR and FLAVOUR
(``engine`` or ``stock``) in the environment. Everything it does is appended to OUTPUT, one JSON
object a line.

A record's value is ``ok``, ``raise``, ``raise-at-end`` (when told to stop) or ``wait PATH`` (until
that file exists). Each one is counted in the table, under its key.
"""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path

import faust
from aiokafka.errors import KafkaError

from walmart_stream.engine.agent import batch_agent, timer
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.watchdog import Watchdog

OUTPUT = Path(sys.argv.pop(1))
FLAVOUR = os.environ["FLAVOUR"]
STORE = os.environ.get("STORE", "memory")
INPUT = "input"
PARTITIONS = 2

_writing = threading.Lock()


def say(**what):
    with _writing, OUTPUT.open("a", encoding="utf-8") as output:
        output.write(json.dumps({"pid": os.getpid(), **what}) + "\n")


async def obey(record):
    command, _, path = record.value.decode().partition(" ")
    if command == "raise":
        say(event="raising", key=record.key.decode())
        raise RuntimeError("as told")
    if command == "raise-at-end":
        say(event="waiting", key=record.key.decode())
        while not app.should_stop:  # noqa: ASYNC110 - nothing sets an Event
            await asyncio.sleep(0.02)
        raise RuntimeError("as told")
    if command == "wait":
        say(event="waiting", key=record.key.decode())
        while not Path(path).exists():  # noqa: ASYNC110, ASYNC240 - the flag is another process's
            await asyncio.sleep(0.02)


# As an unexpected answer of a node leaves aiokafka, while nobody waits for a record.
CLIENT_FAULTS = {
    "group": lambda client: setattr(
        client._coordinator, "_pending_exception", KafkaError("as told")
    ),
    "coordination": lambda client: client._coordinator._coordination_task.cancel(),
}

options = {
    "broker": f"kafka://{os.environ['KAFKA_BROKERS']}",
    "broker_session_timeout": 6,
    "broker_rebalance_timeout": 6,
    "broker_heartbeat_interval": 2,
    "broker_commit_interval": 0.5,
    "consumer_metadata_max_age_ms": 2000,
    "topic_partitions": PARTITIONS,
    "topic_disable_leader": True,
    # Workers with the same address count as one in the map of who has which partition.
    "canonical_url": f"http://worker-{os.getpid()}.test",
    "table_standby_replicas": 0,
    "datadir": os.environ["DATA_DIR"],
    "store": f"{STORE}://",
}


async def prepare():
    say(event="starting")


if FLAVOUR == "engine":
    app = StreamApp(
        os.environ["APP_ID"],
        prepare=prepare,
        max_batch=int(os.environ.get("MAX_BATCH", "2000")),
        log_fault=lambda topic, kind, count: say(event=kind, topic=topic, count=count),
        TableManager="walmart_stream.engine.recovery:FetchTableManager",
        Table="walmart_stream.engine.tables:AwaitedTable",
        **options,
    )
else:
    Path(options["datadir"]).mkdir(parents=True, exist_ok=True)
    app = faust.App(os.environ["APP_ID"], **options)

source = app.topic(
    INPUT,
    key_type=bytes,
    key_serializer="raw",
    value_type=bytes,
    value_serializer="raw",
    partitions=PARTITIONS,
)
table = app.Table("counts", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

if FLAVOUR == "engine":
    table.age = int

    async def handle(batch):
        counts = {}
        for record in batch.records:
            await obey(record)
            known = counts.get(record.key) or table.read(batch.partition, record.key) or b"0"
            counts[record.key] = b"%d" % (int(known) + 1)
        say(event="writing")
        await table.write(batch.partition, counts, app.outbox())
        for record in batch.records:
            say(event="done", key=record.key.decode(), value=record.value.decode())

    if "LONGEST_STALL" in os.environ:
        app.watchdog = Watchdog(app, lambda: (), float(os.environ["LONGEST_STALL"]))

    if "FAILING_CLIENT" in os.environ:
        what, flag = os.environ["FAILING_CLIENT"].split(" ")

        async def fail_client():
            if Path(flag).exists():  # noqa: ASYNC240 - a test's flag
                thread = app.consumer._thread
                thread.thread_loop.call_soon_threadsafe(CLIENT_FAULTS[what], thread._consumer)

        timer(app, 0.1, "failing client", fail_client)

    if "FAILING_TIMER" in os.environ:

        async def fail():
            if Path(os.environ["FAILING_TIMER"]).exists():  # noqa: ASYNC240 - a test's flag
                raise RuntimeError("as told")

        timer(app, 0.1, "failing", fail)

    if "LATE_TIMER" in os.environ:

        async def write_late():
            say(event="ticking")
            while app.producer._producer is not None:  # noqa: ASYNC110 - nothing sets an Event
                await asyncio.sleep(0)
            await table.write(0, {b"late": b"1"}, app.outbox())

        timer(app, 0.1, "late", write_late)

    batch_agent(app, source, "obedient", handle, took=lambda seconds: None)
else:

    @app.agent(source)
    async def obedient(stream):
        async for event in stream.events():
            await obey(event.message)
            table[event.key] = b"%d" % (int(table.get(event.key) or b"0") + 1)
            say(event="done", key=event.key.decode(), value=event.value.decode())


@app.timer(0.2)
async def report():
    if app.rebalancing or not app.tables.actives_ready:
        return
    if FLAVOUR == "engine" and app.unread() is not None:
        say(event="unread", reason=app.unread())
        return
    owned = {tp.partition for tp in app.consumer.assignment() if tp.topic == INPUT}
    if FLAVOUR == "engine":
        stored = {key.decode(): int(value) for _, key, value in table.of_partitions(owned)}
    else:
        stored = {key.decode(): int(value) for key, value in table.items()}
    say(event="ready", partitions=sorted(owned), table=stored)


if __name__ == "__main__":
    app.main()
