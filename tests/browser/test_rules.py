"""Alert rules by hand, in a browser without JavaScript."""

from __future__ import annotations

import pytest

from tests.browser.shop import SHOWN_ITEM
from tests.browser.test_pages import url_of

pytestmark = [pytest.mark.integration, pytest.mark.slow(5)]


def test_a_rule_is_made_changed_and_removed_without_javascript(shop, open_page) -> None:
    """A fault stands beside its field, with everything that was typed."""
    page = open_page(url_of(shop), "/alerts/rules", java_script_enabled=False)
    page.fill("#rule-name", "by-hand")
    page.fill("#rule-items", f"https://www.walmart.com/ip/{SHOWN_ITEM}")
    page.select_option("#rule-when", "landed_below")
    page.fill("#rule-value", "cheap")
    page.fill("#rule-channels", "ops")
    page.click("#rule-form button")
    assert "must be a number such as 20.00" in page.text_content("#rule-value-fault")
    assert page.input_value("#rule-name") == "by-hand"

    page.fill("#rule-value", "20")
    page.click("#rule-form button")
    assert "Rule by-hand is saved" in page.text_content("main")
    page.click('[aria-label="Disable by-hand"]')
    assert "disabled" in page.text_content('[data-row="by-hand"]')

    page.click('[aria-label="Change by-hand"]')
    assert page.input_value("#rule-items") == SHOWN_ITEM
    assert page.input_value("#rule-enabled") == "no"
    page.click("text=Remove by-hand")
    assert page.locator('[data-row="by-hand"]').count() == 0


def test_a_channel_is_tried_and_an_item_muted_without_javascript(shop, open_page) -> None:
    """From the alert that is a nuisance, by its link."""
    page = open_page(url_of(shop), "/alerts", java_script_enabled=False)
    page.locator('[aria-label^="Mute item"]').first.click()
    item_id = page.input_value("#mute-item")
    page.click("#mute button:has-text('Mute')")
    assert page.locator(f'[data-row="item:{item_id}"]').count() == 1
    page.click(f'[aria-label="Tell of item {item_id} again"]')
    assert page.locator(f'[data-row="item:{item_id}"]').count() == 0

    page.click('[aria-label="Test ops"]')
    assert "Channel ops took the message" in page.text_content("main")
