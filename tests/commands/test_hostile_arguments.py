"""Times and places that nobody should give a command: refused in a sentence, before any work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from walmart_stream.cli.root import cli
from walmart_stream.export.file import NotAFile, drafted, manifest_path

# Nothing listens there: whoever asked first would have another exit code, and much later.
NOWHERE = {"KAFKA_BROKERS": "127.0.0.1:1", "MONGODB_URI": "mongodb://127.0.0.1:1/"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("state", "42", "--at"),
        ("history", "42", "--from"),
        ("changes", "--since"),
        ("export", "offers", "--out", "x.csv", "--to"),
        ("report", "--out", "x.html", "--from"),
        ("replay", "--from"),
    ],
)
@pytest.mark.parametrize(
    "time",
    [
        "0840-01-01",
        "1969-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59.999999-23:59",
        "0001-01-01T00:00:00+23:59",
        "10000-01-01",
        "999999999999999999999",
        "2026-02-30",
        "2026-01-01T25:00",
        "-1",
        "NaN",
        "\x1b[31m",
        "",
        "1" * 100_000,
    ],
)
def test_times_that_are_none_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str], time: str
) -> None:
    """With the option's name, and none of the terminal's commands."""
    monkeypatch.chdir(tmp_path)

    done = CliRunner().invoke(cli, [*arguments, time], env=NOWHERE)

    assert done.exit_code == 2, done.output
    assert f"Invalid value for '{arguments[-1]}'" in done.output
    assert "\x1b" not in done.output
    assert list(tmp_path.iterdir()) == []


def looped(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


def piped(path: Path) -> Path:
    os.mkfifo(path)
    return path


def led_to_a_folder(path: Path) -> Path:
    path.symlink_to(path.parent)
    return path


@pytest.mark.parametrize("made", [looped, piped, led_to_a_folder])
def test_what_is_no_file_is_not_replaced(tmp_path: Path, made: object) -> None:
    """A link that leads to itself, a pipe, a link to a folder."""
    assert callable(made)
    path = made(tmp_path / "out.csv")

    with pytest.raises(NotAFile, match=r"out\.csv|is not a file"), drafted(path):
        pass

    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_in_the_manifests_place_leaves_the_older_file(tmp_path: Path) -> None:
    """Nothing is replaced if not both can be."""
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    manifest_path(path).mkdir()

    with drafted(path) as draft:
        draft.write(b"new")
        with pytest.raises(OSError, match=r"manifest\.json"):
            draft.publish({"rows": 1})

    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [path, manifest_path(path)]


# Writes more than it may; the kernel refuses it as it does where the disk is full.
FULL = """
import resource, signal, sys
from pathlib import Path
from walmart_stream.export.file import drafted
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
with drafted(Path(sys.argv[1])) as draft:
    for _ in range(int(sys.argv[2])):
        draft.write(b"x" * 1_000)
    draft.publish({"rows": 1})
"""


@pytest.mark.parametrize("rows", [101, 5_000])
def test_a_full_disk_leaves_the_older_file_and_no_draft(tmp_path: Path, rows: int) -> None:
    """Whether it is noticed while it is written or when it is flushed at the end."""
    path = tmp_path / "out.csv"
    with drafted(path) as draft:
        draft.write(b"old")
        draft.publish({"rows": 1})
    before = manifest_path(path).read_bytes()

    done = subprocess.run([sys.executable, "-c", FULL, path, str(rows)], capture_output=True)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(b"OSError: [Errno 27]")
    assert (path.read_bytes(), manifest_path(path).read_bytes()) == (b"old", before)
    assert sorted(tmp_path.iterdir()) == [path, manifest_path(path)]
