"""A worker on a machine whose clock is wrong: ``python -m tests.polling.wrong_clock SECONDS``."""

from __future__ import annotations

import sys
import time

from walmart_stream.app import create_app
from walmart_stream.bootstrap import use_fast_loop
from walmart_stream.settings import load_settings


def program(seconds: float) -> tuple[str, ...]:
    """The command that starts one whose clock is *seconds* ahead."""
    return (sys.executable, "-m", "tests.polling.wrong_clock", str(seconds))


if __name__ == "__main__":
    seconds = float(sys.argv[1])
    settings = load_settings()
    sys.argv = ["walmart-stream", "worker", f"--loglevel={settings.log_level}"]
    use_fast_loop()
    create_app(settings, wall=lambda: time.time() + seconds).main()
