"""The page of an item, without a browser: what it shows, what it links to, and its data."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from tests.web.conftest import KNOWN_MS, NOW
from tests.web.test_login import get
from walmart_stream.domain.alerts.steps import RAISED, Step
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.writes import Results, store

HOUR = 3_600_000
HOSTILE = "<script>alert(1)</script>\"'&\u202eslaes\u2066 " + "x" * 5_000
RULES = Rules(HOUR, KNOWN_MS)


def offer(cents: int | None, shipping: int | None = 0, seller: str | None = "a seller") -> Offer:
    return Offer(cents, shipping, None, cents is not None, seller if cents is not None else None)


async def observe(site, *sights: tuple[float, dict[str, Offer]], name: str | None = "a thing"):
    """Item 42, stored as the pipeline would: hours before now, and the offers seen then."""
    entries = [
        Entry(
            Observation("42", to_ms(NOW) - int(hours * HOUR), "affiliate", name, offers),
            Source("walmart-competitor-data", 3, place),
        )
        for place, (hours, offers) in enumerate(sights)
    ]
    done = apply({}, entries, RULES)
    results = Results()
    for event in done.events:
        add = results.add_change if isinstance(event, PriceChange) else results.add_window
        add(event.document())
    await store(site.database, results)
    site.live.states.update(done.states)


@pytest.fixture
async def shown(stored_site):
    """A site with an item that changed twice, and was away in between."""
    await observe(
        stored_site,
        (5, {"featured": offer(1_999, 399)}),
        (4, {"featured": offer(1_899, None)}),
        (3, {"featured": offer(None)}),
        (1, {"featured": offer(2_099, 0, HOSTILE)}),
        name=HOSTILE,
    )
    return stored_site


async def test_it_shows_chart_changes_and_where_they_come_from(shown) -> None:
    """Each change with its place in the raw topic; unknown shipping is not free."""
    page = await get(shown, "/items/42?range=24h", 200)

    assert '<svg class="chart"' in page
    assert 'aria-label="Landed price from' in page
    assert "walmart-competitor-data, partition 3, offset 2" in page
    for words in ("$18.99", "not available", "free", "unknown", "$20.99"):
        assert words in page
    assert "$0.00" not in page


async def test_names_of_items_and_sellers_are_text(shown) -> None:
    """Markup is shown, quotes end nothing, and five thousand characters are not all shown."""
    page = await get(shown, "/items/42?range=24h", 200)

    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page
    assert "x" * 1_000 not in page
    assert len(page) < 100_000


async def test_everything_that_is_shown_stands_in_the_address(shown) -> None:
    """Each choice changes one thing of it and keeps the others."""
    page = await get(shown, "/items/42?range=24h&offers=featured&price=item", 200)

    links = [html.unescape(one) for one in re.findall(r'href="(\?[^"]*)"', page)]
    assert "?range=30d&offers=featured&price=item" in links
    assert "?range=24h&offers=featured&price=landed" in links
    assert 'data-live="/items/42.json?range=24h&amp;offers=featured&amp;price=item"' in page
    assert re.search(r'data-key="1" aria-current="true"', page)
    own = await get(shown, "/items/42?from=2026-11-22T13:00:00Z", 200)
    assert "?range=7d" in own
    assert not re.search(r'data-key="\d" aria-current', own)


async def test_its_data_are_at_the_same_path(shown) -> None:
    """And asking again for what is known is answered 304, until something happens."""
    found = await shown.json("/items/42.json?range=24h")
    api = await shown.json("/api/items/42/series?range=24h")
    async with shown.client.get("/items/42.json?range=24h") as response:
        tag = response.headers["ETag"]

    assert found["series"] == api
    assert [one["landed_cents"] for one in found["changes"]] == [2_099, None, None, 2_398]
    again = {"If-None-Match": tag}
    async with shown.client.get("/items/42.json?range=24h", headers=again) as response:
        assert response.status == 304
        assert await response.read() == b""
    await observe(shown, (1, {"featured": offer(2_099)}), (0.5, {"featured": offer(2_199)}))
    async with shown.client.get("/items/42.json?range=24h", headers=again) as response:
        assert response.status == 200
    async with shown.client.get("/items/42.csv?range=24h") as response:
        csv = await response.text()
    async with shown.client.get("/api/items/42/series.csv?range=24h") as response:
        assert csv == await response.text()


async def test_without_an_own_offer_it_begins_with_the_others(shown) -> None:
    """And with when it was seen, which its worker knows, and what was raised."""
    page = await get(shown, "/items/42", 200)
    found = await shown.json("/items/42.json")

    assert "Featured offer</dt><dd><data" in page
    assert "Best marketplace offer</dt><dd>none" in page
    assert found["standing"] is None
    assert found["offers"]["featured"]["landed_cents"] == 2_099
    assert found["series"]["seen_at"] == to_iso(to_ms(NOW) - HOUR)
    assert "None was raised for this item" in page
    assert found["alerts"] == []
    at = to_iso(to_ms(NOW))
    name = "a-rule:42:featured:1"
    step = Step(1, RAISED, name, "a-rule", "42", "featured", at, at, severity="warning")
    await store_steps(shown.database, [step])
    assert "a-rule" in await get(shown, "/items/42", 200)


async def test_a_range_of_ones_own_may_have_no_end(shown) -> None:
    """Forms send empty fields along; a wrong one is named, with what is right."""
    begin = to_iso(to_ms(NOW) - 2 * HOUR)

    page = await get(shown, f"/items/42?from={begin}&to=&offers=&price=item", 200)

    assert re.search(r'<details id="custom" class="custom" open', page)
    assert 'name="to" value=""' in page
    assert "ISO 8601" in await get(shown, "/items/42?from=yesterday", 400)


async def test_an_unknown_item_is_a_page_that_says_so(shown) -> None:
    """404; what is no id, or no range, is 400 with what is right."""
    assert "nothing is stored of item 7" in await get(shown, "/items/7", 404)
    assert "1 to 20 digits" in await get(shown, "/items/x", 400)
    assert "&#x27;24h&#x27;" in await get(shown, "/items/42?range=1y", 400)
    later = (NOW + timedelta(days=1)).isoformat().replace("+", "%2B")
    assert "must be before now" in await get(shown, f"/items/42?from={later}", 400)
    assert "there are: featured" in await get(shown, "/items/42?offers=nobody", 400)


async def test_without_the_database_it_is_said(open_site) -> None:
    """503, and where to look."""
    site = await open_site(mongodb_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1")

    page = await get(site, "/items/42", 503)

    assert "mongodb: the database is away" in page
    assert "/system" in page
