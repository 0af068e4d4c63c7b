"""An exported file is there whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.export.documents import documents
from walmart_stream.export.fields import EXPORTED
from walmart_stream.export.file import NotAFile, drafted, manifest_path
from walmart_stream.export.manifest import Tally


def test_a_file_has_its_name_when_it_is_whole(tmp_path: Path) -> None:
    """Before, nothing of that name is there; afterwards, nothing of another."""
    path = tmp_path / "out.csv"

    with drafted(path) as draft:
        draft.write(b"whole")
        assert not path.exists()
        draft.publish({"rows": 1})

    assert path.read_bytes() == b"whole"
    assert json.loads(manifest_path(path).read_bytes()) == {"rows": 1}
    assert sorted(tmp_path.iterdir()) == [path, manifest_path(path)]


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """The older file with its own manifest, and no draft."""
    path = tmp_path / "out.csv"
    with drafted(path) as draft:
        draft.write(b"old")
        draft.publish({"rows": 1})

    with pytest.raises(KeyboardInterrupt):
        interrupted(path)

    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [path, manifest_path(path)]


def interrupted(path: Path) -> None:
    with drafted(path) as draft:
        draft.write(b"new")
        raise KeyboardInterrupt


KILLED = """
import os, signal, sys
from pathlib import Path
from walmart_stream.export import file

real = os.replace
left = int(sys.argv[2])

def replace(*names):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    real(*names)

os.replace = replace
with file.drafted(Path(sys.argv[1])) as draft:
    draft.write(b"new")
    draft.publish({"rows": 2})
"""


@pytest.mark.parametrize(("renamed", "content"), [(0, b"old"), (1, b"new")])
def test_a_kill_leaves_no_manifest_of_another_file(
    tmp_path: Path, renamed: int, content: bytes
) -> None:
    """Wherever it comes, a manifest is about the file beside it."""
    path = tmp_path / "out.csv"
    with drafted(path) as draft:
        draft.write(b"old")
        draft.publish({"rows": 1})

    done = subprocess.run([sys.executable, "-c", KILLED, path, str(renamed)], check=False)

    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == content
    assert not manifest_path(path).exists()
    assert all(name.suffix == ".part" for name in set(tmp_path.iterdir()) - {path})


FULL = """
import resource, signal, sys
from pathlib import Path
from walmart_stream.export import file

# The kernel refuses what would make the file longer, as of a disk that is full.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with file.drafted(Path(sys.argv[1])) as draft:
        for _ in range(20):
            draft.write(b"x" * 10_000)
        draft.publish({"rows": 2})
except OSError as exc:
    sys.exit(f"not written: {exc.strerror}")
"""


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """The older file and its manifest; the draft takes no room any more."""
    path = tmp_path / "out.csv"
    with drafted(path) as draft:
        draft.write(b"old")
        draft.publish({"rows": 1})

    done = subprocess.run(
        [sys.executable, "-c", FULL, path], check=False, capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr == "not written: File too large\n"
    assert path.read_bytes() == b"old"
    assert sorted(tmp_path.iterdir()) == [path, manifest_path(path)]


def test_a_link_keeps_leading_to_the_file(tmp_path: Path) -> None:
    """The file that it leads to is replaced."""
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")

    with drafted(tmp_path / "link.csv") as draft:
        draft.publish({})

    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").exists()


def test_a_device_is_not_replaced() -> None:
    """As of `--out /dev/null`, by somebody who may do everything."""
    with pytest.raises(NotAFile, match="/dev/null is not a file"), drafted(Path(os.devnull)):
        pass


def test_the_tally_is_of_what_was_written() -> None:
    """Rows and times of the documents, the digest of the bytes, offsets by partition."""
    tally = Tally(EXPORTED["changes"])
    tally.add((), b"header")
    tally.add(documents("changes"), b"rows")

    fields = tally.fields()

    assert fields["rows"] == 5
    assert fields["sha256"] == hashlib.sha256(b"headerrows").hexdigest()
    assert (fields["first"], fields["last"]) == (
        "2027-01-15T08:00:00.000Z",
        "2027-01-15T09:00:00.000Z",
    )
    assert fields["offsets"] == {
        "walmart-competitor-data": {
            "0": {"first": 5, "last": 5},
            "3": {"first": 10, "last": 13},
        }
    }


@pytest.mark.parametrize("place", ["gone/out.csv", "file/out.csv"])
def test_a_folder_that_is_none_is_said_by_the_files_own_name(tmp_path: Path, place: str) -> None:
    """Not by the name of a draft that nobody has asked for."""
    (tmp_path / "file").touch()
    path = tmp_path / place

    with pytest.raises(NotAFile, match=rf"{path} cannot be written: \w+"), drafted(path):
        pass
