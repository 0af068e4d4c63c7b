"""The order of a run and its distribution over worker processes.

Long tests come first, so that no process is left alone with one at the end. Tests that share a
server which takes seconds to start stay together in one process.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import pytest

# Seconds, roughly: only their order matters. `@pytest.mark.slow(90)` names its own.
SECONDS = {"slow": 30.0, "real_kafka": 4.0, "integration": 2.0}
SECONDS_OF_A_UNIT_TEST = 0.05
# A pipeline of a test's own takes its time, whatever is looked at.
SECONDS_OF_A_FIXTURE = {"make_node_pipeline": 50.0, "make_pipeline": 25.0}

# Session fixtures that cost more to start once more than tests gain by being distributed. A long
# test that does gain is a group of its own by `@pytest.mark.xdist_group("name")`.
SHARED = {"kafka_node": "kafka-node", "secure_kafka": "secure-kafka", "shop": "browser"}

# The suite waits more than it computes: on two cores, eight processes keep both busy.
PROCESSES_PER_CORE = 4
MOST_PROCESSES = 12
# A long test starts several brokers or workers, and computes more: with eight processes on two slow
# cores some ran into their deadlines.
LONG_PER_CORE = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shuffle",
        type=lambda text: random.SystemRandom().randrange(10**6) if text == "random" else int(text),
        metavar="random|SEED",
        help="random order among tests of equal length; the printed SEED repeats it",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Give a worker process the seed: it parses the arguments again, and chance would differ."""
    node.workerinput["shuffle"] = node.config.option.shuffle


def seed_of(config: pytest.Config) -> int | None:
    """The seed of this run, the same in all its processes."""
    given: dict[str, Any] = getattr(config, "workerinput", {})
    seed: int | None = given.get("shuffle", config.option.shuffle)
    return seed


def pytest_report_header(config: pytest.Config) -> str | None:
    seed = seed_of(config)
    return None if seed is None else f"random order: --shuffle={seed} repeats it"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Number of worker processes for `-n auto`; 0 runs everything in this one.

    Each process imports every selected file, which a few tests do not repay.
    """
    option = config.option
    few = option.keyword or getattr(option, "lf", False) or getattr(option, "stepwise", False)
    folders = [path for path in config.args if "::" not in path and not path.endswith(".py")]
    if few or not folders:
        return 0
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if "not integration" in option.markexpr:
        return cores
    if option.markexpr == "long":
        return min(LONG_PER_CORE * cores, MOST_PROCESSES)
    return min(PROCESSES_PER_CORE * cores, MOST_PROCESSES)


def arrange(items: Sequence[pytest.Item], seed: int | None) -> list[pytest.Item]:
    """*items*, long groups first; groups of equal length, and what is in them, shuffled by *seed*.

    A test that shares nothing is a group of its own. The others have the name of their group at
    the end of their id, by which `--dist loadgroup` keeps them together.
    """
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        name = group(item)
        if name is not None:
            # Where pytest 9.2 keeps it; xdist 3.8 writes to where it was before.
            setattr(item, "_id", f"{item.nodeid}@{name}")  # noqa: B010 - a private name
        groups.setdefault(name or item.nodeid, []).append(item)
    arranged = list(groups.values())
    if seed is not None:
        rng = random.Random(seed)
        rng.shuffle(arranged)
        for members in arranged:
            rng.shuffle(members)
    arranged.sort(key=lambda members: -sum(map(seconds, members)))
    return list(chain.from_iterable(arranged))


def group(item: pytest.Item) -> str | None:
    """Name of the tests that stay in one process with *item*; ``None`` where it can go anywhere."""
    if (mark := item.get_closest_marker("xdist_group")) is not None:
        return str(mark.args[0])
    definitions = getattr(item, "_fixtureinfo").name2fixturedefs  # noqa: B009 - a private name
    for name, label in SHARED.items():
        if name in definitions:
            return label
    if any(_is_of_module(found) for found in definitions.values()):
        return item.nodeid.partition("::")[0]
    return None


def _is_of_module(definitions: Iterable[pytest.FixtureDef[object]]) -> bool:
    # Event loops are pytest-asyncio's, and there is one of each scope whether used or not.
    return any(
        found.scope in {"class", "module", "package"} and not found.argname.startswith("_")
        for found in definitions
    )


def seconds(item: pytest.Item) -> float:
    """Roughly how long *item* takes, by its marks and fixtures."""
    usual = SECONDS_OF_A_UNIT_TEST
    for name, its in SECONDS.items():
        if (mark := item.get_closest_marker(name)) is not None:
            if mark.args:
                return float(mark.args[0])
            usual = max(usual, its)
    fixtures = getattr(item, "fixturenames", ())
    return max(usual, *(its for name, its in SECONDS_OF_A_FIXTURE.items() if name in fixtures), 0.0)
