"""Runs in the child: ties its life to its parent's, then becomes the program.

Started by path with ``python -IS launch.py PARENT_PID PROGRAM ARGUMENT…``, so that it takes
milliseconds and imports nothing of this package. It stands between fork and exec because Python
code run there by the parent (``preexec_fn``) can deadlock when the parent has threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(parent: int, program: list[str]) -> None:
    """Replace this process by *program*, which the kernel kills when *parent* is gone."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
        # The parent may have died before the line above.
        if os.getppid() != parent:
            sys.exit(1)
    os.execv(program[0], program)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
