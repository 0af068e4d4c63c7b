"""The environments of the local stack's processes, and the settings that it leaves for commands."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from walmart_stream.local.environment import (
    LOCAL_SETTINGS,
    given_settings,
    running_settings,
    without_settings,
    write_settings,
)
from walmart_stream.local.found import found_by_commands
from walmart_stream.settings import SettingsError


def test_nothing_but_settings_is_taken_from_a_dotenv_file(tmp_path: Path) -> None:
    """A line such as LD_PRELOAD would run somebody's code in every worker."""
    file = tmp_path / ".env"
    file.write_text("LD_PRELOAD=/tmp/x.so\nPYTHONPATH=/tmp\nWINDOW_SIZE=60\nWEB_TOKEN_FILE=/x\n")

    found = given_settings(file)

    assert found["WINDOW_SIZE"] == "60"
    assert found["WEB_TOKEN_FILE"] == "/x"
    assert not {"LD_PRELOAD", "PYTHONPATH"} & found.keys()


def test_other_programs_get_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker and a database have no use for Walmart's credentials."""
    monkeypatch.setenv("WALMART_CLIENT_SECRET", "of the seller")
    monkeypatch.setenv("LANG", "C")

    found = without_settings()

    assert "WALMART_CLIENT_SECRET" not in found
    assert found["LANG"] == "C"


def test_settings_that_are_left_are_read_back_by_their_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in them; they hold every secret of the stack."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = {"WEB_TOKEN": "it's \\ $HOME #1", "WALMART_PRIVATE_KEY": "-----BEGIN\nx\n"}

    write_settings(tmp_path / LOCAL_SETTINGS, settings)

    assert running_settings(tmp_path / "no.env") == settings
    assert stat.S_IMODE((tmp_path / LOCAL_SETTINGS).stat().st_mode) == 0o600


def test_without_a_stack_there_are_no_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a file that somebody else may write is not believed."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert running_settings(tmp_path / "no.env") is None
    (tmp_path / LOCAL_SETTINGS).write_text("MONGODB_URI=mongodb://elsewhere\n")
    (tmp_path / LOCAL_SETTINGS).chmod(0o666)

    with pytest.raises(SettingsError, match="others may change it"):
        running_settings(tmp_path / "no.env")


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str | None]:
    """The stack that ``--local`` finds, by its port."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return lambda: (running_settings(tmp_path / "no.env") or {}).get("WEB_PORT")


@pytest.mark.parametrize(
    ("ending", "seen"),
    [("ABC", ["C", "C", None]), ("CBA", ["B", "A", None]), ("BCA", ["C", "A", None])],
)
def test_commands_find_the_newest_of_the_stacks_that_run(
    tmp_path: Path, found: Callable[[], str | None], ending: str, seen: list[str | None]
) -> None:
    """In whatever order three in one folder end, each leaves those of the others alone."""
    stacks = {name: ExitStack() for name in "ABC"}
    others = [
        stack.enter_context(found_by_commands({"WEB_PORT": name}, tmp_path))
        for name, stack in stacks.items()
    ]
    at_first = found()

    after = []
    for name in ending:
        stacks[name].close()
        after.append(found())

    assert (others, at_first) == ([False, True, True], "C")
    assert after == seen
    assert list(tmp_path.iterdir()) == []


def test_a_stack_that_was_killed_is_not_found_again(
    tmp_path: Path, found: Callable[[], str | None]
) -> None:
    """Its file is there, and nobody holds it any more."""
    program = (
        "import os, pathlib\n"
        "from walmart_stream.local.found import found_by_commands\n"
        f"with found_by_commands({{'WEB_PORT': 'A'}}, pathlib.Path({str(tmp_path)!r})):\n"
        "    os._exit(9)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    left = found()

    with found_by_commands({"WEB_PORT": "B"}, tmp_path) as is_second:
        beside = found()

    assert (killed.returncode, left) == (9, "A")
    assert (is_second, beside, found()) == (False, "B", None)
    assert list(tmp_path.iterdir()) == []


def test_only_its_user_may_read_what_a_stack_leaves(tmp_path: Path) -> None:
    """It has every secret of the stack in it."""
    with found_by_commands({"WEB_TOKEN": "secret"}, tmp_path):
        modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == {0o600}
