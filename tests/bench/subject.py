"""The subjects: how each is started and what it promises."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.given import RAW, Given
from tests.bench.job import RULES
from walmart_stream.local.kafka import missing_tools
from walmart_stream.runtime.memory import LARGEST_KEPT, MOST_KEPT

ROOT = Path(__file__).resolve().parents[2]
FAUST = (str(Path(sys.executable).with_name("faust")), "-A", "walmart_stream.app", "worker")

# Changelogs, as this program and Quix name them.
STATES = "{group}-offers-changelog"
WINDOWS = "{group}-price-windows-changelog"
QUIX_STORE = f"changelog__{{group}}--{RAW}--default"
QUIX_WINDOWS = f"changelog__{{group}}--{RAW}--tumbling_window_{RULES.window_ms}"

# What this program does for itself, see keep_freed_memory.
KEEP_FREED_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(LARGEST_KEPT),
    "MALLOC_TRIM_THRESHOLD_": str(MOST_KEPT),
}

PEERS_PYTHON = str(ROOT / ".venv-bench" / "bin" / "python")


@dataclass(frozen=True)
class Subject:
    """One program that does the job.

    *promise*: what a crash can cost. *share*: of the observations that the others get, for slow
    ones. *commits*: whether it commits its offsets to Kafka. *stores*: the changelogs of its state.
    *checked*: the parts of the answer that can be found. *database*: whether it stores the
    results, too. *java*: whether it needs Java and Maven. *settings*: further environment.
    """

    name: str
    title: str
    promise: str
    command: Sequence[str]
    share: float = 1.0
    commits: bool = True
    stores: Sequence[str] = (STATES, WINDOWS)
    checked: Sequence[str] = ("results", "states", "windows")
    database: bool = False
    java: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    def changelogs(self, group: str) -> tuple[str, ...]:
        """The names of its stores' topics in *group*."""
        return tuple(store.format(group=group) for store in self.stores)

    @property
    def ours(self) -> bool:
        """Whether it is this program."""
        return self.command == FAUST

    def missing(self) -> str | None:
        """Why it cannot run here, or ``None`` if it can."""
        if self.command[0] == PEERS_PYTHON and not Path(PEERS_PYTHON).is_file():
            return f"{PEERS_PYTHON} is missing: `make bench` installs it"
        return missing_tools() if self.java else None

    def environment(self, given: Given, program: Mapping[str, str]) -> dict[str, str]:
        """Variables of its process; *program*: the settings of this program."""
        return {**program, **given.environment(), "PYTHONPATH": str(ROOT), **self.settings}


def _main(module: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"tests.bench.subjects.{module}")


def _peer(module: str) -> tuple[str, ...]:
    return (PEERS_PYTHON, "-m", f"tests.bench.subjects.{module}")


OURS = Subject(
    "walmart-stream",
    "walmart-stream, memory",
    "exactly once in effect",
    FAUST,
)
AIOKAFKA = Subject(
    "aiokafka",
    "aiokafka loop",
    "at least once; a state can be ahead of its results",
    _main("aiokafka_loop"),
    settings=KEEP_FREED_MEMORY,
)
NAIVE = Subject(
    "faust-naive",
    "Faust, event by event",
    "a crash can lose results",
    _main("naive_faust"),
    share=0.1,
)

SUBJECTS = {
    subject.name: subject
    for subject in (
        OURS,
        Subject(
            "walmart-stream-rocksdb",
            "walmart-stream, RocksDB",
            OURS.promise,
            FAUST,
            settings={"STORE": "rocksdb"},
        ),
        Subject(
            "walmart-stream-both",
            "walmart-stream, with MongoDB",
            OURS.promise,
            FAUST,
            database=True,
        ),
        AIOKAFKA,
        Subject(
            "aiokafka-batches",
            "aiokafka loop, own batches",
            AIOKAFKA.promise,
            (*AIOKAFKA.command, "own-batches"),
            settings=KEEP_FREED_MEMORY,
        ),
        Subject(
            "confluent",
            "confluent-kafka loop",
            "at least once; a state can be ahead of its results",
            _peer("confluent_loop"),
            settings=KEEP_FREED_MEMORY,
        ),
        Subject(
            "quix",
            "Quix Streams, state",
            "at least once",
            _peer("quix_state"),
            settings=KEEP_FREED_MEMORY,
            stores=(QUIX_STORE,),
        ),
        Subject(
            "quix-windows",
            "Quix Streams, its windows",
            "at least once",
            _peer("quix_windows"),
            settings=KEEP_FREED_MEMORY,
            share=0.5,
            stores=(QUIX_STORE, QUIX_WINDOWS),
            checked=("results", "states"),
        ),
        Subject(
            "bytewax",
            "bytewax",
            "at least once; states in local SQLite only",
            _peer("bytewax_flow"),
            settings=KEEP_FREED_MEMORY,
            commits=False,
            stores=(),
            checked=("results",),
        ),
        Subject(
            "kafka-streams",
            "Kafka Streams (Java)",
            "at least once",
            _main("kafka_streams"),
            java=True,
        ),
        NAIVE,
    )
}
