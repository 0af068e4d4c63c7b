"""Rules, mutes and channels as forms, without a browser."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.web.test_login import get, post
from walmart_stream.domain.alerts.book import RuleBook
from walmart_stream.domain.alerts.rule_file import encode_rule, read_toml
from walmart_stream.domain.alerts.rules import KINDS
from walmart_stream.web.pages.inputs import RuleForm
from walmart_stream.web.pages.rule_form import GROUPS, form_of, rule_of

CHEAP = {
    "action": "save",
    "name": "cheap",
    "items": "42, https://www.walmart.com/ip/tea/7",
    "all": "no",
    "when": "landed_below",
    "value": "$20.50",
    "hold": "15m",
    "channels": "ops",
    "severity": "critical",
    "enabled": "yes",
}
GIVEN = {
    "name": "cheap",
    "items": ["42", "7"],
    "when": "landed_below",
    "value": 20.5,
    "hold": "15m",
    "severity": "critical",
    "channels": ["ops"],
}

# One rule with each field.
FILE = """
[[rule]]
name = "one"
tags = ["toys", "gifts"]
when = "undercut"
by = 0.50
sellers = ["A, Inc.", "B"]
hysteresis = 0.10
hold = "1m"
cooldown = "6h"
severity = "info"
channels = ["ops", "mail"]
quiet = "22:00-07:00 America/Chicago"
enabled = false

[[rule]]
name = "two"
all = true
when = "moved"
offer = "rival:A, Inc."
by_pct = 12.5
direction = "down"
against = "24h"

[[rule]]
name = "three"
items = ["1", "2"]
when = "new_low"
over = "30d"

[[rule]]
name = "four"
items = ["1"]
when = "not_seen"
longer_than = "6h"

[[rule]]
name = "five"
items = ["1"]
when = "price_above"
value = 1234.00

[[rule]]
name = "six"
items = ["1"]
when = "undercut"
not_sellers = ["B"]

[[rule]]
name = "seven"
all = true
when = "near_ceiling"
within_pct = 2.5
"""


def fields_in(page: str) -> dict[str, str]:
    """The fields of the rule's form as a browser would send them."""
    (form,) = re.findall(r'id="rule-form".*?</form>', page, re.DOTALL)
    found = dict(re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form))
    found |= re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.DOTALL)
    for name, options in re.findall(
        r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r"<option selected>([^<]*)", options)
        first = re.search(r"<option( value=\"\")?>([^<]*)", options)
        assert first
        is_default = first[1] or 'value="" selected' in options
        found[name] = chosen[1] if chosen else "" if is_default else first[2]
    return {name: unescape(value) for name, value in found.items()}


async def test_a_rule_is_added_changed_disabled_and_removed(site) -> None:
    """Each step leads back to the page, which says what was done."""
    response, _ = await post(site, "/alerts/rules", CHEAP, 303)
    page = await get(site, response.headers["Location"], 200)
    assert "Rule cheap is saved" in page
    assert site.live.book.rules["cheap"].given == GIVEN

    page = await get(site, "/alerts/rules?edit=cheap", 200)
    form = fields_in(page)
    assert (form["was"], form["value"], form["items"]) == ("cheap", "20.50", "42, 7")
    await post(site, "/alerts/rules", form | {"value": "19"}, 303)
    assert site.live.book.rules["cheap"].given == GIVEN | {"value": 19}

    for action, enabled in (("disable", False), ("enable", True)):
        await post(site, "/alerts/rules", {"action": action, "name": "cheap"}, 303)
        assert site.live.book.rules["cheap"].enabled is enabled
        shown = await get(site, "/alerts/rules", 200)
        assert (", disabled" in shown) is not enabled
    assert site.live.book.rules["cheap"].given == GIVEN | {"value": 19}

    response, _ = await post(site, "/alerts/rules", {"action": "remove", "name": "cheap"}, 303)
    assert "Rule cheap is removed" in await get(site, response.headers["Location"], 200)
    assert site.live.book.rules == {}
    await post(site, "/alerts/rules", {"action": "remove", "name": "cheap"}, 400)
    await get(site, "/alerts/rules?edit=cheap", 404)


async def test_a_stale_form_is_refused_with_what_has_changed(site) -> None:
    """The last of two people who change a rule at once overwrote the other without a word.

    Saving once more, after reading that, replaces it. The button that removes is held back, too.
    """
    await post(site, "/alerts/rules", CHEAP, 303)
    first = fields_in(await get(site, "/alerts/rules?edit=cheap", 200))
    second = fields_in(await get(site, "/alerts/rules?edit=cheap", 200))
    await post(site, "/alerts/rules", first | {"value": "19", "hold": ""}, 303)

    _, page = await post(site, "/alerts/rules", second | {"severity": "info"}, 409)

    there = "somebody has changed the rule cheap meanwhile: hold is no longer set, value is now 19"
    assert there in unescape(re.sub("</?bdi>", "", page))
    assert site.live.book.rules["cheap"].given["value"] == 19
    remove = {"action": "remove", "name": "cheap", "version": second["version"]}
    _, refusal = await post(site, "/alerts/rules", remove, 409)
    assert "value is now 19" in unescape(refusal)
    again = fields_in(page)
    assert (again["severity"], again["value"], again["hold"]) == ("info", "20.50", "15m")
    await post(site, "/alerts/rules", again, 303)
    assert site.live.book.rules["cheap"].given == GIVEN | {"severity": "info"}


async def test_a_form_that_is_sent_twice_does_it_once(site) -> None:
    """As by a double click: a new rule, a change of it and another name are taken once."""

    async def save_twice(fields: dict[str, str]) -> None:
        for _ in range(2):
            response, _ = await post(site, "/alerts/rules", fields, 303)
            assert response.headers["Location"].startswith("/alerts/rules?did=save")

    await save_twice(CHEAP)
    form = fields_in(await get(site, "/alerts/rules?edit=cheap", 200))
    await save_twice(form | {"value": "19"})
    form = fields_in(await get(site, "/alerts/rules?edit=cheap", 200))
    await save_twice(form | {"name": "cheaper"})

    assert list(site.live.book.rules) == ["cheaper"]
    assert site.live.book.rules["cheaper"].given["value"] == 19


async def test_another_name_is_another_rule(site) -> None:
    """The old one goes; one that is there is not overwritten."""
    await post(site, "/alerts/rules", CHEAP, 303)
    await post(site, "/alerts/rules", CHEAP | {"name": "other"}, 303)

    _, page = await post(site, "/alerts/rules", CHEAP | {"value": "19"}, 400)
    assert "another rule has it already" in page
    await post(site, "/alerts/rules", CHEAP | {"was": "cheap", "name": "other"}, 400)
    await post(site, "/alerts/rules", CHEAP | {"was": "cheap", "name": "new"}, 303)
    assert site.live.book.rules.keys() == {"new", "other"}
    _, page = await post(site, "/alerts/rules", CHEAP | {"was": "cheap"}, 400)
    assert "somebody has removed the rule cheap meanwhile" in page


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"value": "cheap"}, "value", "must be a number such as 20.00"),
        ({"value": ""}, "value", "is missing"),
        ({"value": "-1"}, "value", "must be from 0"),
        ({"value": "NaN"}, "value", "must be an amount of dollars"),
        ({"items": "42, x"}, "items", "'x' is wrong: item ids are"),
        ({"all": "yes"}, "all", "exactly one of"),
        ({"name": "Cheap!"}, "name", "must be 1-64 of a-z"),
        ({"when": "<script>"}, "when", "must be one of price_below"),
        (
            {"when": "near_ceiling", "value": "", "within_pct": "x"},
            "within_pct",
            "must be a number",
        ),
        ({"hold": "15"}, "hold", 'such as "30s"'),
        ({"over": "30d"}, "over", "has no meaning with when"),
        ({"channels": "ops nobody"}, "channels", "nobody is not in ALERT_CHANNELS: ops"),
        ({"quiet": "at night"}, "quiet", "two times of day and a time zone"),
    ],
)
async def test_a_fault_stands_beside_its_field(site, changes, field, reason) -> None:
    """The form still has all that was typed, and nothing was saved."""
    _, page = await post(site, "/alerts/rules", CHEAP | changes, 400)
    page = re.sub("</?bdi>", "", page)

    (found,) = re.findall(rf'id="rule-{field}-fault">([^<]*)', page)
    assert reason in unescape(found)
    assert f'aria-describedby="rule-{field}-fault"' in page
    assert "<script>" not in page.split("rule-form")[1]
    typed = {name: text for name, text in (CHEAP | changes).items() if text}
    assert fields_in(page) | typed == fields_in(page)
    assert site.live.book.rules == {}


async def test_items_and_rules_are_muted_and_told_of_again(site) -> None:
    """For a length or until a time; the list has a button that ends it."""
    await post(site, "/alerts/mutes", {"action": "mute", "item": "42", "until": "8h"}, 303)
    later = "2099-01-01T00:00:00Z"
    await post(site, "/alerts/mutes", {"action": "mute", "rule": "cheap", "until": later}, 303)
    page = await get(site, "/alerts/rules", 200)
    assert "item 42" in page
    assert "2099-01-01" in page
    assert site.live.book.mutes.keys() == {"item:42", "rule:cheap"}

    await post(site, "/alerts/mutes", {"action": "end", "item": "42"}, 303)
    assert site.live.book.mutes.keys() == {"rule:cheap"}
    for wrong, says in (
        ({"until": "8h"}, "must be for an item or a rule"),
        ({"item": "42", "rule": "cheap", "until": "8h"}, "and not for both"),
        ({"item": "x", "until": "8h"}, "item: must be"),
        ({"rule": "X!", "until": "8h"}, "a rule's name is"),
        ({"item": "42", "until": "soon"}, "until: must be a length"),
        ({"item": "42", "until": "2020-01-01T00:00Z"}, "later than now"),
        ({"item": "42", "until": "0s"}, "later than now"),
    ):
        _, page = await post(site, "/alerts/mutes", {"action": "mute", **wrong}, 400)
        assert says in unescape(page)
    assert 'value="42"' in await get(site, "/alerts/rules?item=42", 200)


async def test_a_channel_is_tried_by_its_button(site, monkeypatch) -> None:
    """The page says whether it took the message, and why not."""
    _, page = await post(site, "/alerts/channels", {"channel": "ops"}, 200)
    assert "Channel ops took the message" in page
    assert site.live.tried == ["ops"]

    async def refuse(name: str) -> str:
        return "it answered 500 <b>"

    monkeypatch.setattr(site.live, "try_channel", refuse)
    _, page = await post(site, "/alerts/channels", {"channel": "ops"}, 200)
    assert "it answered 500 &lt;b&gt;" in page
    await post(site, "/alerts/channels", {"channel": "x"}, 400)


def test_the_form_of_a_rule_is_the_same_rule() -> None:
    """With each field, whatever it holds."""
    rules, faults = read_toml(FILE)
    assert faults == []
    used = {name for rule in rules for name in rule.given}
    assert used == {part.name for group in GROUPS for part in group.parts}

    for rule in rules:
        again = rule_of(RuleForm.model_validate({"action": "save", **form_of(rule)}))
        assert encode_rule(again) == encode_rule(rule)


def test_every_condition_can_be_chosen_and_knows_its_fields() -> None:
    """The hint of a field names the conditions that it is for."""
    parts = {part.name: part for group in GROUPS for part in group.parts}

    assert set(parts["when"].choices) == set(KINDS)
    assert parts["longer_than"].used_by == "not_seen"
    assert parts["hold"].used_by == ""


async def test_a_rule_of_a_later_version_is_said(site) -> None:
    """It is not shown as if it were not there."""
    book = RuleBook()
    book.take(b"later", b'{"schema":2}')
    site.live.book = book

    assert "1 rule is of a later version" in await get(site, "/alerts/rules", 200)
