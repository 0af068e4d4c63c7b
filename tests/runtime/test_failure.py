"""How a worker ends when going on could lose data."""

from __future__ import annotations

import subprocess
import sys

PAUSED = """
import time
from walmart_stream.runtime.failure import Pulse
pulse = Pulse(longest=0.05)
time.sleep(0.2)
pulse.check()
"""

STEADY = """
from walmart_stream.runtime.failure import Pulse
pulse = Pulse(longest=3600)
pulse.beat()
pulse.check()
"""


def test_a_pause_longer_than_the_session_ends_the_process():
    """Exit code 70 tells the supervisor to start another one."""
    ended = subprocess.run([sys.executable, "-c", PAUSED], capture_output=True, check=False)

    assert ended.returncode == 70
    assert b"stood still" in ended.stderr


def test_a_steady_pulse_goes_on():
    """Only a stop that outlasts the session is one."""
    ended = subprocess.run([sys.executable, "-c", STEADY], capture_output=True, check=False)

    assert ended.returncode == 0
