"""docs/deployment.md against what it speaks of: services, options, folders, figures."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker import compose_file
from tests.docker.compose_file import DOCKER

ROOT = DOCKER.parent
PAGE = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
SCRIPT = DOCKER / "secure" / "prepare.py"
COMPOSE = compose_file.read()
VERBS = {"build", "run", "up", "restart", "exec", "ps", "stop", "start"}


def commands() -> list[list[str]]:
    """The words of each `docker compose` command of a console block, options dropped."""
    blocks = re.findall(r"(?ms)^```console\n(.*?)^```", PAGE)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in line.split("&&")]
    return [shlex.split(part)[2:] for part in parts if part.startswith("docker compose ")]


def test_every_command_names_services_that_there_are() -> None:
    """A service that was renamed must not live on in the page."""
    assert len(commands()) > 15
    for verb, *rest in commands():
        assert verb in VERBS
        words = [word for word in rest if not word.startswith("--")]
        named = words[:1] if verb in ("run", "exec") else words
        assert set(named) <= set(COMPOSE["services"])


def test_every_option_of_prepare_is_one() -> None:
    """As its own help has them."""
    shown = subprocess.run(
        [sys.executable, SCRIPT, "--help"], capture_output=True, text=True, check=True
    ).stdout

    named = set(re.findall(r"prepare (--[a-z-]+)", PAGE))

    assert named == {"--rotate", "--check"}
    assert all(option in shown for option in named)


def test_the_table_of_folders_is_what_is_made(tmp_path: Path) -> None:
    """Each has its row, and no other does."""
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True)

    rows = re.findall(r"(?m)^\| (`[^|]*`) \|", PAGE)

    named = {name for row in rows for name in re.findall(r"`([\w.-]+)/?`", row)}
    assert named == {path.name for path in tmp_path.iterdir()}


def test_the_figures_are_those_of_the_script() -> None:
    """How long certificates live, when they are renewed, and when the check fails."""
    script = runpy.run_path(str(SCRIPT))

    assert f"valid for {script['LEAF_LIFE'].days} days" in PAGE
    assert script["RENEWED_BELOW"] == script["LEAF_LIFE"] * 2 / 3
    assert script["WARNED_BELOW"].days == 7
    assert script["AUTHORITY_LIFE"].days // 365 == 5
    assert script["FORMER_KEPT"] == 5


@pytest.mark.parametrize("name", ["PYTHON_IMAGE", "BROKER_IMAGE", "DATABASE_IMAGE", "DEPLOY_DIR"])
def test_what_the_page_sets_is_asked_for(name: str) -> None:
    """By the compose file."""
    assert name in PAGE
    assert f"${{{name}:" in compose_file.FILE.read_text(encoding="utf-8")
