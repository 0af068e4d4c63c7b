"""Alerts and their rules over HTTP."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.web.conftest import NOW, Site
from walmart_stream.domain.alerts.steps import ACKNOWLEDGED, RAISED, Step
from walmart_stream.domain.time import to_iso
from walmart_stream.storage.alerts import store_steps

RULE = {"name": "cheap", "items": ["42"], "when": "landed_below", "value": 20.5, "hold": "15m"}
TOML = '[[rule]]\nname = "a"\nall = true\nwhen = "unpublished"\n'


async def raise_alerts(site: Site, count: int) -> None:
    steps = [
        Step(1, RAISED, f"r:{n}:rival:A/Ö B:5", "r", str(n), "rival:A/Ö B", to_iso(1000 + n // 2),
             to_iso(5), None, "info", "so", "n")
        for n in range(1, count + 1)
    ]  # fmt: skip
    await store_steps(site.database, steps)


async def test_rules_come_back_as_they_were_given(site: Site) -> None:
    """A posted rule is listed, and a removed one is not."""
    added = await site.json("/api/alert-rules", method="POST", json={"rule": [RULE]})
    listed = await site.json("/api/alert-rules")
    await site.json("/api/alert-rules?name=cheap", method="DELETE")

    assert added == {"added": ["cheap"]}
    assert listed["rules"] == [RULE]
    assert listed["channels"] == ["ops"]
    assert (await site.json("/api/alert-rules"))["rules"] == []


async def test_a_change_that_names_an_older_version_is_refused(site: Site) -> None:
    """It says what has changed; without a version the later change counts."""
    path = "/api/alert-rules"
    await site.json(path, method="POST", json=RULE)
    version = (await site.json(path))["versions"]["cheap"]
    await site.json(f"{path}?version={version}", method="POST", json={**RULE, "value": 19})

    for method, where, sent in (
        ("POST", f"{path}?version={version}", {"json": RULE}),
        ("DELETE", f"{path}?name=cheap&version={version}", {}),
        ("DELETE", f"{path}/cheap?version={version}", {}),
    ):
        error = await site.error(where, 409, method, **sent)
        assert error.endswith("the rule cheap meanwhile: value is now 19")
    many = {"rule": [RULE, {**RULE, "name": "b"}]}
    await site.error(f"{path}?version={version}", 400, "POST", json=many)
    assert (await site.json(path))["rules"] == [{**RULE, "value": 19}]
    newer = (await site.json(path))["versions"]["cheap"]
    await site.json(f"{path}?name=cheap&version={newer}", method="DELETE")
    error = await site.error(f"{path}?version={newer}", 409, "POST", json=RULE)
    assert "somebody has removed the rule cheap meanwhile" in error


async def test_toml_is_taken_and_a_fault_is_named_by_line(site: Site) -> None:
    """All or nothing: with one fault no rule is taken."""
    headers = {"Content-Type": "application/toml"}
    path = "/api/alert-rules"

    said = await site.json(path, 400, "POST", data=TOML + TOML + "x = 1\n", headers=headers)
    nothing = await site.json(path)
    await site.json(path, method="POST", data=TOML, headers=headers)

    assert said["error"]["code"] == "bad_request"
    assert [one["line"] for one in said["rejected"]] == [9]
    assert nothing["rules"] == []
    assert [one["name"] for one in (await site.json(path))["rules"]] == ["a"]


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({**RULE, "channels": ["nobody"]}, "channels: nobody is not in ALERT_CHANNELS: ops"),
        ({**RULE, "valeu": 3}, 'did you mean "value"?'),
        ([], "there must be rules"),
        ({"rule": 3}, "there must be rules"),
    ],
)
async def test_a_wrong_rule_is_refused_with_what_is_right(
    site: Site, rule: Any, reason: str
) -> None:
    """Nothing of it is written."""
    error = await site.error("/api/alert-rules", 400, "POST", json=rule)

    assert reason in error
    assert site.live.book.rules == {}


async def test_pages_of_alerts_and_their_filters(stored_site: Site) -> None:
    """Newest first, each once, whatever the page's size."""
    await raise_alerts(stored_site, 7)
    seen: list[str] = []
    path = "/api/alerts?limit=2"
    while True:
        page = await stored_site.json(path)
        seen += [one["item_id"] for one in page["alerts"]]
        if page["next_cursor"] is None:
            break
        path = f"/api/alerts?limit=2&cursor={page['next_cursor']}"

    assert seen == ["7", "6", "5", "4", "3", "2", "1"]
    [one] = (await stored_site.json("/api/alerts?item=3&state=open&rule=r"))["alerts"]
    assert (one["offer"], one["state"], one["closed_at"]) == ("rival:A/Ö B", "open", None)
    assert (await stored_site.json("/api/alerts?state=closed"))["alerts"] == []


async def test_acknowledging_is_a_step_of_the_alert(stored_site: Site) -> None:
    """Whatever characters the id has; an unknown id is not found."""
    await raise_alerts(stored_site, 1)
    name = quote("r:1:rival:A/Ö B:5", safe="")

    said = await stored_site.json(f"/api/alerts/{name}/acknowledge", method="POST", json={})
    await stored_site.error("/api/alerts/nothing/acknowledge", 404, "POST", json={})

    assert said == {"acknowledged": "r:1:rival:A/Ö B:5"}
    [step] = stored_site.live.steps
    assert (step.step, step.at, step.item_id) == (
        ACKNOWLEDGED,
        to_iso(int(NOW.timestamp() * 1000)),
        "1",
    )


async def test_mutes_are_listed_until_they_end(site: Site) -> None:
    """An item or a rule; without a time it is told of again."""
    later = "2027-01-01T00:00:00.000Z"
    for body in ({"item": "42", "until": later}, {"rule": "r", "until": "2020-01-01T00:00:00Z"}):
        await site.json("/api/alert-mutes", method="POST", json=body)

    muted = (await site.json("/api/alert-rules"))["mutes"]
    await site.json("/api/alert-mutes", method="POST", json={"item": "42"})

    assert muted == [{"kind": "item", "name": "42", "until": later}]
    assert (await site.json("/api/alert-rules"))["mutes"] == []
    for wrong in ({}, {"item": "42", "rule": "r"}, {"item": "x"}, []):
        await site.error("/api/alert-mutes", 400, "POST", json=wrong)


async def test_a_channel_is_tried_by_its_name(site: Site) -> None:
    """One that is not there is not found."""
    said = await site.json("/api/alert-channels/ops/test", method="POST", json={})
    await site.error("/api/alert-channels/x/test", 404, "POST", json={})

    assert said == {"channel": "ops", "delivered": True, "reason": None}
    assert site.live.tried == ["ops"]
