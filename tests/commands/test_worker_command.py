"""The worker command: its help, its port, and the folder that it runs in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.hang import DEADLINE
from walmart_stream.bootstrap import faust_settings, with_options
from walmart_stream.cli import cli
from walmart_stream.local.ports import free_port
from walmart_stream.settings import Settings, SettingsError

SETTINGS = {"KAFKA_BROKERS": "127.0.0.1:1", "MONGODB_URI": "mongodb://127.0.0.1:1"}


def test_help_needs_no_settings() -> None:
    """And shows this program's own words."""
    done = CliRunner().invoke(cli, ["worker", "--help"])

    assert done.exit_code == 0
    assert "--web-port" in done.output
    assert "WEB_PORT" in done.output


@pytest.mark.parametrize("options", [["--web-port", "7001"], ["--web-port=7001"], ["-p", "7001"]])
def test_a_port_given_to_faust_is_the_workers_own(
    options: list[str], make_unreachable_settings: Callable[..., Settings]
) -> None:
    """The other workers then ask for this one at an address that it answers to."""
    found = with_options(make_unreachable_settings(), ["worker", *options])

    assert found.web_port == 7001
    assert faust_settings(found)["canonical_url"] == "http://127.0.0.1:7001"
    assert faust_settings(found)["web_host"] == "127.0.0.1"


@pytest.mark.parametrize("port", ["0", "70000", "x", ""])
def test_a_port_that_is_none_is_refused(
    port: str, make_unreachable_settings: Callable[..., Settings]
) -> None:
    """With what would be right."""
    with pytest.raises(SettingsError, match="must be 1–65535"):
        with_options(make_unreachable_settings(), ["--web-port", port])


def test_faust_does_not_run_in_a_folder_that_others_may_write(tmp_path: Path) -> None:
    """It looks for modules there first: a planted one would run with every secret."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)

    done = subprocess.run(
        [Path(sys.executable).with_name("faust"), "-A", "walmart_stream.app", "worker"],
        cwd=folder,
        env={**os.environ, **SETTINGS},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )

    assert done.returncode == 78
    assert "others may change it" in done.stderr
    assert "walmart-stream worker" in done.stderr


def test_a_json_log_is_json_from_its_first_line(tmp_path: Path) -> None:
    """A collector of logs would refuse a banner."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "walmart_stream", "worker", "--web-port", str(free_port())],
        cwd=tmp_path,
        env={**os.environ, **SETTINGS, "LOG_FORMAT": "json"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    lines = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert lines[0]["logger"] == "faust.worker"
    assert lines[-1]["level"] == "critical"
