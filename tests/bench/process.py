"""A subject's processes: stopped, continued and counted as a whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from walmart_stream.local.processes import Process, start

TICKS = os.sysconf("SC_CLK_TCK")


class ProcessTree:
    """A process and what it has started: a process group. CPU time is that of all threads."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, argv: Sequence[str], env: Mapping[str, str], log: Path) -> ProcessTree:
        """Start *argv* with its output in *log*."""
        return cls(await start(argv, env, log))

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return self._process.last_words(30)

    def pause(self) -> None:
        """Nothing of it runs until :meth:`go_on`."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`pause`."""
        os.killpg(self._process.pid, signal.SIGCONT)

    async def end(self) -> None:
        """Kill it."""
        if self.is_alive:
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return sum(int(fields[11]) + int(fields[12]) for _, fields in self._stats()) / TICKS

    def peak_mebibytes(self) -> float:
        """The largest resident memory so far, of all processes together."""
        return sum(_peak(pid) for pid, _ in self._stats()) / 1024

    def _stats(self) -> list[tuple[int, list[str]]]:
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # it has ended
            fields = text.rpartition(")")[2].split()
            if int(fields[2]) == self._process.pid:
                found.append((int(entry.name), fields))
        return found


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0
