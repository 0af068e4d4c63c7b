"""The environment of the local stack's processes: settings for workers, nothing secret for others.

From ``.env`` only names of settings are taken: whatever else stands in it, such as ``LD_PRELOAD``,
would steer the programs that are started.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from walmart_stream.settings import SETTING_NAMES, SettingsError, read_env_file

# In DATA_DIR, while a stack runs: what `walmart-stream --local COMMAND` works on.
LOCAL_SETTINGS = "local.env"


def given_settings(env_file: Path = Path(".env")) -> dict[str, str]:
    """The settings in *env_file* and, above them, in the environment; empty ones left out.

    Raises:
        SettingsError: the file cannot be used.
    """
    faults: list[str] = []
    in_file = read_env_file(env_file, faults)
    if faults:
        raise SettingsError(faults)
    return {
        name: value
        for name, value in {**in_file, **os.environ}.items()
        if value and name in SETTING_NAMES
    }


def running_settings(env_file: Path = Path(".env")) -> dict[str, str] | None:
    """The settings of the stack that runs in this folder, ``None`` if there is none.

    Raises:
        SettingsError: the file that it left cannot be used.
    """
    base = Path(given_settings(env_file).get("DATA_DIR") or "data")
    faults: list[str] = []
    found = read_env_file(base / LOCAL_SETTINGS, faults)
    if faults:
        raise SettingsError(faults)
    return {name: value for name, value in found.items() if value} or None


def without_settings() -> dict[str, str]:
    """This process's environment without any setting: what other people's programs get."""
    return {name: value for name, value in os.environ.items() if name not in SETTING_NAMES}


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Leave *settings* in a file that only this user may read, for commands on the stack."""
    write_private(path, written_settings(settings))


def written_settings(settings: Mapping[str, str]) -> bytes:
    """*settings* as a file of them."""
    lines = [f"{name}={_quoted(value)}\n" for name, value in sorted(settings.items())]
    return "".join(lines).encode()


def write_private(path: Path, content: bytes) -> None:
    """Put *content* into *path* at once, for this user alone."""
    partial = path.with_suffix(".new")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    partial.replace(path)


def _quoted(value: str) -> str:
    # In single quotes nothing but these two is special to a reader of .env files.
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
