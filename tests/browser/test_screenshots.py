"""The pictures in docs/: taken of the shop, and written with ``--screenshots``.

``python -m pytest -n 0 tests/browser --screenshots`` renews them.
"""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.shop import ITEMS, SHOWN_ITEM
from tests.browser.test_pages import settled, url_of
from tests.hang import DEADLINE
from tests.pipeline.worker import surroundings

pytestmark = [pytest.mark.integration, pytest.mark.slow(5)]

DOCS = Path(__file__).parents[2] / "docs" / "pages"
PICTURES = {
    "overview": ("/", DESKTOP, "light"),
    "item-dark": (f"/items/{SHOWN_ITEM}?range=24h", DESKTOP, "dark"),
    "items-phone": ("/items", PHONE, "light"),
    "alerts": ("/alerts", DESKTOP, "light"),
    "rules": ("/alerts/rules", DESKTOP, "light"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_can_be_taken(shop, open_page, pytestconfig, tmp_path, name) -> None:
    """The first screen of a page, in light, in dark and on a phone."""
    path, viewport, scheme = PICTURES[name]
    page = open_page(url_of(shop), path, viewport=viewport, color_scheme=scheme)
    renew = pytestconfig.getoption("--screenshots", default=False)
    file = (DOCS if renew else tmp_path) / f"{name}.png"

    settled(page).screenshot(path=file)

    assert file.read_bytes().startswith(b"\x89PNG")


def test_a_report_opens_without_a_server(shop, open_page, pytestconfig, tmp_path) -> None:
    """As a file, with its charts; nothing is asked of any host."""
    now = datetime.now(UTC)
    made = subprocess.run(
        [
            *(sys.executable, "-m", "walmart_stream", "report", "--out", "report.html"),
            *("--from", (now - timedelta(days=7)).isoformat(), "--to", now.isoformat()),
        ],
        cwd=tmp_path,
        env={
            **surroundings(),
            "MONGODB_URI": shop.settings.mongodb_uri.get_secret_value(),
            "MONGODB_DATABASE": shop.settings.mongodb_database,
            "POLL_INTERVAL_MAX": str(shop.settings.poll_interval_max),
            "PRICE_KNOWN_FOR": str(shop.settings.price_known_for),
        },
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    page = open_page(f"file://{tmp_path}", "/report.html")
    renew = pytestconfig.getoption("--screenshots", default=False)
    file = (DOCS if renew else tmp_path) / "report.png"

    page.screenshot(path=file)

    assert page.locator("svg").count() >= ITEMS
    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "doc"), [*((name, "pages.md") for name in PICTURES), ("report", "cli.md")]
)
def test_the_docs_have_the_picture(name, doc) -> None:
    """And show it."""
    assert (DOCS / f"{name}.png").is_file()
    assert f"pages/{name}.png" in (DOCS.parent / doc).read_text(encoding="utf-8")
