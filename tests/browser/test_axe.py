"""axe-core finds no violation on any page, in either theme, at a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.shop import HOSTILE_ITEM
from tests.browser.test_pages import OTHERS, PAGES, url_of

pytestmark = [pytest.mark.integration, pytest.mark.slow(40)]


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE)],
    ids=["light", "dark", "dark 390"],
)
def test_axe_finds_no_violation(shop, open_page, axe, scheme, viewport) -> None:
    """Rules of WCAG and best practices, as axe has them by itself."""
    page = open_page(
        url_of(shop), "/", viewport=viewport, color_scheme=scheme, reduced_motion="reduce"
    )
    found: dict[str, Any] = {}

    def look(path: str) -> None:
        page.evaluate(axe)
        done = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        for one in done["violations"]:
            places = [node["target"] for node in one["nodes"]][:3]
            found[f"{path}: {one['id']}"] = (one["help"], places)

    for path in (*PAGES, *OTHERS, f"/items/{HOSTILE_ITEM}", "/items?q=nothing+like+that"):
        page.goto(url_of(shop) + path)
        look(path)
    page.goto(f"{url_of(shop)}/watchlist")
    page.fill("#text", "item_id,note\n4712,good\nnonsense,\n")
    page.get_by_role("button", name="Look at it").click()
    page.wait_for_url("**/watchlist/import")
    look("/watchlist/import")

    assert found == {}
