"""A Chromium of this machine, driven by playwright; none is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hang import DEADLINE

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
MISSING = "no Chromium on PATH or at its usual places; on Debian: apt-get install chromium"


def find_chromium() -> str | None:
    """Path of the browser."""
    on_path = next(filter(None, map(shutil.which, NAMES)), None)
    return on_path or next((place for place in PLACES if Path(place).is_file()), None)


@contextmanager
def launched(path: str) -> Iterator[Any]:
    """The browser, headless."""
    from playwright.sync_api import sync_playwright

    # Chromium's own sandbox refuses to run as root.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            args=["--no-sandbox"] if is_root else [],
            timeout=DEADLINE * 1000,
        )
        try:
            yield browser
        finally:
            browser.close()
