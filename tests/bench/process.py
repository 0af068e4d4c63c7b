"""The processes of a subject: stopped, continued and counted as a whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from walmart_stream.local.processes import Process, start

TICKS = os.sysconf("SC_CLK_TCK")


class Processes:
    """Processes and what they have started, a group each. CPU time is that of all threads."""

    def __init__(self) -> None:
        self._started: list[Process] = []

    async def start(self, argv: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        """Start *argv*, too, with its output in *log*."""
        self._started.append(await start(argv, env, log))

    def check(self) -> None:
        """Raises AssertionError if one has ended; the end of its log is in the message."""
        for process in self._started:
            assert process.returncode is None, f"it ended: {process.last_words(30)}"

    @property
    def last_words(self) -> str:
        """The ends of their logs."""
        return "\n".join(process.last_words(30) for process in self._started)

    def pause(self) -> None:
        """Nothing of them runs until :meth:`go_on`."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """After :meth:`pause`."""
        self._signal(signal.SIGCONT)

    async def end(self) -> None:
        """Kill them."""
        self._signal(signal.SIGKILL)
        for process in self._started:
            await process.wait()
        self._started.clear()

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        return sum(int(fields[11]) + int(fields[12]) for _, fields in self._stats()) / TICKS

    def peak_mebibytes(self) -> float:
        """The largest resident memory of each so far, summed."""
        return sum(_peak(pid) for pid, _ in self._stats()) / 1024

    def _signal(self, number: signal.Signals) -> None:
        for process in self._started:
            if process.returncode is None:
                os.killpg(process.pid, number)

    def _stats(self) -> list[tuple[int, list[str]]]:
        groups = {process.pid for process in self._started}
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # it has ended
            fields = text.rpartition(")")[2].split()
            if int(fields[2]) in groups:
                found.append((int(entry.name), fields))
        return found


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0
