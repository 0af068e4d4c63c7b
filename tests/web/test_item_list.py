"""The list of items by the API: filtered, sorted, searched, and since when not seen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.storage.own_offers import KEYS, own_change, results_of
from tests.web.conftest import START, MemoryLive, Site
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.domain.windows import Rules
from walmart_stream.storage import mongo
from walmart_stream.storage.item_writes import update_watched
from walmart_stream.storage.rows import ITEM_COLUMNS
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.writes import Results, store
from walmart_stream.web import item_outputs
from walmart_stream.web.inputs import ItemsQuery
from walmart_stream.web.item_list import items_csv, stored_items_data
from walmart_stream.web.seen import PATH

DAY = 86_400_000
NAMES = {"1": "Red Castle", "2": "Blue boat", "3": "Red boat"}


def seen(item_id: str, at: int = START) -> Any:
    """The state of an item that was seen once."""
    offers = {"featured": Offer(100, 0, None, True, "s")}
    observation = Observation(item_id, at, "affiliate", "n", dict(offers))
    entry = Entry(observation, Source("t", 0, 0))
    return apply({}, [entry], Rules(60_000, 60_000)).states[item_id]


@pytest.fixture
async def shop(stored_site: Site) -> Site:
    """A site with three items: own offers at 1000, 2000 and 3000 against a rival at 1500."""
    results = Results()
    for item_id, name in NAMES.items():
        for offer, price in (("own", 1000 * int(item_id)), ("featured", 1500)):
            for kinds in (("first_seen",), ("price",)):
                at = START + int(item_id) + (DAY if kinds == ("price",) else 0)
                price += 1
                now = Offer(price, 0, None, True, f"{offer} shop")
                event = PriceChange(item_id, offer, name, kinds, now, None, at, Source("t", 0, at))
                results.add_change(event.document())
    await store(stored_site.database, results)
    await update_watched(
        stored_site.database, {"2": (1, {"watched": True, "tags": ["fleet", "toys"]})}
    )
    stored_site.live.states["1"] = seen("1")
    return stored_site


async def listed(site: Site, query: str) -> list[str]:
    found = await site.json(f"/api/items?{query}")
    item_outputs.Items.model_validate(found)
    return [one["item_id"] for one in found["items"]]


@pytest.mark.parametrize(
    ("query", "due"),
    [
        ("", ["1", "2", "3"]),
        ("sort=own&order=desc", ["3", "2", "1"]),
        ("sort=gap_cents", ["1", "2", "3"]),
        ("sort=name", ["2", "3", "1"]),
        ("sort=changed_at&order=desc&limit=2", ["3", "2"]),
        ("q=red", ["1", "3"]),
        ("q=RED%20bo&sort=name&order=desc", ["3"]),
        ("q=3", ["3"]),
        ("tag=Toys", ["2"]),
        ("state=competitive", ["1"]),
        ("state=lost", []),
        ("state=unknown&tag=toys", ["2"]),
    ],
)
async def test_a_list_is_filtered_and_sorted(shop: Site, query: str, due: list[str]) -> None:
    """By what is stored, whatever the case of a tag or word."""
    assert await listed(shop, query) == due


async def test_a_page_leads_to_the_next(shop: Site) -> None:
    """In the order that it was asked in, and in no other."""
    first = await shop.json("/api/items?sort=own&order=desc&limit=2")
    cursor = first["next_cursor"]

    assert await listed(shop, f"sort=own&order=desc&limit=2&cursor={cursor}") == ["1"]
    error = await shop.error(f"/api/items?sort=gap_pct&cursor={cursor}", 400)
    assert error == "bad_request: cursor: of a page that was sorted otherwise"


@pytest.mark.parametrize(
    ("query", "named"),
    [("sort=price", "sort"), ("order=up", "order"), ("state=won", "state"), ("tag=%3Ca%3E", "tag")],
)
async def test_what_cannot_be_is_named(shop: Site, query: str, named: str) -> None:
    """With what would be right."""
    assert f"{named}: " in await shop.error(f"/api/items?{query}", 400)


async def test_words_of_too_many_items_are_refused(
    shop: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says of each word, not of all together, how many it finds."""
    monkeypatch.setattr("walmart_stream.storage.item_queries.FEW", 1)
    monkeypatch.setattr("walmart_stream.storage.item_queries.MOST_FOUND", 1)

    answer = await shop.json("/api/items?q=red+boat", status=400)

    assert "each word is one of more than" in answer["error"]["message"]
    assert await listed(shop, "q=red+castle") == ["1"]


async def test_what_slides_with_the_clock_is_computed_when_read(shop: Site) -> None:
    """Nothing stored goes stale by waiting."""

    async def at(now: int) -> dict[str, Any]:
        asked = ItemsQuery(limit=1)
        found = await stored_items_data(shop.database, FieldSeal(), to_datetime(now), asked)
        item: dict[str, Any] = found["items"][0]
        return item

    soon, later = await at(START + DAY + 10), await at(START + 20 * DAY)

    assert (soon["changes"]["day"], soon["changes"]["week"]) == (2, 2)
    assert (later["changes"]["day"], later["changes"]["week"]) == (0, 0)
    assert [step["landed_cents"] for step in soon["sparkline"]["steps"]] == [1001, 1002]
    assert later["sparkline"]["steps"] == [{"at": to_iso(START + 13 * DAY), "landed_cents": 1002}]


async def test_items_are_rows_of_a_file(shop: Site) -> None:
    """With a header line; unknown is an empty cell."""
    header, *rows = items_csv(await shop.json("/api/items")).splitlines()

    assert header == ",".join(ITEM_COLUMNS)
    assert rows[1].startswith('2,Blue boat,"fleet; toys",true,2002,2002,0,true,1502,featured shop')
    assert rows[2].endswith(",2,2,")


async def test_owners_say_when_items_were_seen(shop: Site, open_site: Any) -> None:
    """Each is asked for its own."""
    other = await open_site(MemoryLive(states={"2": seen("2", START + 5)}))
    shop.app.router.urls = {"2": other.url}

    found = await shop.json("/api/items")

    assert [one["seen_at"] for one in found["items"]] == [to_iso(START), to_iso(START + 5), None]
    assert found["late_workers"] == []
    assert (await shop.json("/api/items?live=false"))["items"][0]["seen_at"] is None


async def test_a_late_worker_is_named_and_not_waited_for(
    shop: Site, open_site: Any, mongod: Any
) -> None:
    """The others' items have their times."""
    quick = await open_site(
        worker_patience=0.2,
        mongodb_uri=mongod.uri,
        mongodb_database=shop.database.name,
        live=shop.live,
    )
    stuck = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await stuck.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    quick.app.router.urls = {"2": f"http://{host}:{port}", "3": "nobody"}

    found = await quick.json("/api/items")
    async with quick.client.get("/items", headers={"Accept": "text/html"}) as response:
        assert response.status == 200
        assert f"{host}:{port}" in await response.text()

    stuck.set()
    server.close()
    assert [one["seen_at"] for one in found["items"]] == [to_iso(START), None, None]
    assert found["late_workers"] == [
        f"{host}:{port}: no answer in 0.2 s",
        "nobody: its partition is moving between workers",
    ]


async def test_a_worker_tells_of_its_own_items_only(shop: Site) -> None:
    """In one answer, for as many as a line holds."""
    assert await shop.json(f"{PATH}?ids=1,9") == {"seen_at": {"1": to_iso(START), "9": None}}
    assert "ids: at most 200" in await shop.error(f"{PATH}?ids={'1,' * 200}1", 400)
    shop.live.checks = {"tables": "the tables are being restored"}
    assert "restored" in await shop.error(f"{PATH}?ids=1", 503)


async def test_what_is_sealed_is_shown_and_not_sorted_by(
    open_site: Any, mongod: Any, mongodb_database: str
) -> None:
    """The database cannot read it."""
    site = await open_site(
        mongodb_uri=mongod.uri, mongodb_database=mongodb_database, mongodb_field_keys=KEYS[0]
    )
    await mongo.create_indexes(site.database)
    await store(site.database, results_of(own_change("1")), FieldSeal(KEYS[:1]))

    (item,) = (await site.json("/api/items"))["items"]

    assert (item["state"], item["holder"]) == ("suppressed", "rival")
    for query in ("state=lost", "sort=state", "sort=holder"):
        assert "is sealed (MONGODB_FIELD_KEYS)" in await site.error(f"/api/items?{query}", 400)
