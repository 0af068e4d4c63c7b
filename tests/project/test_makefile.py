"""The Makefile's promises, tried with the real make on a copy with stand-in programs."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.hang import DEADLINE

ROOT = Path(__file__).resolve().parents[2]
# The suite itself is run by make, which hands its flags and arguments on to a make inside it.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARGS"}
}

PROGRAM = """#!{python}
import signal, sys, time


def stop(number, frame):
    print("stopped by", signal.Signals(number).name, flush=True)
    sys.exit({code})

signal.signal(signal.SIGINT, stop)
signal.signal(signal.SIGTERM, stop)
print("started with", *sys.argv[1:], flush=True)
while True:
    time.sleep(60)
"""

# Not pty.fork(): a fork of a process with threads, as the suite's are, may stand still for ever.
ON_A_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def clone_with_program(folder: Path, code: int) -> Path:
    """A folder with the Makefile and an environment that counts as installed."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    bin_folder = folder / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    (bin_folder / "python").symlink_to(sys.executable)
    program = bin_folder / "walmart-stream"
    program.write_text(PROGRAM.format(python=sys.executable, code=code))
    program.chmod(0o755)
    (folder / ".venv" / ".locked").touch()
    (folder / ".venv" / ".installed").touch()
    return folder


def keep_output_at_ctrl_c(terminal: int) -> None:
    """Else the terminal may drop what the program says at once in answer to it."""
    attributes = termios.tcgetattr(terminal)
    attributes[3] |= termios.NOFLSH
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def read_until(terminal: int, text: str) -> str:
    """The terminal's content up to *text*; fails at the deadline."""
    seen = ""
    end = time.monotonic() + DEADLINE
    while text not in seen:
        assert time.monotonic() < end, f"{text!r} was not shown, but: {seen!r}"
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096).decode()
    return seen


def show(command: list[str], folder: Path) -> str:
    """The output of *command*; fails if it does."""
    return subprocess.run(
        command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=True
    ).stdout


@pytest.mark.parametrize("code", [0, 3])
def test_ctrl_c_reaches_the_program_and_its_exit_code_is_that_of_make(
    tmp_path: Path, code: int
) -> None:
    """On a terminal, Ctrl-C stops the program cleanly and `make run` ends with 0 only if it did."""
    folder = clone_with_program(tmp_path, code)

    terminal, its_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ON_A_TERMINAL, "make", "run", "ARGS=--workers 2"],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=its_end,
        stdout=its_end,
        stderr=its_end,
    ) as make:
        os.close(its_end)
        # All of it: at Ctrl-C a terminal drops what was not read yet.
        read_until(terminal, "started with local --workers 2")
        keep_output_at_ctrl_c(terminal)
        os.write(terminal, b"\x03")
        read_until(terminal, "stopped by SIGINT")
        status = make.wait(DEADLINE)
    os.close(terminal)

    assert (status == 0) is (code == 0)


def test_a_termination_of_make_reaches_the_program(tmp_path: Path) -> None:
    """Without a terminal (a supervisor), ending make ends the program as well."""
    folder = clone_with_program(tmp_path, 0)

    with subprocess.Popen(
        ["make", "run"],
        cwd=folder,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as make:
        assert make.stdout is not None
        first = make.stdout.readline()
        make.send_signal(signal.SIGTERM)
        rest, _ = make.communicate(timeout=DEADLINE)

    assert first.startswith("started with local")
    assert "stopped by SIGTERM" in rest


def test_help_is_the_default_and_lists_every_command() -> None:
    """`make` alone names each command with one line of description."""
    targets = {
        line.split()[1]
        for line in (ROOT / "Makefile").read_text().splitlines()
        if line.startswith(".PHONY:")
    }

    shown = show(["make"], ROOT)

    listed = {line.split()[1] for line in shown.splitlines() if len(line.split()) > 2}
    assert listed == targets


def test_a_new_lock_renews_the_environment(tmp_path: Path) -> None:
    """The environment is made again when the lock is newer than what was installed from it."""
    folder = clone_with_program(tmp_path, 0)
    plan = ["make", "--dry-run", "test"]
    before = show(plan, folder)
    stamp = (folder / ".venv" / ".locked").stat().st_mtime

    os.utime(folder / "requirements" / "all.lock", (stamp + 10, stamp + 10))
    after = show(plan, folder)

    assert "venv --clear" not in before
    assert "venv --clear" in after
    assert "--require-hashes" in after
