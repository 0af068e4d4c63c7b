"""``make soak``: 100,000 hostile requests on a worker at work, and what they have cost it.

They come at a pace that leaves the machine's cores something to do besides; ``--unpaced`` sends
them as fast as they are answered. Before them, the worker is left alone for a while (the control):
what it needs and how fast it answers by itself is what the rest is compared with.

Exit code 1 if its memory is not within 10 % of what it was, if it was started again, if /livez was
not answered, or, with a pace, if its p99 is more than twice that of the control.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.measure import Probes, probe, resident
from walmart_stream.local.options import Options
from walmart_stream.local.stack import running

# Requests of all kinds before the memory is looked at for the first time: what is kept once
# (buffers, caches, code that is read when it is needed) is there then.
WARM_UP = 20_000
# Requests a second. As fast as it can, the sender alone takes a core and the worker another; then
# a probe waits for its turn among thousands, which says more of the machine than of the worker.
RATE = 500.0
# Seconds of the control.
CONTROL = 120.0
# Seconds after which what is still being done for callers that have gone has ended.
REST = 20.0
MOST_GROWTH = 0.10
MOST_SLOWER = 2.0


def flood(url: str, token: str, count: int, rate: float = math.inf) -> str:
    """Floods in a process of its own, so that its work does not look like the worker's."""
    command = [sys.executable, "-m", "tests.soak.flood", url, token, str(count), str(rate)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


async def soak(count: int, warm_up: int, rate: float, control: float) -> bool:
    token = os.environ["WEB_TOKEN"] = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        async with running(Options(1, 100, None, 1, 1000, None), Path(folder)) as stack:
            [worker] = stack.workers
            while True:
                try:
                    probe(worker.url)
                    break
                except OSError:
                    await asyncio.sleep(0.5)
            await asyncio.to_thread(flood, worker.url, token, warm_up)
            await asyncio.sleep(REST)
            assert worker.process is not None
            pid, at_first = worker.process.pid, resident(worker.process.pid)
            with Probes(worker.url) as quiet:
                await asyncio.sleep(control)
            before = resident(pid)
            began = time.monotonic()
            with Probes(worker.url) as probes:
                sent = await asyncio.to_thread(flood, worker.url, token, count, rate)
            took = time.monotonic() - began
            await asyncio.sleep(REST)
            after, restarts = resident(worker.process.pid), worker.restarts
            is_same = worker.process.pid == pid
    growth = after / before - 1
    print(sent)
    print(f"{count:,} requests in {took:.0f} s, {count / took:,.0f}/s")
    print(f"resident memory {before / 1e6:.0f} MB -> {after / 1e6:.0f} MB, {growth:+.1%}")
    print(f"in {control:.0f} s before that, without them, {before / at_first - 1:+.1%}")
    print(f"/livez p99 {quiet.p99 * 1e3:.1f} ms quiet, {probes.p99 * 1e3:.1f} ms meanwhile")
    print(f"/livez not answered {probes.failures} of {len(probes.seconds) + probes.failures} times")
    print(f"restarts {restarts}")
    is_in_time = rate == math.inf or probes.p99 <= MOST_SLOWER * quiet.p99
    is_up = not restarts and is_same and not probes.failures
    return growth < MOST_GROWTH and is_up and is_in_time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--warm-up", type=int, default=WARM_UP)
    parser.add_argument("--rate", type=float, default=RATE, help="requests/s at most")
    parser.add_argument("--unpaced", action="store_true", help="as fast as they are answered")
    parser.add_argument("--control", type=float, default=CONTROL, help="seconds without requests")
    options = parser.parse_args()
    rate = math.inf if options.unpaced else options.rate
    is_well = asyncio.run(soak(options.requests, options.warm_up, rate, options.control))
    sys.exit(0 if is_well else 1)


if __name__ == "__main__":
    main()
