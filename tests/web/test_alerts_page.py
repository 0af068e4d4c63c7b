"""Alerts as a page, without a browser."""

from __future__ import annotations

import html
import re
from urllib.parse import parse_qs, urlsplit

from tests.web.test_login import get, post


async def test_alerts_are_listed_filtered_and_acknowledged(full_site) -> None:
    """Each with what raised it; the form says which one a person knows of."""
    page = await get(full_site, "/alerts?state=&severity=", 200)
    (found, *_) = (await full_site.json("/alerts.json"))["alerts"]

    assert f'data-row="{found["id"]}"' in page
    assert f'href="/items/{found["item_id"]}"' in page
    assert "There are no" not in page
    assert "No alert is like that" in await get(full_site, "/alerts?rule=another", 200)
    assert "state" in await get(full_site, "/alerts?state=x", 400)

    async with full_site.client.get("/alerts.csv?severity=") as response:
        assert response.content_type == "text/csv"
        assert found["id"] in await response.text()

    names = re.findall(r'name="alert" value="([^"]+)"', page)
    assert found["id"] in names
    before = len(full_site.live.steps)
    response, _ = await post(full_site, "/alerts", {"alert": found["id"]}, 303)
    assert response.headers["Location"] == "/alerts"
    assert len(full_site.live.steps) == before + 1
    _, page = await post(full_site, "/alerts", {"alert": "no:such"}, 400)
    assert "no such alert" in page


async def test_alerts_are_filtered_by_tag(full_site) -> None:
    """The tags are those of the item, and lead to the list of them."""
    (found, *_) = (await full_site.json("/alerts.json"))["alerts"]
    await full_site.database["alerts"].update_one(
        {"_id": found["id"]}, {"$set": {"tags": ["toys"]}}
    )

    page = await get(full_site, "/alerts?tag=Toys", 200)

    assert f'data-row="{found["id"]}"' in page
    assert 'href="/alerts?tag=toys"' in page
    data = await full_site.json("/alerts.json?tag=toys")
    assert [one["tags"] for one in data["alerts"]] == [["toys"]]
    async with full_site.client.get("/alerts.csv?tag=toys") as response:
        assert "toys" in await response.text()
    assert "No alert is like that" in await get(full_site, "/alerts?tag=red", 200)


async def test_acknowledging_keeps_the_place(full_site) -> None:
    """Filter and page stay; what they cannot be is refused before anything is done."""
    (found, *_) = (await full_site.json("/alerts.json"))["alerts"]
    page = await get(full_site, "/alerts?state=open&severity=", 200)
    (action,) = set(re.findall(r'<form method="post" action="(/alerts[^"]*)"', page))
    before = len(full_site.live.steps)

    response, _ = await post(full_site, html.unescape(action), {"alert": found["id"]}, 303)

    assert parse_qs(urlsplit(response.headers["Location"]).query)["state"] == ["open"]
    assert len(full_site.live.steps) == before + 1
    await post(full_site, "/alerts?state=x", {"alert": found["id"]}, 400)
    assert len(full_site.live.steps) == before + 1
