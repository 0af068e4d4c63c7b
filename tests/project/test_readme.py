"""Every command that README.md shows is run by a test: here, or where the table says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.hang import DEADLINE

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class RunHere:
    """Run in an empty folder that holds *needs*; succeeds, and shows *shows*."""

    shows: str = ""
    needs: tuple[str, ...] = ()
    leaves: str = ""


@dataclass(frozen=True)
class RunElsewhere:
    """Too heavy for here: *test* runs it, and *why* says how."""

    test: str
    why: str


END_TO_END = "tests/end_to_end/test_local.py"
HOW: dict[str, RunHere | RunElsewhere] = {
    "make run": RunElsewhere(END_TO_END, "the command behind it, walmart-stream local"),
    'make run ARGS="--for 60 --workers 2 --items 500 --speed 1000 --json out.json"': RunElsewhere(
        END_TO_END, "the same for 20 seconds, and its summary"
    ),
    "make test": RunElsewhere(".ci/run", "the suite that you are reading"),
    "make install": RunElsewhere(
        ".ci/run", "on a clean clone, before the suite that you are reading"
    ),
    "cp .env.example .env": RunHere(needs=(".env.example",), leaves=".env"),
    ".venv/bin/walmart-stream doctor": RunElsewhere(
        "tests/commands/test_doctor.py", "against real brokers and databases, right and wrong ones"
    ),
    ".venv/bin/walmart-stream topics": RunElsewhere(
        END_TO_END, "the local stack makes its topics so"
    ),
    ".venv/bin/walmart-stream worker": RunElsewhere(END_TO_END, "the local stack's workers"),
}


def commands() -> list[str]:
    """Each command of a console block, without its prompt."""
    blocks = re.findall(r"(?ms)^```(?:console|sh|bash|shell)\n(.*?)^```", README)
    return [
        line.removeprefix("$ ")
        for block in blocks
        for line in block.splitlines()
        if line.startswith("$ ")
    ]


def test_the_table_covers_every_command_and_no_other() -> None:
    """A command that is added to README.md is added here, with how it is run."""
    assert commands() == list(HOW)


def test_blocks_of_commands_hold_nothing_else() -> None:
    """Every line of a console block starts with the prompt, so that none escapes the table."""
    blocks = re.findall(r"(?ms)^```(?:console|sh|bash|shell)\n(.*?)^```", README)

    assert all(line.startswith("$ ") for block in blocks for line in block.splitlines())


@pytest.mark.parametrize(
    ("command", "how"), [(c, how) for c, how in HOW.items() if isinstance(how, RunHere)]
)
def test_a_light_command_does_what_it_says(command: str, how: RunHere, tmp_path: Path) -> None:
    """Run as it stands, with the programs of this environment."""
    for name in how.needs:
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=tmp_path,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert how.shows in done.stdout
    assert (tmp_path / how.leaves).exists()


@pytest.mark.parametrize(
    "test", sorted({how.test for how in HOW.values() if isinstance(how, RunElsewhere)})
)
def test_what_runs_the_heavy_commands_exists(test: str) -> None:
    """The table's reference is to a file of the repository."""
    assert (ROOT / test).is_file()


def test_it_is_read_in_a_minute() -> None:
    """The first page says what this is; settings and commands have pages of their own."""
    assert len(README.split()) <= 600
