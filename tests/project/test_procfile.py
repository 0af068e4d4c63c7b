"""The Procfile, run by the shell as a platform would, with a stand-in program."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
)


def run(process: str, folder: Path, environment: dict[str, str]) -> str:
    """The arguments of the stand-in for walmart-stream."""
    program = folder / "walmart-stream"
    program.write_text('#!/bin/sh\necho "$@ on ${WEB_PORT:-no port}"\n')
    program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.defpath}"
    return subprocess.run(
        ["bash", "-c", COMMANDS[process]],
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.mark.parametrize(
    ("environment", "port"),
    [({"PORT": "5001"}, "5001"), ({"WEB_PORT": "7000"}, "7000"), ({}, "6066")],
)
def test_a_worker_listens_on_the_port_that_the_platform_gives(
    tmp_path: Path, environment: dict[str, str], port: str
) -> None:
    """PORT is the platform's word for WEB_PORT."""
    assert run("worker", tmp_path, environment) == f"worker on {port}"


def test_topics_and_indexes_are_made_at_release(tmp_path: Path) -> None:
    """Before the first worker of a new version starts."""
    assert run("release", tmp_path, {}) == "topics on no port"
