""".ci/run on machines that lack something, with stand-ins for the system's programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.hang import DEADLINE

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("awk", "basename", "bash", "cat", "dirname", "grep", "mkdir", "sed", "sort", "timeout")
RECORD = 'echo "$(basename "$0") $*" >>"$CALLS"\n'
CLIENTS = "make .venv-clients/.locked"
TEST = "make test ARGS=--durations=25 --shuffle=random"
TEST_AGAIN = "make test ARGS=-n 0 --lf"
TEST_LONG = "make test-long ARGS=--durations=25 --shuffle=random"
TEST_LONG_AGAIN = "make test-long ARGS=-n 0 --lf"
# What the stand-in of make does besides: a suite that fails first, and then ends with a code.
SUITE_FAILS = """
[ "$*" != "{target} ARGS=-n 0 --lf" ] || exit {again}
[ "$*" = "{target} ARGS=--durations=25 --shuffle=random" ] || exit 0
mkdir -p .pytest_cache/v/cache
cat >.pytest_cache/v/cache/lastfailed <<'END'
{failed}
END
exit 2
"""
COMPLETE = "libcurl.so.4 => /lib/libcurl.so.4 (0x1)"
NO_CURL = "libcurl.so.4 => not found\n\tlibssl.so.3 => not found\n\tlibcrypto.so.3 => not found"


@pytest.fixture(name="clone")
def machine(tmp_path: Path) -> Path:
    """A clone with a mongod in its environment, and `bin` with the stand-ins."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    mongod = tmp_path / ".venv/lib/python3.11/site-packages/fiftyone/db/bin/mongod"
    mongod.parent.mkdir(parents=True)
    mongod.touch()
    (tmp_path / "bin").mkdir()
    return tmp_path


def run(
    clone: Path, *, libraries: str, user: int, browser: bool = True, suite: str = ""
) -> tuple[int, str, list[str]]:
    """Exit code, what was said, and the calls of the stand-ins, in order."""
    programs = {
        **({"chromium": "exit 0\n"} if browser else {}),
        "make": RECORD + suite,
        "apt-get": RECORD,
        "python3": "exit 0\n",
        "id": f"echo {user}\n",
        "ldd": f"cat <<'END'\n\t{libraries}\nEND\n",
    }
    for name, body in programs.items():
        program = clone / "bin" / name
        program.write_text(f"#!/bin/bash\n{body}")
        program.chmod(0o755)
    # Nothing else of this machine is found: it may have what is to be missing.
    for name in TOOLS:
        (clone / "bin" / name).symlink_to(shutil.which(name) or name)
    calls = clone / "calls"
    done = subprocess.run(
        [shutil.which("bash") or "bash", str(clone / ".ci" / "run")],
        env={"PATH": str(clone / "bin"), "CALLS": str(calls)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    return done.returncode, done.stderr, calls.read_text().splitlines()


def test_a_complete_machine_is_left_as_it_is(clone: Path) -> None:
    """Nothing is installed; the suite runs first, then the long tests, style and types."""
    code, _, calls = run(clone, libraries=COMPLETE, user=0)

    assert code == 0
    assert calls == ["make install", CLIENTS, TEST, TEST_LONG, "make lint types"]


def test_root_installs_what_mongod_lacks(clone: Path) -> None:
    """Each missing library becomes its Debian package, before the suite runs."""
    code, _, calls = run(clone, libraries=NO_CURL, user=0)

    assert code == 0
    assert calls[1] == "apt-get update -qq"
    assert calls[2].startswith("apt-get install")
    assert {"libcurl4", "libssl3"} <= set(calls[2].split())
    assert calls[3:5] == [CLIENTS, TEST]


def test_root_installs_a_browser_where_there_is_none(clone: Path) -> None:
    """The pages are looked at in it."""
    code, _, calls = run(clone, libraries=COMPLETE, user=0, browser=False)

    assert code == 0
    assert calls[2].startswith("apt-get install")
    assert calls[2].endswith(" chromium")
    assert calls[3:5] == [CLIENTS, TEST]


def test_without_a_browser_others_run_everything_else(clone: Path) -> None:
    """Its tests are skipped, and say why."""
    code, _, calls = run(clone, libraries=COMPLETE, user=1000, browser=False)

    assert code == 0
    assert calls == ["make install", CLIENTS, TEST, TEST_LONG, "make lint types"]


def test_others_are_told_what_to_install(clone: Path) -> None:
    """Without root it ends, naming the packages."""
    code, said, calls = run(clone, libraries=NO_CURL, user=1000)

    assert code == 1
    assert "libcurl4" in said
    assert calls == ["make install"]


def test_a_library_of_no_known_package_is_named(clone: Path) -> None:
    """It does not go on with a database that cannot start."""
    code, said, calls = run(clone, libraries="libnew.so.9 => not found", user=0)

    assert code != 0
    assert "libnew.so.9" in said
    assert calls == ["make install"]


def failing(count: int, again: int, target: str = "test") -> str:
    """A suite of which *count* tests fail, and whose next runs have the exit code *again*."""
    names = [f"tests/test_it.py::test_{number}[a@b]@shared" for number in range(count)]
    failed = ",\n".join(f'  "{name}": true' for name in names)
    return SUITE_FAILS.format(target=target, again=again, failed=f"{{\n{failed}\n}}")


def test_a_few_that_fail_beside_others_are_run_again(clone: Path) -> None:
    """Where they pass by themselves, the run goes on and names them."""
    code, said, calls = run(clone, libraries=COMPLETE, user=0, suite=failing(2, again=0))

    assert code == 0
    assert calls == ["make install", CLIENTS, TEST, TEST_AGAIN, TEST_LONG, "make lint types"]
    assert "tests/test_it.py::test_0" in said
    assert "tests/test_it.py::test_1" in said
    left = (clone / ".pytest_cache/v/cache/lastfailed").read_text()
    assert '::test_0[a@b]": true' in left
    assert "@shared" not in left


def test_what_fails_again_has_failed(clone: Path) -> None:
    """A second failure is the end."""
    code, _, calls = run(clone, libraries=COMPLETE, user=0, suite=failing(1, again=2))

    assert code == 2
    assert calls == ["make install", CLIENTS, TEST, TEST_AGAIN]


@pytest.mark.parametrize("count", [0, 6])
def test_many_that_fail_are_no_accident(clone: Path, count: int) -> None:
    """They are not run again, nor is a suite that failed without a test."""
    code, _, calls = run(clone, libraries=COMPLETE, user=0, suite=failing(count, again=0))

    assert code != 0
    assert calls == ["make install", CLIENTS, TEST]


def test_long_tests_that_fail_beside_others_are_run_again(clone: Path) -> None:
    """They have a second chance of their own."""
    suite = failing(1, again=0, target="test-long")

    code, said, calls = run(clone, libraries=COMPLETE, user=0, suite=suite)

    assert code == 0
    assert calls[2:] == [TEST, TEST_LONG, TEST_LONG_AGAIN, "make lint types"]
    assert "tests/test_it.py::test_0" in said
