"""The whole program, as a newcomer starts it."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.program import DEADLINE, Local

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[type[Local] | object]:
    started: list[Local] = []

    def start(*arguments: str) -> Local:
        local = Local(tmp_path, *arguments)
        started.append(local)
        return local

    yield start
    for local in started:
        if local.process.poll() is None:
            local.process.kill()
            local.process.wait()


def test_a_run_loses_nothing_counts_nothing_twice_and_stores_nothing_wrong(run, tmp_path):
    """MongoDB has exactly what the sandbox served, field by field."""
    local = run("--for", "20", "--workers", "2", "--items", "100", "--json", "out.json")

    code = local.process.wait(DEADLINE)

    assert code == 0, local.output
    figures = json.loads((tmp_path / "out.json").read_text())
    assert figures["changes_served"] > 100
    assert figures["stored"] == figures["changes_served"]
    assert (figures["lost"], figures["duplicated"], figures["wrong"]) == (0, 0, 0)
    assert figures["verified"] is True
    assert local.left_behind() == []


def test_ctrl_c_ends_a_run_cleanly(run, tmp_path):
    """A newcomer sees where to look; Ctrl-C leaves no process, no port and no files."""
    local = run("--items", "20", "--workers", "1")
    url = local.wait_for(r"(http://127\.0\.0\.1:\d+)/api/stats").group(1)
    local.wait_for(r"workers 1/1 .* changes stored +[1-9]")
    with urllib.request.urlopen(f"{url}/api/items") as response:
        items = json.load(response)["items"]

    local.process.send_signal(signal.SIGINT)

    assert local.process.wait(60) == 0
    assert items
    assert local.left_behind() == []
    assert list((tmp_path / "data").iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/livez")


def test_a_killed_run_leaves_no_process_behind(run):
    """Not even kill -9 leaves a broker, a mongod or a worker running."""
    local = run("--items", "20", "--workers", "1")
    local.wait_for(r"workers 1/1")

    local.process.kill()
    local.process.wait()

    deadline = time.monotonic() + 20
    while local.left_behind() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert local.left_behind() == []
