"""Starts and follows :mod:`program` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.hang import DEADLINE

PROGRAM = Path(__file__).with_name("program.py")
INPUT = "input"
PARTITIONS = 2
# As in program.py.
SESSION_TIMEOUT = 6.0


class Worker:
    """One process; ``events`` are what it said so far."""

    def __init__(
        self,
        bootstrap: str,
        folder: Path,
        *,
        flavour: str = "engine",
        store: str = "memory",
        **environment: str,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._output = folder / "events.jsonl"
        self._log = (folder / "log.txt").open("ab")
        environment = {
            **os.environ,
            **environment,
            "KAFKA_BROKERS": bootstrap,
            "APP_ID": "engine-test",
            "DATA_DIR": str(folder / "data"),
            "FLAVOUR": flavour,
            "STORE": store,
        }
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), str(self._output), "worker", "-linfo", "--without-web"],
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def events(self) -> list[dict[str, Any]]:
        if not self._output.exists():
            return []
        # The last line may be half written yet.
        whole, _, _ = self._output.read_text(encoding="utf-8").rpartition("\n")
        said = [json.loads(line) for line in whole.splitlines()]
        return [event for event in said if event["pid"] == self.process.pid]

    def owned(self) -> list[int]:
        """The partitions of its last report."""
        reports = [event for event in self.events if event["event"] == "ready"]
        return reports[-1]["partitions"] if reports else []

    def done(self) -> list[str]:
        """Values of the records that were processed."""
        return [event["value"] for event in self.events if event["event"] == "done"]

    def wait_for(self, what: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """The result of *what* on the events, as soon as that is true."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            found = what(self.events)
            if found:
                return found
            if self.process.poll() is not None:
                raise AssertionError(f"the worker ended with {self.process.returncode}")
            time.sleep(0.05)
        raise AssertionError(f"it did not happen; last: {self.events[-3:]}")

    def wait_ready(self, *partitions: int) -> dict[str, Any]:
        """The first report of owning *partitions* (default: all)."""
        wanted = sorted(partitions or range(PARTITIONS))

        def ready(events: list[dict[str, Any]]) -> Any:
            if events and events[-1].get("partitions") == wanted:
                return events[-1]
            return None

        found: dict[str, Any] = self.wait_for(ready)
        return found

    def wait_event(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.wait_for(
            lambda events: next((event for event in events if event["event"] == name), None)
        )
        return found

    def wait_exit(self) -> int:
        return self.process.wait(DEADLINE)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait(DEADLINE)
        self._log.close()


def stand_still(pid: int) -> None:
    """Stop a process with SIGSTOP, and wait until none of its threads runs any more.

    On a busy machine the others go on until one of them gets a processor and takes the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + DEADLINE
    while any(
        (thread / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "T"
        for thread in Path(f"/proc/{pid}/task").iterdir()
    ):
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.01)


async def create_input(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(INPUT, PARTITIONS, 1),
                NewTopic("engine-test-counts-changelog", PARTITIONS, 1),
            ]
        )
    finally:
        await admin.close()


async def produce(
    bootstrap: str,
    *records: tuple[str, str],
    topic: str = INPUT,
    partition: int | None = 0,
    headers: tuple[tuple[str, bytes], ...] = (),
) -> None:
    """Append (key, value) records, acknowledged; those without a text as value have none."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        sent = [
            await producer.send(
                topic,
                value.encode() or None,
                key=key.encode(),
                partition=partition,
                headers=list(headers),
            )
            for key, value in records
        ]
        for future in sent:
            await future
    finally:
        await producer.stop()


async def committed(bootstrap: str, partition: int = 0) -> int:
    """The group's committed offset of the input, 0 if none."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id="engine-test", enable_auto_commit=False
    )
    await consumer.start()
    try:
        tp = TopicPartition(INPUT, partition)
        consumer.assign([tp])
        return await consumer.committed(tp) or 0
    finally:
        await consumer.stop()
