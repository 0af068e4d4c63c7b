"""A file that is there whole or not at all, and its manifest beside it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import orjson


class NotAFile(ValueError):
    """Nothing can be written there: no folder, no permission, or no file that can be replaced."""


class Draft:
    """A file in the making, under another name in the same folder until :meth:`publish`."""

    def __init__(self, path: Path, file: BinaryIO, draft: str) -> None:
        self._path = path
        self._file = file
        self._draft = draft

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def publish(self, manifest: dict[str, Any] | None = None) -> None:
        """Give the file its name, and then the *manifest*, if there is one, its own.

        Both are on disk before they have their names, and an older manifest is gone before the
        file that it is about: so wherever this ends, a manifest is about the file beside it.
        """
        _flush(self._file)
        if manifest is None:
            os.replace(self._draft, self._path)
            _flush_folder(self._path.parent)
            return
        beside = manifest_path(self._path)
        with _draft(beside) as (file, draft):
            file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")
            _flush(file)
            beside.unlink(missing_ok=True)
            os.replace(self._draft, self._path)
            os.replace(draft, beside)
        _flush_folder(self._path.parent)


def manifest_path(path: Path) -> Path:
    """The manifest's place: ``FILE.manifest.json``."""
    return path.with_name(f"{path.name}.manifest.json")


@contextmanager
def drafted(path: Path) -> Iterator[Draft]:
    """A draft of the file at *path*; one that is not published leaves no file behind.

    A kill leaves the draft, ``.FILE.….part``, which no one takes for the file.

    Raises:
        NotAFile: a device or a folder has that name, or a link that leads to itself; or its folder
            is not there or cannot be written to.
    """
    # The file that a link leads to is replaced, rather than the link.
    # Up to Python 3.12 a link that leads to itself is an error of its own here.
    with suppress(RuntimeError):
        path = path.resolve()
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise NotAFile(f"{path} is not a file that can be replaced")
    with _draft(path) as (file, draft):
        yield Draft(path, file, draft)


@contextmanager
def _draft(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    try:
        number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as exc:
        raise NotAFile(f"{path} cannot be written: {exc.strerror}") from None
    try:
        with open(number, "wb") as file:
            yield file, name
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _flush_folder(folder: Path) -> None:
    """Keeps the names of its files, too, through a loss of power."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
