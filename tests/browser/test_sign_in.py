"""Signing in and out in a real browser, which sends cookies and origins as browsers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import TOKEN
from tests.browser.test_pages import url_of
from tests.web.served import Served
from walmart_stream.web.limits import LIMITS

pytestmark = [pytest.mark.integration, pytest.mark.slow(10)]


@pytest.fixture
def locked(shop: Any, tmp_path: Any) -> Iterator[Served]:
    """A server with a token, and without a database. *shop* keeps browsers in one process."""
    with Served(tmp_path, LIMITS, web_token=TOKEN) as served:
        yield served


def test_signing_in_leads_on_and_signing_out_ends_it(locked, open_page) -> None:
    """A wrong token is said beside the field; the address that was wanted is not lost."""
    url = url_of(locked)
    page = open_page(url, "/watchlist?added=42")
    assert page.url == f"{url}/login?next=/watchlist%3Fadded%3D42"

    page.fill("#token", "wrong")
    page.get_by_role("button", name="Sign in").click()
    assert "that is not the token" in page.get_by_role("alert").first.inner_text()
    page.fill("#token", TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/watchlist?added=42")
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert TOKEN not in cookie["value"]
    assert page.evaluate("document.cookie") == ""

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto(f"{url}/watchlist")
    assert page.url.startswith(f"{url}/login")


def test_an_open_page_says_that_it_was_signed_out(locked, open_page) -> None:
    """With the way back to where it was."""
    url = url_of(locked)
    page = open_page(url, "/login?next=/system")
    page.fill("#token", TOKEN)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/system")

    page.context.clear_cookies()

    page.wait_for_selector("#banner:not([hidden])")
    page.get_by_role("link", name="Sign in again").click()
    assert page.url == f"{url}/login?next=%2Fsystem"


def test_a_foreign_pages_form_is_refused(shop, chromium) -> None:
    """A real foreign page, whose form a real browser sends."""
    url = url_of(shop)
    foreign = url.replace("127.0.0.1", "localhost")
    before = dict(shop.live.watchlist)
    context = chromium.new_context()
    context.route(
        f"{foreign}/trap",
        lambda route: route.fulfill(
            content_type="text/html",
            body=f'<form method="post" action="{url}/watchlist"><input name="action" value="add">'
            '<input name="item_id" value="666"><button>Win</button></form>',
        ),
    )
    page = context.new_page()
    page.goto(f"{foreign}/trap")

    with page.expect_navigation():
        page.get_by_role("button", name="Win").click()

    assert "Not from here" in page.locator("h1").inner_text()
    assert shop.live.watchlist == before
    context.close()
