"""The settings, read once from the environment and ``.env``; nothing else reads the environment.

A secret can be given as ``NAME_FILE``, the path of a file that holds the value. Files with secrets
that others may read are refused.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from walmart_stream.credentials.files import ExposedFile, SecretInFile, foreign, read_secret
from walmart_stream.settings.registry import SECRETS, SETTING_NAMES, Settings

# An unknown name with such a beginning may be a typing error.
_PREFIXES = ("KAFKA_", "MONGODB_", "WALMART_", "WEB_", "POLL_", "SELLER_", "WINDOW_", "LOG_")
# Difflib's ratio: one or two wrong letters in a name of usual length.
_ALIKE = 0.85

# Placeholders for a server that a command does not use; nothing answers at them.
_UNUSED = {"KAFKA_BROKERS": "unset.invalid:9092", "MONGODB_URI": "mongodb://unset.invalid"}


class SettingsError(Exception):
    """The environment is not a valid configuration; ``faults`` names every reason."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(f"the settings are not usable:\n{lines}")


def doubtful_names(names: Iterable[str]) -> list[str]:
    """A sentence for each of *names* that is not a setting but much like one."""
    sentences = []
    for name in sorted(set(names) - SETTING_NAMES):
        if not name.startswith(_PREFIXES):
            continue
        if alike := difflib.get_close_matches(name, SETTING_NAMES, n=1, cutoff=_ALIKE):
            sentences.append(f"{name} is not a setting; did you mean {alike[0]}?")
    return sentences


def load_settings(
    environ: dict[str, str] | None = None,
    env_file: Path | None = None,
    *,
    unused: Collection[str] = (),
) -> Settings:
    """The settings from *environ* (default: the process's) over *env_file* (default: ``.env``).

    An empty value counts as absent. *unused*: KAFKA_BROKERS or MONGODB_URI, which may then be
    missing.

    Raises:
        SettingsError: names every missing or wrong setting at once, without values of secrets.
    """
    faults: list[str] = []
    values: dict[str, str] = {}
    for layer in (
        read_env_file(Path(".env") if env_file is None else env_file, faults),
        dict(os.environ) if environ is None else environ,
    ):
        given = {name: value for name, value in layer.items() if value and name in SETTING_NAMES}
        for name in SECRETS:
            if name in given and f"{name}_FILE" in given:
                faults.append(f"{name}, {name}_FILE: set only one of them")
            if name in given or f"{name}_FILE" in given:
                values.pop(name, None)
                values.pop(f"{name}_FILE", None)
        values.update(given)
    unread = _read_secret_files(values, faults)
    for name in unused:
        values.setdefault(name, _UNUSED[name])
    fields: dict[str, Any] = {
        name: values[name.upper()] for name in Settings.model_fields if name.upper() in values
    }
    for name in SECRETS:
        if f"{name}_FILE" in values and name in values:
            fields[name.lower()] = SecretInFile(
                values[name], Path(values[f"{name}_FILE"]).absolute()
            )
    try:
        settings = Settings.model_validate(fields)
    except ValidationError as exc:
        faults += _describe(exc, unread)
    if faults:
        raise SettingsError(faults)
    return settings


def read_env_file(path: Path, faults: list[str]) -> dict[str, str | None]:
    """The variables in a ``.env`` file; its faults in words are added to *faults*.

    A file that others may write is not read: it decides to whom credentials are sent.
    """
    try:
        if not path.is_file():
            return {}
        if fault := foreign(path.stat()):
            faults.append(f"{path.name}: {fault}")
            return {}
        # Interpolation would change a secret that contains ${.
        return dict(dotenv_values(path, interpolate=False))
    except (OSError, ValueError) as exc:
        faults.append(f"{path.name}: cannot be read: {type(exc).__name__}")
        return {}


def _read_secret_files(values: dict[str, str], faults: list[str]) -> set[str]:
    """Put the contents of the files that ``NAME_FILE`` names into *values*.

    Returns the names whose file could not be used; each is in *faults*.
    """
    unread = set()
    for name in SECRETS:
        path = values.get(f"{name}_FILE")
        if path is None or name in values:
            continue
        try:
            text = read_secret(Path(path))
        except ExposedFile as exc:
            faults.append(f"{name}_FILE: {exc}")
            unread.add(name)
            continue
        except (OSError, ValueError) as exc:
            faults.append(f"{name}_FILE: cannot be read: {type(exc).__name__}")
            unread.add(name)
            continue
        if text:
            values[name] = text
        else:
            faults.append(f"{name}_FILE: the file is empty")
            unread.add(name)
    return unread


def _describe(error: ValidationError, unread: set[str]) -> list[str]:
    """One line per fault, but none for a secret that is only missing because it is *unread*."""
    faults: list[str] = []
    for detail in error.errors(include_input=False, include_url=False):
        name = str(detail["loc"][0]).upper()
        if name in unread:
            continue
        message = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "missing":
            message = "missing"
        faults.extend(f"{name}: {line}" for line in message.splitlines())
    return faults
