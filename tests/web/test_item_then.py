"""An item as it was known at a time."""

from __future__ import annotations

import asyncio

import pytest

from tests.web.conftest import KNOWN_MS, START
from walmart_stream.domain.apply import Entry
from walmart_stream.domain.events import Source
from walmart_stream.domain.known_then import ItemLog
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.time import to_iso
from walmart_stream.web import item_then, outputs
from walmart_stream.web.limits import Limits


def look(at: int, cents: int, offset: int) -> Entry:
    offers = {"featured": Offer(cents, 0, None, True, "Walmart.com")}
    return Entry(
        Observation("42", START + at, "affiliate", "Tea", offers), Source("raw", 1, offset)
    )


LOG = [look(0, 1_999, 7), look(1_000, 1_899, 9), look(2_000, 1_799, 12)]


@pytest.fixture
async def past_site(site):
    """A site whose log has three observations of item 42, the last one at START + 2 s."""
    site.live.logs["42"] = ItemLog("42", 1, LOG, None)
    return site


def path(at: int) -> str:
    return f"/api/items/42?at={to_iso(START + at)}"


async def test_the_offers_are_those_of_the_time(past_site) -> None:
    """With the record that each was known by; whichever worker is asked, ready or not."""
    past_site.live.checks = {"tables": "they are being restored"}

    found = [await past_site.json(path(at)) for at in (0, 999, 1_000, KNOWN_MS + 2_000)]

    for answer in found:
        outputs.PastItem.model_validate(answer)
    offers = [answer["offers"]["featured"] for answer in found]
    assert [one["price_cents"] for one in offers] == [1_999, 1_999, 1_899, 1_799]
    assert [one["source"]["offset"] for one in offers] == [7, 7, 9, 12]
    assert [one["known"] for one in offers] == [True, True, True, False]


async def test_before_the_first_observation_there_is_nothing(past_site) -> None:
    """404, as of an item that was never seen."""
    says = await past_site.error(path(-1), 404)

    assert says.startswith("not_found: item 42 had not been observed by 2027-01-15T07:59:59.999Z")
    assert "not_found" in await past_site.error(path(0).replace("42", "43"), 404)


async def test_what_the_log_has_lost_cannot_be_told(past_site) -> None:
    """410 where nothing is certain; else what is, marked as perhaps not all."""
    past_site.live.logs["42"] = ItemLog("42", 1, LOG, Horizon(5, START + 500))

    assert "gone: the raw topic no longer holds" in await past_site.error(path(0), 410)
    found = await past_site.json(path(1_000))
    assert not found["is_whole"]
    assert found["offers"]["featured"]["price_cents"] == 1_899


@pytest.mark.parametrize("query", ["at=yesterday", "at=", "at=2026-01-01T00:00:00Z&x=1"])
async def test_a_wrong_time_is_refused(past_site, query: str) -> None:
    """With words about what is due."""
    assert "bad_request" in await past_site.error(f"/api/items/42?{query}", 400)


async def test_a_log_that_takes_too_long_is_given_up(past_site, monkeypatch) -> None:
    """A worker has other work; the command has no such limit."""

    async def never(item_id: str, at: int) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(past_site.live, "known_then", never)
    monkeypatch.setattr(item_then, "LIMITS", Limits(log=0.01))

    assert "`walmart-stream state`" in await past_site.error(path(0), 503)
