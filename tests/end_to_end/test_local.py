"""The whole program, as a newcomer starts it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

# Starting, forming the group on the embedded broker, settling and stopping come on top of --for.
DEADLINE = 180.0


class Local:
    """A running ``walmart-stream local``; every process it starts carries the same mark."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._mark = f"WALMART_STREAM_TEST={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "walmart_stream", "local", *arguments],
                cwd=folder,
                env={**os.environ, name: value},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.output)
            if found:
                return found
            assert self.process.poll() is None, self.output
            time.sleep(0.05)
        raise AssertionError(self.output)

    def left_behind(self) -> list[str]:
        """Processes that are still there and carry the mark."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self._mark.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:
                continue  # it has ended, or is not ours
        return found


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
    """What the sandbox served is what MongoDB has, field by field."""
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
