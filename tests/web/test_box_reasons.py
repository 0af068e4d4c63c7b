"""Reasons for a lost buy box, on the page of an item and in its answers."""

from __future__ import annotations

import html
from typing import Any

import pytest

from tests.web.conftest import KNOWN_MS, NOW
from tests.web.test_login import get
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import OfferUpdated, PriceChange, Source
from walmart_stream.domain.reading.box_reasons import Badges, Compared, Insight
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.time import to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.writes import Results, store

HOUR = 3_600_000
HOSTILE = "<script>alert(1)</script>\u202e"
OWN = OwnSight(True, 2_500, 0, "Me", "A")


async def observe(site: Any, *sights: Sight) -> None:
    """Item 42, stored as the pipeline would, the last of *sights* an hour ago."""
    first = to_ms(NOW) - len(sights) * HOUR
    entries = [
        Entry(
            Observation("42", first + n * HOUR, "seller", "a thing", {}, sight),
            Source("raw", 0, n),
        )
        for n, sight in enumerate(sights)
    ]
    done = apply({}, entries, Rules(HOUR, KNOWN_MS))
    results = Results()
    for event in done.events:
        if isinstance(event, PriceChange):
            results.add_change(event.document())
        elif isinstance(event, OfferUpdated):
            results.add_update(event.document())
        else:
            results.add_window(event.document())
    await store(site.database, results)
    site.live.states.update(done.states)


SIGHTS = (
    Sight(own=OWN, box=BoxSight("rival", "You", False)),
    Sight(
        own=OWN,
        box=BoxSight("rival", "You", False),
        compared=Compared(Badges(wfs=False, speed=HOSTILE), Badges(True, True, "TWO_DAY")),
    ),
    Sight(insight=Insight(2_199, HOSTILE, 2_210, win_rate=0.375), insight_of="A"),
)


async def test_the_page_shows_both_win_rates_and_what_walmart_suggests(stored_site: Any) -> None:
    """Each labelled by what it is a share of; texts from outside are text."""
    await observe(stored_site, *SIGHTS)

    page = await get(stored_site, "/items/42?range=24h", 200)

    assert "Won, by page views" in page
    assert "by Walmart; by time, as observed in this range:" in page
    for words in ("38%", "$21.99", "$22.10", "TWO_DAY"):
        assert words in page
    assert "<script>alert" not in page
    assert html.escape("<script>alert(1)</script>") in page


@pytest.mark.parametrize("path", ["/api/items/42", "/items/42.json", "/api/items"])
async def test_the_standing_has_them(stored_site: Any, path: str) -> None:
    """Live and as it is stored alike."""
    await observe(stored_site, *SIGHTS)

    found = await stored_site.json(path)

    standing = (found["items"][0] if "items" in found else found)["standing"]
    assert standing["insights"]["suggested_cents"] == 2_199
    assert standing["insights"]["win_rate_by_views"] == 0.375
    assert standing["compared"]["winner"] == {"wfs": True, "pro_seller": True, "speed": "TWO_DAY"}
    assert standing["compared"]["own"]["wfs"] is False
    assert standing["insights"]["since"] > standing["compared"]["since"]


async def test_without_them_the_page_is_as_it_was(stored_site: Any) -> None:
    """Sellers whom Walmart gives no insights have no empty boxes."""
    await observe(stored_site, SIGHTS[0])

    page = await get(stored_site, "/items/42?range=24h", 200)

    assert "What decides the buy box" not in page
    assert (await stored_site.json("/api/items/42"))["standing"]["insights"] is None
