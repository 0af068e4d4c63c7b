"""Files with secrets: used only if nobody else on the machine may read them."""

from __future__ import annotations

import logging
import os
import shlex
import stat
from collections.abc import Collection
from pathlib import Path

from pydantic import SecretStr

from walmart_stream.credentials.redaction import learn

logger = logging.getLogger(__name__)

# Longer than any key or connection string; whoever names /dev/zero gets an answer, too.
LARGEST = 64 * 1024


class ExposedFile(ValueError):
    """Others than the owner may read or change a file; the message says what to do."""


class SecretInFile(SecretStr):
    """A secret that was read from the file *path*, which may hold another one later."""

    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self.path = path


def exposure(status: os.stat_result, groups: Collection[int]) -> str | None:
    """The fault of the mode of a file with a secret, or ``None``.

    Only its owner may have any access. The exception is how containers are given secrets: owned by
    root, and readable (not writable) by a group that is one of *groups*, this process's own.
    """
    mode = stat.S_IMODE(status.st_mode)
    if not mode & 0o077:
        return None
    if status.st_uid == 0 and status.st_gid in groups and not mode & 0o037:
        return None
    whom = "others" if mode & 0o007 else "its group"
    return f"{whom} may read or change it (mode {mode:04o})"


def foreign(status: os.stat_result) -> str | None:
    """The reason why others than its owner decide what a file or folder holds, or ``None``.

    Its owner must be this process's user or root, and nobody else may write to it.
    """
    if os.name != "posix":
        return None
    if status.st_uid not in (0, os.geteuid()):
        return "it belongs to another user"
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        return f"others may change it (mode {mode:04o}): chmod go-w"
    return None


def require_private(path: Path) -> None:
    """Check the file that *path* leads to; symbolic links are followed.

    Raises:
        ExposedFile: others may read or change it.
        OSError: there is no such file.
    """
    _check(path, path.stat())


def read_secret(path: Path) -> str:
    """The text of a file without white space around it.

    Raises:
        ExposedFile: others may read or change it.
        OSError, ValueError: it cannot be read, is not UTF-8, or is too large for a secret.
    """
    with path.open("rb") as file:
        # Of what has been opened, so that nothing else can be put in its place in between.
        _check(path, os.fstat(file.fileno()))
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"larger than {LARGEST} bytes")
    # Editors put a byte order mark first, which is no part of the secret.
    return content.decode("utf-8-sig").strip()


def _check(path: Path, status: os.stat_result) -> None:
    if os.name != "posix":
        return
    fault = exposure(status, {os.getegid(), *os.getgroups()})
    if fault is not None:
        raise ExposedFile(f"{fault}: chmod 600 {shlex.quote(str(path))}")


class RereadSecret:
    """The setting *name*: *secret* itself, or what its file holds at the moment.

    A file that cannot be used (it is being written, or others may read it) changes nothing: what
    was read before is kept, and one line in the log says so.
    """

    def __init__(self, name: str, secret: SecretStr) -> None:
        self._name = name
        self._path = secret.path if isinstance(secret, SecretInFile) else None
        self._text = secret.get_secret_value()
        self._fault: str | None = None

    def current(self) -> str:
        """The secret, which no log record shows from now on."""
        if self._path is None:
            return self._text
        try:
            text = read_secret(self._path)
        except (OSError, ValueError) as exc:
            # The text of a Unicode error quotes the bytes that are not UTF-8.
            self._keep(type(exc).__name__ if isinstance(exc, UnicodeError) else str(exc))
            return self._text
        if not text:
            self._keep("it is empty")
            return self._text
        self._fault = None
        if text != self._text:
            learn(text)
            self._text = text
            logger.info("%s_FILE has changed: new connections use its new value", self._name)
        return text

    def _keep(self, fault: str) -> None:
        if fault != self._fault:
            logger.warning(
                "%s_FILE cannot be used; its former value is kept: %s", self._name, fault
            )
        self._fault = fault
