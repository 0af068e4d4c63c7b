"""The settings that ``walmart-stream --local COMMAND`` works on, of the newest stack that runs.

Several stacks may run in one folder. Each has a file of its own, which it locks for as long as it
lives, so that one that was killed is known from one that runs. ``local.env`` is a copy of the
newest one's, and of the next one's once that has ended.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from walmart_stream.local.environment import LOCAL_SETTINGS, write_private, written_settings

# Each stack's own file, by its number: one more than any that runs.
_OWN = "local.{}.env"


@contextmanager
def found_by_commands(settings: Mapping[str, str], base: Path) -> Iterator[bool]:
    """While inside, ``walmart-stream --local COMMAND`` finds the stack of *settings*.

    Yields whether another stack runs in *base*, which commands find again after this one.
    """
    file = base / LOCAL_SETTINGS
    content = written_settings(settings)
    with _alone(base):
        others = _running(base)
        own = base / _OWN.format(_number(others[-1]) + 1 if others else 1)
        # Only this user may read it; programs that are started do not inherit its lock.
        lock = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.write(lock, content)
        write_private(file, content)
    try:
        yield bool(others)
    finally:
        with _alone(base):
            own.unlink(missing_ok=True)
            os.close(lock)
            # A newer stack may have taken the place.
            if file.is_file() and file.read_bytes() == content:
                others = _running(base)
                if others:
                    write_private(file, others[-1].read_bytes())
                else:
                    file.unlink()


def _running(base: Path) -> list[Path]:
    """The files of the stacks that run, the newest last. Those of any that were killed go."""
    found = []
    for path in base.glob(_OWN.format("[0-9]*")):
        if _is_locked(path):
            found.append(path)
        else:
            path.unlink()
    return sorted(found, key=_number)


def _number(path: Path) -> int:
    return int(path.name.split(".")[1])


def _is_locked(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _alone(base: Path) -> Iterator[None]:
    """While inside, no other stack in *base* begins or ends."""
    descriptor = os.open(base, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
