"""The whole program, as a newcomer starts it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.program import Local
from tests.hang import DEADLINE
from walmart_stream.local.environment import LOCAL_SETTINGS
from walmart_stream.local.ports import free_port
from walmart_stream.settings import read_env_file

pytestmark = [pytest.mark.integration, pytest.mark.slow]


# Of a server that is not there.
QUICK = "serverSelectionTimeoutMS=1000"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[type[Local] | object]:
    started: list[Local] = []

    def start(*arguments: str, **environment: str) -> Local:
        local = Local(tmp_path, *arguments, **environment)
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
    assert figures["calls"] > 0
    assert 0 < figures["changes_seen_share"] <= 1
    assert 0 < figures["unseen_mean_s"] <= figures["unseen_p95_s"]
    assert local.left_behind() == []


def test_ctrl_c_ends_a_run_cleanly(run, tmp_path):
    """A newcomer sees where to look; Ctrl-C leaves no process, no port and no files.

    Nothing that lies in the current folder runs or steers the workers, and commands in a second
    terminal work on the stack.
    """
    planted = tmp_path / "planted"
    (tmp_path / "uvloop.py").write_text(f"open({str(planted)!r}, 'w').close()\n")
    env_file = tmp_path / ".env"
    env_file.write_text("PYTHONPATH=/nowhere\nPYTHONSTARTUP=x\nPOLL_INTERVAL_MIN=2\n")
    port = str(free_port())
    local = run("--items", "20", "--workers", "1", "--port", port)
    url = local.wait_for(r"(http://127\.0\.0\.1:\d+)/api/stats").group(1)
    local.wait_for(r"workers 1/1 .* changes stored +[1-9]")
    with urllib.request.urlopen(f"{url}/api/items") as response:
        items = json.load(response)["items"]
    taken = events_taken(tmp_path, url)
    listed = command(tmp_path, "--local", "watch", "list")
    history = command(tmp_path, "--local", "history", items[0]["item_id"], "--format", "json")
    doctor = command(tmp_path, "--local", "doctor")
    environments = [(process / "environ").read_bytes() for process in local.processes_left_behind()]

    local.process.send_signal(signal.SIGINT)

    assert local.process.wait(DEADLINE) == 0
    assert url.endswith(f":{port}")
    assert taken
    assert len(listed.stdout.split()) == 20
    assert json.loads(history.stdout)
    assert doctor.returncode == 0, doctor.stdout
    assert not planted.exists()
    assert not any(b"/nowhere" in environment for environment in environments)
    # Neither the broker nor the database has any use for a secret.
    assert sum(b"WALMART_CLIENT_SECRET" in environment for environment in environments) == 1
    assert command(tmp_path, "--local", "watch", "list").returncode == 1
    assert local.left_behind() == []
    assert list((tmp_path / "data").iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/livez")


def events_taken(folder: Path, url: str) -> float:
    """How many events the worker at *url* has taken, once one has happened at Walmart."""
    settings = read_env_file(folder / "data" / LOCAL_SETTINGS, [])
    body = json.dumps({"event_type": "BUY_BOX_CHANGED"}).encode()
    wanted = urllib.request.Request(
        f"{settings['WALMART_SELLER_URL']}/_sandbox/seller/events",
        body,
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(wanted).close()
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end:
        with urllib.request.urlopen(f"{url}/api/stats") as response:
            counted = json.load(response)["counters"].get("walmart_webhooks_total", {})
        if taken := counted.get("observation", 0) + counted.get("waiting", 0):
            return float(taken)
        time.sleep(0.1)
    return 0.0


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "walmart_stream", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize(
    ("environment", "arguments", "says"),
    [
        ({"KAFKA_BROKERS": "127.0.0.1:1"}, (), "--mix-sandbox"),
        ({"MONGODB_URI": "mongodb://127.0.0.1:1"}, (), "--mix-sandbox"),
        ({}, ("--keep",), "--broker kafka"),
        ({}, ("--json", "/nowhere/out.json"), "cannot be written"),
        ({"DATA_DIR": "/dev/null/data"}, (), "DATA_DIR"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_anything_starts(run, environment, arguments, says):
    """In one sentence that says what would be right; nothing is written anywhere."""
    local = run(*arguments, **environment)

    assert local.process.wait(DEADLINE) == 1
    assert says in local.output
    assert "Traceback" not in local.output


def test_a_database_that_is_away_is_said_at_the_start(run):
    """In seconds, and not after everything else has been waited for."""
    local = run("--mix-sandbox", MONGODB_URI=f"mongodb://127.0.0.1:{free_port()}/?{QUICK}")

    assert local.process.wait(DEADLINE) == 1
    assert "MONGODB_URI cannot be used" in local.output


def test_a_killed_run_leaves_no_process_behind(run):
    """Not even kill -9 leaves a broker, a mongod or a worker running."""
    local = run("--items", "20", "--workers", "1")
    local.wait_for(r"workers 1/1")

    local.process.kill()
    local.process.wait()

    deadline = time.monotonic() + DEADLINE
    while local.left_behind() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert local.left_behind() == []


def test_a_run_ends_in_words_when_its_broker_has_grown_to_the_limit(run):
    """The embedded broker keeps all that it is sent in memory, which others need, too."""
    local = run("--broker-mb", "1", "--workers", "1", "--items", "2")

    assert local.process.wait(DEADLINE) == 0, local.output
    assert "the embedded broker has grown to" in local.output
    assert "--broker-mb allows more" in local.output
    assert local.left_behind() == []
