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
        self._found: list[int] = []

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
        """User and system time so far, of those that :meth:`look_around` has found."""
        fields = [_fields(pid) for pid in self._found]
        return sum(int(its[11]) + int(its[12]) for its in fields if its) / TICKS

    def peak_mebibytes(self) -> float:
        """The largest resident memory of each so far, summed."""
        return sum(map(_peak, self._found)) / 1024

    def look_around(self) -> None:
        """Find out what belongs to the groups now."""
        groups = {process.pid for process in self._started}
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        self._found = [pid for pid in pids if (its := _fields(pid)) and int(its[2]) in groups]

    def _signal(self, number: signal.Signals) -> None:
        for process in self._started:
            if process.returncode is None:
                os.killpg(process.pid, number)


def _fields(pid: int) -> list[str]:
    """The fields of ``/proc/PID/stat``, from the third on; none if it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _peak(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0
