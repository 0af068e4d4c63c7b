"""Pages of a running pipeline: what changes at Walmart stands on them, and what fails is said."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.test_pages import settled
from tests.end_to_end.program import Local
from tests.hang import DEADLINE
from walmart_stream.local.environment import LOCAL_SETTINGS
from walmart_stream.local.ports import free_port
from walmart_stream.settings import read_env_file

pytestmark = [pytest.mark.integration, pytest.mark.slow(60)]

# Milliseconds. How long it took is printed.
PATIENCE = DEADLINE * 1000


class Live:
    """A stack of two workers and the sandbox. ``url`` is the first worker's."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.local = Local(
            folder,
            *("--items", "12", "--workers", "2", "--port", str(self.port), "--speed", "60"),
            POLL_INTERVAL_MIN="1",
            POLL_INTERVAL_MAX="2",
            SELLER_POLL_INTERVAL="1",
            SELLER_REPORT_INTERVAL="5",
        )
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            self.local.wait_for(r"workers 2/2 .* changes stored +[1-9]\d")
        except AssertionError:
            self.local.process.kill()
            raise
        settings = read_env_file(folder / "data" / LOCAL_SETTINGS, [])
        seller = settings["WALMART_SELLER_URL"]
        assert seller is not None
        self._control = re.sub(r"^(http://[^/]+).*", r"\1/_sandbox/seller/items", seller)

    def own_items(self) -> list[dict[str, Any]]:
        """The sandbox's seller's items."""
        with urllib.request.urlopen(self._control) as answer:
            found: list[dict[str, Any]] = json.load(answer)["items"]
        return found

    def set_price(self, sku: str, cents: int) -> None:
        """Change a price by the sandbox's control endpoint."""
        body = json.dumps({"sku": sku, "price_cents": cents}).encode()
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(self._control, body, headers)).close()

    def kill_other_worker(self) -> None:
        """End the worker that does not serve ``url``."""
        for process in self.local.processes_left_behind():
            environment = (process / "environ").read_bytes()
            is_worker = b"worker" in (process / "cmdline").read_bytes().split(b"\0")
            if is_worker and f"WEB_PORT={self.port}\0".encode() not in environment:
                os.kill(int(process.name), signal.SIGKILL)
                return
        raise AssertionError("there is no other worker")


@pytest.fixture(scope="module")
def live(shop: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The stack. *shop* is asked for so that all tests with a browser share a process."""
    stack = Live(tmp_path_factory.mktemp("live"))
    yield stack
    stack.local.process.send_signal(signal.SIGINT)
    stack.local.process.wait(DEADLINE)


def test_a_price_changed_at_walmart_stands_on_the_open_pages(live, open_page) -> None:
    """On the item's page and in the list, without a reload."""
    item = next(one for one in live.own_items() if one["published"] == "PUBLISHED")
    pages = [
        settled(open_page(live.url, path))
        for path in (f"/items/{item['item_id']}?offers=own", "/items?sort=name")
    ]
    # Shipping is known when the first report has been read.
    known = item["price_cents"] + item["shipping_cents"]
    pages[0].wait_for_selector(f"main data[value='{known}']", timeout=PATIENCE)
    # Not so much that Walmart would unpublish it, and a price that no other item has.
    cents = item["price_cents"] + 3
    landed = cents + item["shipping_cents"]

    began = time.monotonic()
    live.set_price(item["sku"], cents)

    shown = f"data[value='{landed}']"
    pages[0].wait_for_selector(f"main {shown}", timeout=PATIENCE)
    print(f"a changed price stood on the page after {time.monotonic() - began:.1f} s")
    pages[1].wait_for_selector(f"[data-row='{item['item_id']}'] {shown}", timeout=PATIENCE)


def test_a_killed_worker_is_said_and_the_rest_stays_usable(live, open_page) -> None:
    """By the page that is open, and then by the first one; the list still opens."""
    page = settled(open_page(live.url, "/system"))

    live.kill_other_worker()

    page.wait_for_selector("text=/does not answer|1 worker answers|not ready/", timeout=PATIENCE)
    page.goto(f"{live.url}/items")
    assert page.locator("tbody tr").count() > 5


def test_when_the_server_is_away_the_page_keeps_what_it_has(live, open_page) -> None:
    """With a banner, which goes when the server is back."""
    page = settled(open_page(live.url, "/items"))
    rows = page.locator("tbody tr").count()

    page.context.set_offline(True)
    page.wait_for_selector("#banner:not([hidden])", timeout=PATIENCE)
    assert "has not answered for" in page.locator("#banner").inner_text()
    assert page.locator("tbody tr").count() == rows
    page.context.set_offline(False)

    page.wait_for_selector("#banner", state="hidden", timeout=PATIENCE)
