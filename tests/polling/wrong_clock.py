"""A worker on a machine whose clock is wrong: ``python -m tests.polling.wrong_clock SECONDS``."""

from __future__ import annotations

import sys
import time


def program(seconds: float) -> tuple[str, ...]:
    """The command that starts one whose clock is *seconds* ahead."""
    return (sys.executable, "-m", "tests.polling.wrong_clock", str(seconds))


def set_clock(seconds: float) -> None:
    """Set this process's clock ahead, for whoever asks it from now on."""
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + seconds
    time.time_ns = lambda: right_ns() + int(seconds * 1e9)


if __name__ == "__main__":
    set_clock(float(sys.argv[1]))

    from walmart_stream.app import create_app
    from walmart_stream.bootstrap import use_fast_loop
    from walmart_stream.settings import load_settings

    settings = load_settings()
    sys.argv = ["walmart-stream", "worker", f"--loglevel={settings.log_level}"]
    use_fast_loop()
    create_app(settings, wall=time.time).main()
