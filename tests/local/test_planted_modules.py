"""Modules in the folder where a command is started do not run, and its files are private."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hang import DEADLINE
from walmart_stream.local.workers import WORKER

PLANTED = ("uvloop", "faust", "click", "orjson", "aiohttp", "secrets", "sitecustomize")
SETTINGS = {"KAFKA_BROKERS": "127.0.0.1:1", "MONGODB_URI": "mongodb://127.0.0.1:1/"}


def test_workers_of_the_local_stack_run_no_module_of_the_folder(tmp_path: Path) -> None:
    """A planted uvloop.py ran with WEB_TOKEN in its environment."""
    for name in PLANTED:
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\n")

    done = subprocess.run(
        [*WORKER, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE
    )

    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "ran").exists()


APP = """
import os
from walmart_stream.app import app
print(oct(os.umask(0)))
"""


@pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("-c", APP), id="faust -A"),
        pytest.param(
            ("-c", "import os; from click.testing import CliRunner; "
             "from walmart_stream.cli.root import cli; CliRunner().invoke(cli, "
             "['acl', '--principal', 'User:x', '--role', 'worker']); print(oct(os.umask(0)))"),
            id="walmart-stream",
        ),
    ],
)  # fmt: skip
def test_files_that_are_made_are_their_owners_alone(tmp_path: Path, command: list[str]) -> None:
    """DATA_DIR with RocksDB's tables was open to every user of the machine."""
    done = subprocess.run(
        [sys.executable, "-P", *command],
        cwd=tmp_path,
        env={**os.environ, **SETTINGS, "DATA_DIR": str(tmp_path)},
        umask=0o022,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )

    assert done.stdout.splitlines()[-1:] == ["0o77"], done.stderr
