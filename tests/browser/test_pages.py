"""Every page and every key in a real browser, over a shop with a past."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.browser.conftest import DESKTOP, NARROW, PHONE
from tests.browser.shop import HOSTILE, HOSTILE_ITEM, SHOWN_ITEM
from tests.web.served import Served

pytestmark = [pytest.mark.integration, pytest.mark.slow(40)]

PAGES = (
    *("/", "/items", f"/items/{SHOWN_ITEM}", "/alerts", "/alerts/rules"),
    *("/watchlist", "/system", "/docs", "/login"),
)
# An address that is no page, a time that is none, an item that nobody has seen; and a form open.
OTHERS = (
    *("/nowhere", f"/items/{SHOWN_ITEM}?from=yesterday", "/items/123456789"),
    f"/items/{SHOWN_ITEM}?from=2026-01-01T00:00:00Z",
)
HOSTILE_PAGES = (f"/items/{HOSTILE_ITEM}", "/items?q=script")


def url_of(shop: Served) -> str:
    return f"http://127.0.0.1:{shop.port}"


def settled(page: Any) -> Any:
    """The page once it has asked for its data, where it has any."""
    page.wait_for_selector("body:not([data-live]), body[data-fresh]", state="attached")
    return page


@pytest.mark.parametrize("viewport", [PHONE, NARROW], ids=["390", "320"])
def test_nothing_scrolls_sideways(shop, open_page, viewport) -> None:
    """Not even a seller's name of five thousand characters makes a page wider than a phone."""
    page = open_page(url_of(shop), "/", viewport=viewport)
    for path in (*PAGES, *HOSTILE_PAGES, *OTHERS):
        page.goto(url_of(shop) + path)
        widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert widths[0] <= widths[1], path


def test_hostile_names_are_text(shop, open_page) -> None:
    """Nothing of them runs; nothing of them is an element."""
    page = open_page(url_of(shop), "/")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    for path in ("/", "/items", *HOSTILE_PAGES):
        page.goto(url_of(shop) + path)
        assert page.locator("main b, main script").count() == 0, path
    page.goto(f"{url_of(shop)}/items/{HOSTILE_ITEM}")
    assert HOSTILE[:40] in page.locator("h1").text_content()


@pytest.mark.parametrize("path", ["/", "/items", f"/items/{SHOWN_ITEM}", "/system"])
def test_a_first_visit_asks_nobody_else_and_is_small(shop, open_page, path) -> None:
    """The page, its files, and the data that it asks for at once, compressed as they come."""
    page = open_page(url_of(shop), "/livez")
    sizes: dict[str, int] = {}
    page.on("response", lambda answer: sizes.update({answer.url: _size(answer)}))

    page.goto(url_of(shop) + path)
    settled(page)

    assert sum(sizes.values()) <= 60_000, sizes


def _size(answer: Any) -> int:
    sizes = answer.request.sizes()
    return int(sizes["responseBodySize"]) + int(sizes["responseHeadersSize"])


@pytest.mark.parametrize(
    "path",
    [
        "/items?sort=gap_pct&order=desc",
        "/items?q=kettle&tag=gifts&sort=name",
        f"/items/{SHOWN_ITEM}?range=24h&offers=own,featured&price=item",
        f"/items/{SHOWN_ITEM}?range=90d",
        "/watchlist?added=42",
    ],
)
def test_reload_shows_the_same(shop, open_page, path) -> None:
    """Everything that is shown stands in the address; back works."""
    page = open_page(url_of(shop), path)
    shown = _words(settled(page))

    page.reload()
    assert _words(settled(page)) == shown
    page.goto(f"{url_of(shop)}/docs")
    page.go_back()
    assert page.url == url_of(shop) + path
    assert _words(settled(page)) == shown


def _words(page: Any) -> str:
    # The browser's clock goes on, and so do the ages that it writes.
    text = page.locator("main").inner_text()
    return " ".join(re.sub(r"\d+\s(?:s|min|h|d)\b|just now|ago|– old", "", text).split())


def test_the_list_is_walked_and_opened_by_keys(shop, open_page) -> None:
    """`/` searches, `j` and `k` go from row to row, Enter opens, Esc leads back."""
    page = open_page(url_of(shop), "/items?sort=name")
    settled(page)
    keys = page.keyboard
    focused = "document.activeElement.closest('[data-row]')?.dataset.row ?? null"
    rows = page.locator("[data-row]").evaluate_all("rows => rows.map(row => row.dataset.row)")

    keys.press("j")
    assert page.evaluate(focused) == rows[0]
    keys.press("j")
    keys.press("j")
    keys.press("k")
    assert page.evaluate(focused) == rows[1]
    keys.press("Enter")
    page.wait_for_url(f"**/items/{rows[1]}")
    keys.press("Escape")
    page.wait_for_url("**/items?sort=name")
    keys.press("/")
    keys.type("kettle j")
    assert page.input_value("input[type=search]") == "kettle j"
    keys.press("Escape")
    keys.press("j")
    assert page.evaluate(focused) is not None


def test_ranges_theme_and_help_have_keys(shop, open_page) -> None:
    """And none does anything while somebody types, or together with Ctrl."""
    page = open_page(url_of(shop), f"/items/{SHOWN_ITEM}", color_scheme="light")
    settled(page)
    for key, name in zip("12345", ("24h", "7d", "30d", "90d", "all"), strict=True):
        page.keyboard.press(key)
        page.wait_for_url(f"**range={name}")

    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == "rgb(15, 18, 22)"
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.goto(f"{url_of(shop)}/watchlist")
    page.focus("#note")
    page.keyboard.type("t?1jk/")
    assert page.input_value("#note") == "t?1jk/"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_the_chart_tells_what_was_known_under_the_pointer_and_zooms(shop, open_page) -> None:
    """A drag over it is a range in the address."""
    page = open_page(url_of(shop), f"/items/{SHOWN_ITEM}?range=24h&offers=own")
    settled(page)
    box = page.locator("svg.chart:visible").bounding_box()
    middle = box["y"] + box["height"] / 3

    page.mouse.move(box["x"] + box["width"] / 2, middle)
    told = page.locator(".readout:visible").inner_text()
    assert re.search(r"own: (\$\d|not )", told), told
    assert "buy box: " in told

    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=4)
    page.mouse.up()
    page.wait_for_url("**from=*")
    assert "range=" not in page.url
    assert "offers=own" in page.url
    assert settled(page).locator("svg.chart:visible").count() == 1


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["1440", "390"])
def test_gaps_are_hatched_and_texts_can_be_read(shop, open_page, viewport) -> None:
    """A rule of the page's own style sheet once hid every mark of what was not seen."""
    page = open_page(url_of(shop), f"/items/{SHOWN_ITEM}?range=7d", viewport=viewport)
    settled(page)

    gaps = page.locator("svg.chart:visible path.gap.unseen")
    sizes = gaps.evaluate_all(
        """gaps => gaps.map((gap) => {
            const box = gap.getBoundingClientRect();
            return [box.width, box.height, getComputedStyle(gap).clipPath];
        })"""
    )
    assert sizes
    assert all(wide > 2 and high > 2 and clip == "none" for wide, high, clip in sizes), sizes
    texts = page.locator("svg.chart:visible text.tick")
    heights = texts.evaluate_all("all => all.map((one) => one.getBoundingClientRect().height)")
    assert min(height for height in heights if height) > 9


def test_a_range_of_ones_own_is_typed(shop, open_page) -> None:
    """In the reader's zone; and in UTC, as the form says, where there is no JavaScript."""
    for scripted in (True, False):
        path = f"/items/{SHOWN_ITEM}?range=24h&price=item"
        page = open_page(url_of(shop), path, java_script_enabled=scripted)
        settled(page) if scripted else None
        page.locator("#custom summary").click()
        begin = page.input_value("#custom input[name=from]")
        assert begin.endswith("Z") is not scripted
        page.locator("#custom").get_by_role("button", name="Show").click()
        page.wait_for_url("**from=*price=item")
        assert page.locator("#custom[open]").count() == 1
        assert page.input_value("#custom input[name=from]") == begin


def test_an_item_shows_its_alerts_and_alerts_lead_to_their_item(shop, open_page) -> None:
    """Both ways."""
    page = open_page(url_of(shop), f"/items/{SHOWN_ITEM}")
    assert "Northwind Home is cheaper" in page.locator("[data-part=alerts]").inner_text()

    page.get_by_role("link", name="All alerts of this item").click()
    page.wait_for_url(f"**/alerts?item={SHOWN_ITEM}")
    page.locator("a.open").first.click()

    page.wait_for_url(f"**/items/{SHOWN_ITEM}")


def test_touch_shows_the_read_out(shop, open_page) -> None:
    """On a phone there is no pointer that hovers."""
    page = open_page(
        url_of(shop),
        f"/items/{SHOWN_ITEM}?range=7d",
        viewport=PHONE,
        has_touch=True,
        is_mobile=True,
    )
    settled(page)

    page.locator("svg.chart:visible").tap()

    assert "own: " in page.locator(".readout:visible").inner_text()


def test_numbers_and_times_are_the_readers(shop, open_page, chromium) -> None:
    """In the reader's form and zone; UTC is in the tooltip."""
    context = chromium.new_context(locale="de-DE", timezone_id="Europe/Berlin")
    page = context.new_page()
    page.goto(f"{url_of(shop)}/items/{SHOWN_ITEM}?range=7d")
    settled(page)

    amounts = page.locator("[data-part=changes] data[data-money]").all_inner_texts()
    assert any(re.fullmatch(r"\d+,\d\d\s\$", text) for text in amounts)
    ticks = page.locator("svg.chart:visible text[data-money]").all_text_contents()
    assert all(re.fullmatch(r"\d+,\d\d\s\$", text) for text in ticks), ticks
    # Days begin at the reader's midnight, which is another hour of UTC.
    days = page.locator("svg.chart:visible text[data-time] title").all_text_contents()
    assert days
    assert all(re.search(r" 2[23]:00:00 UTC$", text) for text in days), days
    moment = page.locator("[data-part=changes] time").first
    assert re.search(r"\d\d\.\d\d\.\d{4}, \d\d:\d\d", moment.inner_text())
    assert moment.get_attribute("title").endswith(" UTC")
    context.close()


def test_ages_go_on_and_fade(shop, open_page) -> None:
    """Every figure knows its age; past its limit it says so."""
    page = open_page(url_of(shop), "/items")
    settled(page)
    page.evaluate(
        """() => {
            const age = document.querySelector('time[data-limit]');
            const limit = 1000 * (Number(age.dataset.limit) - 1);
            age.dateTime = new Date(Date.now() - limit).toISOString();
        }"""
    )

    page.wait_for_selector("time.old")

    assert page.locator("time.old").first.inner_text().endswith("– old")


def test_without_javascript_everything_reads_sorts_filters_and_draws(shop, open_page) -> None:
    """Forms, links and charts are the server's."""
    page = open_page(url_of(shop), "/items", java_script_enabled=False)

    def rows() -> list[str]:
        names: list[str] = page.locator("tbody tr th a.open").all_inner_texts()
        return names

    page.get_by_role("link", name="Item", exact=True).click()
    names = [name for name in rows() if "script" not in name]
    assert names == sorted(names, key=str.casefold)
    page.fill("input[name=q]", "kettle")
    page.get_by_role("button", name="Show", exact=True).click()
    assert rows()
    assert all("kettle" in name for name in rows())
    page.locator("tbody a.open").first.click()
    assert page.locator("svg.chart path.price").count() > 0
    page.get_by_text("The same as a table").click()
    assert page.locator("#table tbody tr").count() > 5
    page.get_by_role("link", name="24 h", exact=True).click()
    assert "range=24h" in page.url
    for path in PAGES:
        page.goto(url_of(shop) + path)
        assert page.locator("h1").count() == 1, path
    page.goto(f"{url_of(shop)}/watchlist")
    page.fill("#item_id", "4711")
    page.get_by_role("button", name="Watch", exact=True).click()
    assert "Item 4711 is watched" in page.locator("main").inner_text()
    page.get_by_role("button", name="Remove 4711").click()
    assert "4711" not in shop.live.watchlist


def test_a_file_is_looked_at_and_then_taken(shop, open_page, tmp_path) -> None:
    """Line by line; what is wrong is named before anything is taken."""
    page = open_page(url_of(shop), "/watchlist")
    file = tmp_path / "watch.csv"
    file.write_text("item_id,note\n4712,from a file\nnonsense,\n")

    page.set_input_files("#file", file)
    page.get_by_role("button", name="Look at it").click()
    assert "nonsense" in page.locator("main").inner_text()
    assert "4712" not in shop.live.watchlist
    page.get_by_role("button", name="Watch 1 item").click()

    page.wait_for_url("**/watchlist?imported=1")
    assert shop.live.watchlist.pop("4712").note == "from a file"
