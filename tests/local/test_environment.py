"""The environments of the local stack's processes, and the settings that it leaves for commands."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from walmart_stream.local.environment import (
    LOCAL_SETTINGS,
    given_settings,
    running_settings,
    without_settings,
    write_settings,
)
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
