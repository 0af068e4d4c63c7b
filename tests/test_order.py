"""The order of a run, tried on a small suite of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.hang import DEADLINE

ROOT = Path(__file__).resolve().parents[1]
SUITE = {
    "conftest.py": """
import pytest
from tests import order
from tests.order import pytest_addoption, pytest_report_header

def pytest_collection_modifyitems(config, items):
    items[:] = order.arrange(items, config.option.shuffle)
    print("groups:", *[order.group(item) or "-" for item in items])

@pytest.fixture(scope="module")
def server():
    pass

@pytest.fixture(scope="session")
def kafka_node():
    pass
""",
    "test_units.py": "".join(f"def test_unit_{number}(): pass\n" for number in range(9)),
    "test_sharing.py": """
def test_shared_1(server): pass
def test_alone(): pass
def test_shared_2(server): pass
def test_of_kafka(kafka_node): pass
""",
    "test_long.py": """
import pytest
@pytest.mark.integration
def test_of_broker(): pass
@pytest.mark.slow
def test_long(): pass
@pytest.mark.slow(90)
def test_longest(): pass
""",
    "pytest.ini": "[pytest]\nmarkers =\n integration\n slow\n xdist_group\n",
}


def run(folder: Path, *arguments: str) -> tuple[list[str], list[str], str]:
    """Names of the tests as they ran, the group of each, and all output."""
    for name, text in SUITE.items():
        (folder / name).write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-vs", *arguments, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(r"::(\w+)\S* PASSED", done.stdout)
    printed = re.findall(r"groups: (.*)$", done.stdout, re.MULTILINE)
    groups = printed[-1].split() if printed else []
    return names, groups, done.stdout


def test_long_tests_come_first_and_tests_with_a_server_stay_together(tmp_path: Path) -> None:
    """A module's server is started in one process only; other tests go anywhere."""
    names, groups, _ = run(tmp_path)

    assert names[:3] == ["test_longest", "test_long", "test_of_broker"]
    group_of = dict(zip(names, groups, strict=False))
    first = names.index("test_shared_1")
    assert names[first + 1] == "test_shared_2"
    assert group_of["test_shared_1"] == group_of["test_shared_2"] == "test_sharing.py"
    assert group_of["test_alone"] == group_of["test_unit_1"] == "-"
    assert group_of["test_of_kafka"] == "kafka-node"


def test_a_printed_seed_repeats_a_random_order(tmp_path: Path) -> None:
    """Random among tests of equal length: the long ones still come first."""
    in_order = re.findall(r"def (test_\w+)", "".join(SUITE.values()))

    names, _, printed = run(tmp_path, "--shuffle=random")
    seed = re.search(r"--shuffle=(\d+)", printed)
    assert seed is not None

    again, _, _ = run(tmp_path, seed[0])

    assert names[0] == "test_longest"
    assert again == names
    assert names != in_order
    assert sorted(names) == sorted(in_order)


def test_worker_processes_keep_tests_with_a_server_together(tmp_path: Path) -> None:
    """Each of two processes runs something, and only one of them starts the module's server."""
    distributed = ("-n2", "--dist=loadgroup", "--no-loadscope-reorder", "-pxdist.plugin")

    _, _, printed = run(tmp_path, *distributed)

    ran = dict(reversed(pair) for pair in re.findall(r"(gw\d)\].* PASSED \S+::(\w+)", printed))
    assert set(ran.values()) == {"gw0", "gw1"}
    assert ran["test_shared_1"] == ran["test_shared_2"]
