"""Stored items, price changes and windows over HTTP, from a real mongod."""

from __future__ import annotations

import csv
import io

import aiohttp
import pytest

from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage import mongo
from walmart_stream.storage.writes import Results, store

START = 1_800_000_000_000
BEFORE = Offer(1000, None, None, True, "Walmart.com")


async def save(site, item_id, times, *, offer="featured", seller="Walmart.com") -> None:
    """Price changes at ms after START; each costs a cent more than the one before."""
    results = Results()
    for number, at in enumerate(times):
        change = PriceChange(
            item_id,
            offer,
            "A toy",
            ("price", "shipping"),
            Offer(1001 + number, 0, 99, True, seller),
            BEFORE,
            START + at,
            Source("walmart-competitor-data", 3, at),
        )
        results.add_change(change.document())
    await store(site.database, results)


async def save_windows(site, item_id, count) -> None:
    results = Results()
    for number in range(count):
        start = START + number * 1000
        closed = WindowClosed(
            *(item_id, "featured", start, start + 1000, 4, 2, 10, 12, 9, 11, 10.5, 0.75),
            known_ms=10_800_000,
            carried=False,
            seen_at=start + 900,
        )
        results.add_window(closed.document())
    await store(site.database, results)


async def test_an_items_change_has_all_its_fields(stored_site) -> None:
    """As the contract names them, with times in UTC to the millisecond."""
    await save(stored_site, "42", [5])

    answer = await stored_site.json("/api/items/42/history")

    assert answer == {
        "item_id": "42",
        "changes": [
            {
                "offer": "featured",
                "seller": "Walmart.com",
                "kinds": ["price", "shipping"],
                "price_cents": 1001,
                "shipping_cents": 0,
                "landed_cents": 1001,
                "available": True,
                "previous": {
                    "price_cents": 1000,
                    "shipping_cents": None,
                    "landed_cents": None,
                    "available": True,
                    "seller": "Walmart.com",
                },
                "delta_cents": 1,
                "delta_pct": 0.1,
                "observed_at": to_iso(START + 5),
                "source": {"topic": "walmart-competitor-data", "partition": 3, "offset": 5},
                "buy_box": None,
            }
        ],
        "next_cursor": None,
    }


async def test_history_is_paged_by_cursors(stored_site) -> None:
    """Until there is no next one; what comes in meanwhile disturbs nothing."""
    await save(stored_site, "42", range(0, 50, 10))

    seen, query = [], "?limit=2"
    while True:
        answer = await stored_site.json(f"/api/items/42/history{query}")
        seen += [change["observed_at"] for change in answer["changes"]]
        if answer["next_cursor"] is None:
            break
        await save(stored_site, "42", [5])
        query = f"?limit=2&cursor={answer['next_cursor']}"

    assert seen == [to_iso(START + at) for at in (0, 10, 20, 30, 40)]


async def test_history_can_be_cut_by_time_and_offer(stored_site) -> None:
    """From inclusive, to exclusive."""
    await save(stored_site, "42", [0, 10, 20])
    await save(stored_site, "42", [0, 10, 20], offer="marketplace")

    answer = await stored_site.json(
        "/api/items/42/history",
        params={"from": to_iso(START + 10), "to": to_iso(START + 20), "offer": "marketplace"},
    )

    found = [(change["offer"], change["observed_at"]) for change in answer["changes"]]
    assert found == [("marketplace", to_iso(START + 10))]


async def test_a_span_without_changes_is_empty_and_an_unknown_item_404(stored_site) -> None:
    """Nothing happened, and nothing is known: two answers; in both formats."""
    await save(stored_site, "42", [0])
    later = to_iso(START + 10).replace("Z", "%2B00:00")

    for form in ("json", "csv"):
        await stored_site.error(f"/api/items/43/history?format={form}", 404)
    await stored_site.error("/api/items/43/windows", 404)
    empty = await stored_site.json(f"/api/items/42/history?from={later}")
    async with stored_site.client.get(f"/api/items/42/history?format=csv&from={later}") as response:
        lines = (await response.text()).splitlines()

    assert empty["changes"] == []
    assert len(lines) == 1


async def test_csv_has_a_header_and_the_same_changes(stored_site) -> None:
    """Unknown is an empty cell, not 0."""
    await save(stored_site, "42", [5])

    async with stored_site.client.get("/api/items/42/history?format=csv") as response:
        text = await response.text()

    assert response.content_type == "text/csv"
    assert response.charset == "utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="history-42.csv"'
    assert "Link" not in response.headers
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row == {
        "item_id": "42",
        "offer": "featured",
        "observed_at": to_iso(START + 5),
        "kinds": "price shipping",
        "seller": "Walmart.com",
        "price_cents": "1001",
        "shipping_cents": "0",
        "landed_cents": "1001",
        "available": "true",
        "previous_seller": "Walmart.com",
        "previous_price_cents": "1000",
        "previous_shipping_cents": "",
        "previous_landed_cents": "",
        "previous_available": "true",
        "delta_cents": "1",
        "delta_pct": "0.1",
    }


async def test_the_next_page_of_csv_is_in_the_link_header(stored_site) -> None:
    """Followed to the end, every change comes once."""
    await save(stored_site, "42", range(0, 70, 10))

    seen, url = [], stored_site.client.make_url("/api/items/42/history?format=csv&limit=3")
    pages = 0
    while url is not None:
        async with stored_site.client.session.get(url) as response:
            assert response.status == 200
            rows = csv.DictReader(io.StringIO(await response.text(), newline=""))
            seen += [row["observed_at"] for row in rows]
            pages += 1
            following = response.links.get("next")
            url = following["url"] if following else None

    assert seen == [to_iso(START + at) for at in range(0, 70, 10)]
    assert pages == 3


async def test_a_long_csv_file_is_streamed_whole(stored_site) -> None:
    """Over several batches of the database and several writes to the network."""
    await save(stored_site, "42", range(3_000))

    async with stored_site.client.get("/api/items/42/history?format=csv") as response:
        lines = (await response.text()).splitlines()

    assert response.headers["Transfer-Encoding"] == "chunked"
    assert len(lines) == 3_001


async def test_head_of_csv_has_no_body(stored_site) -> None:
    """The connection can be used again after it."""
    await save(stored_site, "42", [0])

    async with stored_site.client.head("/api/items/42/history?format=csv") as response:
        assert (response.status, await response.read()) == (200, b"")
    await stored_site.json("/livez")


@pytest.mark.parametrize("seller", ['=HYPERLINK("http://x")', "+1", "-1", "@x"])
async def test_a_sellers_name_is_no_formula(stored_site, seller) -> None:
    """Sellers choose their names, and people open the file with a spreadsheet."""
    await save(stored_site, "42", [0], seller=seller)

    async with stored_site.client.get("/api/items/42/history?format=csv") as response:
        (row,) = csv.DictReader(io.StringIO(await response.text(), newline=""))

    assert row["seller"] == f"'{seller}"


async def test_windows_are_the_stored_ones(stored_site) -> None:
    """Those of the past, paged like changes."""
    await save(stored_site, "42", [0])
    await save_windows(stored_site, "42", 3)

    first = await stored_site.json("/api/items/42/windows?limit=2")
    second = await stored_site.json(f"/api/items/42/windows?cursor={first['next_cursor']}")

    assert first["windows"][0] == {
        "offer": "featured",
        "start": to_iso(START),
        "end": to_iso(START + 1000),
        "observations": 4,
        "changes": 2,
        "open": 10,
        "high": 12,
        "low": 9,
        "close": 11,
        "mean": 10.5,
        "coverage": 0.75,
        "carried": False,
        "width_s": 1,
    }
    assert [window["start"] for window in second["windows"]] == [to_iso(START + 2000)]
    assert second["next_cursor"] is None


async def test_items_are_paged_with_their_offers(stored_site) -> None:
    """An item is on one page with all of its offers."""
    for item_id in ("7", "70", "8"):
        await save(stored_site, item_id, [0])
        await save(stored_site, item_id, [1], offer="marketplace")

    first = await stored_site.json("/api/items?limit=2")
    second = await stored_site.json(f"/api/items?limit=2&cursor={first['next_cursor']}")

    assert [item["item_id"] for item in first["items"]] == ["7", "70"]
    assert [item["item_id"] for item in second["items"]] == ["8"]
    assert second["next_cursor"] is None
    assert first["items"][0]["name"] == "A toy"
    assert first["items"][0]["offers"]["marketplace"] == {
        "seller": "Walmart.com",
        "price_cents": 1001,
        "shipping_cents": 0,
        "landed_cents": 1001,
        "two_day_cents": 99,
        "available": True,
        "changed_at": to_iso(START + 1),
    }


async def test_without_items_there_is_an_empty_page(stored_site) -> None:
    """As on the first day."""
    assert await stored_site.json("/api/items") == {
        "items": [],
        "next_cursor": None,
        "late_workers": [],
    }


async def test_a_csv_file_is_cut_off_when_the_database_dies(open_site, mongod, tmp_path) -> None:
    """The status has long been sent: a broken transfer is what tells that rows are missing."""
    server = EmbeddedMongod(tmp_path)
    await server.start()
    site = await open_site(mongodb_uri=f"{server.uri}&serverSelectionTimeoutMS=200")
    await mongo.create_indexes(site.database)
    # More than the buffers between the two ends hold.
    await save(site, "42", [0])
    row = await site.database["price_changes"].find_one({}, {"_id": 0})
    rows = [
        {**row, "seller": "x" * 200, "observed_at": to_datetime(START + at)}
        for at in range(1, 60_000)
    ]
    await site.database["price_changes"].insert_many(rows)

    url = "/api/items/42/history?format=csv&limit=100000"
    async with site.client.get(url) as response:
        await response.content.read(1)
        await server.stop()
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()

    assert response.status == 200
    await site.json("/livez")
