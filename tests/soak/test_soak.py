"""The short form of ``make soak``: thousands of hostile requests leave the views as they were."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.soak.flood import flood
from tests.soak.measure import Probes, resident

TOKEN = "the-token-of-this-test"
WARM_UP = 1_500
REQUESTS = 3_000


@pytest.mark.skipif(sys.platform != "linux", reason="memory is looked at as Linux shows it")
@pytest.mark.slow(50)
def test_hostile_requests_leave_nothing_behind(tmp_path) -> None:
    """Unparsable, aborted, oversized and slow ones, and floods of 401: no memory, no silence."""
    command = [sys.executable, "-m", "tests.soak.views", str(tmp_path), TOKEN]
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        ) as views,
    ):
        assert views.stdout is not None
        url = f"http://127.0.0.1:{int(views.stdout.readline())}"
        asyncio.run(flood(url, TOKEN, WARM_UP))
        before = resident(views.pid)

        with Probes(url) as probes:
            sent = asyncio.run(flood(url, TOKEN, REQUESTS, seed=2))

        after = resident(views.pid)
        assert views.poll() is None
        views.communicate()

    assert sent.total() == REQUESTS
    assert (probes.failures, bool(probes.seconds)) == (0, True)
    assert after < 1.1 * before, f"{before / 1e6:.0f} MB became {after / 1e6:.0f} MB"
    assert len((tmp_path / "log").read_bytes().splitlines()) < 200
