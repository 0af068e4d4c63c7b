"""A process that stands still ends, whatever it stands in."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.hang import DEADLINE

START = """
import re, time
from walmart_stream.runtime.standstill import Standstill
standstill = Standstill(longest={longest})
standstill.put_off()
"""

HELD = """
def stand_still():
    re.match("(a+)+b", "a" * 60)
stand_still()
"""

# A signal handler of Python would run at the end of this loop only.
DEAF = """
import signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def stand_still():
    sum(range(10 ** 12))
stand_still()
"""

WAITING = """
def stand_still():
    time.sleep(60)
stand_still()
"""

# Seconds: a pause must be shorter on a busy machine, too, and all of them together longer.
STEADY_LONGEST = 3.0
STEADY = """
for _ in range(12):
    time.sleep(0.5)
    standstill.put_off()
standstill.call_off()
time.sleep(5)
print("goes on")
"""


def run(code: str, longest: float = 0.2) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-c", START.format(longest=longest) + code],
        capture_output=True,
        check=False,
        timeout=DEADLINE,
    )


@pytest.mark.parametrize("code", [HELD, DEAF, WAITING], ids=["a pattern", "a loop in C", "a wait"])
def test_a_process_that_stands_still_ends_and_says_where(code: str) -> None:
    """Exit code 70 has its supervisor start another one; no thread of Python could do that."""
    ended = run(code)

    assert ended.returncode == 70
    assert b"in stand_still" in ended.stderr


def test_a_process_that_goes_on_is_left_alone() -> None:
    """Also at its end, when nobody puts it off any more."""
    ended = run(STEADY, STEADY_LONGEST)

    assert (ended.returncode, ended.stdout) == (0, b"goes on\n")
