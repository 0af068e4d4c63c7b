"""``walmart-stream local`` as a process, followed from outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

from tests.hang import DEADLINE


class Local:
    """A running ``walmart-stream local``; every process it starts carries the same mark."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self._mark = f"WALMART_STREAM_TEST={uuid.uuid4()}"
        name, _, value = self._mark.partition("=")
        self._output = folder / "output.txt"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "walmart_stream", "local", *arguments],
                cwd=folder,
                env={**os.environ, **environment, name: value},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_for(self, pattern: str) -> re.Match[str]:
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.output)
            if found:
                return found
            assert self.process.poll() is None, self.output
            time.sleep(0.05)
        raise AssertionError(self.output)

    def left_behind(self) -> list[str]:
        """Command lines of the processes that are still there and carry the mark."""
        return [
            (process / "cmdline").read_text().replace("\0", " ")
            for process in self.processes_left_behind()
        ]

    def processes_left_behind(self) -> list[Path]:
        """Their folders in ``/proc``; not the program itself."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                marked = self._mark.encode() in (process / "environ").read_bytes()
            except OSError:
                continue  # it has ended, or is not ours
            if marked and process.name != str(self.process.pid):
                found.append(process)
        return found
