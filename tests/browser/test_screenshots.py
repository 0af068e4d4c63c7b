"""The pictures in docs/: taken of the shop, and written with ``--screenshots``.

``python -m pytest -n 0 tests/browser --screenshots`` renews them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.shop import SHOWN_ITEM
from tests.browser.test_pages import settled, url_of

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
    file.parent.mkdir(exist_ok=True)

    settled(page).screenshot(path=file)

    assert file.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", PICTURES)
def test_the_docs_have_the_picture(name) -> None:
    """And show it."""
    assert (DOCS / f"{name}.png").is_file()
    assert f"pages/{name}.png" in (DOCS.parent / "pages.md").read_text(encoding="utf-8")
