"""A command of the program in a process of its own: what it takes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.pipeline.worker import surroundings

# The command, and then the most memory that it ever had: what the kernel counts for a child begins
# with its parent's.
_PROGRAM = """
import sys, time
from walmart_stream.cli import cli
try:
    cli(standalone_mode=False)
finally:
    sys.stdout.flush()
    status = open("/proc/self/status").read()
    sys.stderr.write(f"\\nTOOK {status.split('VmHWM:')[1].split()[0]} {time.process_time()}\\n")
"""


def measure(*arguments: str, environment: Mapping[str, str], folder: Path) -> dict[str, float]:
    """Seconds, CPU seconds and peak resident MiB of ``walmart-stream`` with *arguments*.

    It runs in *folder*, with no setting but those of *environment*.

    Raises:
        AssertionError: its exit code is not 0.
    """
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments],
        cwd=folder,
        env={**surroundings(), **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - began
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stderr[-2000:]}"
    peak, cpu = done.stderr.rpartition("TOOK ")[2].split()
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(float(cpu), 2),
        "peak_mib": round(int(peak) / 1024, 1),
    }
