"""An item's prices over a span over HTTP, from a real mongod and a worker's memory."""

from __future__ import annotations

import csv
import io

import pytest

from tests.web.conftest import NOW, MemoryLive
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.storage import mongo
from walmart_stream.storage.writes import Results, store

HOUR = 3_600_000
END = to_ms(NOW)
# Of the day that NOW is in, so that windows are whole hours.
START = END - END % HOUR - 24 * HOUR
KNOWN_MS = 3 * HOUR

ACME = Offer(2000, 500, None, True, "Acme")
PARTLY = Offer(1900, None, None, True, "Acme")


@pytest.fixture
def open_stored(open_site, mongod, mongodb_database):
    """Starts a site with a database and a worker that has observed something."""

    async def start(live=None):
        site = await open_site(
            live,
            mongodb_uri=mongod.uri,
            mongodb_database=mongodb_database,
            price_known_for=KNOWN_MS / 1000,
            window_size=HOUR // 1000,
        )
        await mongo.create_indexes(site.database)
        return site

    return start


@pytest.fixture
async def stored_site(open_stored):
    """One of them, whose worker has observed nothing."""
    return await open_stored()


def span(begin: int, end: int) -> dict[str, str]:
    return {"from": to_iso(START + begin), "to": to_iso(START + end)}


async def save(site, *changes, windows=(), item_id="42", seal=None) -> None:
    """Changes (ms after START, offer's name, offer, box) and windows (start, seen_at, name)."""
    results = Results()
    for at, name, now, *box in changes:
        event = PriceChange(
            *(item_id, name, "A toy", ("price",), now, None, START + at),
            *(Source("walmart-competitor-data", 0, at), *box),
        )
        results.add_change(event.document())
    for start, seen_at, name in windows:
        closed = WindowClosed(
            *(item_id, name, START + start, START + start + HOUR, 1, 0, 1, 1, 1, 1, 1.0, 0.0),
            known_ms=KNOWN_MS,
            carried=True,
            seen_at=START + seen_at,
        )
        results.add_window(closed.document())
    await store(site.database, results, *([] if seal is None else [seal]))


def box(holder: str, at: int, seller: str | None = None) -> BuyBox:
    return BuyBox(holder, seller, False, START + at, START + at, HOUR, KNOWN_MS, START)


def segments(answer, offer="featured"):
    (found,) = [one for one in answer["offers"] if one["offer"] == offer]
    return [
        (begin - START, end - START, kind, cents) for begin, end, kind, cents in found["segments"]
    ]


async def series(site, params=None, path="/api/items/42/series"):
    return await site.json(path, params=params or span(0, 10 * HOUR))


async def test_a_price_holds_until_it_has_run_out(stored_site) -> None:
    """It was seen at a change and as of a window's close; shipping that is unknown is not free."""
    await save(
        stored_site,
        (HOUR, "featured", ACME),
        (3 * HOUR, "featured", PARTLY),
        (8 * HOUR, "featured", UNAVAILABLE),
        windows=[(4 * HOUR, 4 * HOUR + 1, "featured")],
    )

    answer = await series(stored_site)

    assert segments(answer) == [
        (0, HOUR, "unknown", None),
        (HOUR, 3 * HOUR, "price", 2500),
        (3 * HOUR, 7 * HOUR + 1, "partial", 1900),
        (7 * HOUR + 1, 8 * HOUR, "unknown", None),
        (8 * HOUR, 10 * HOUR, "unavailable", None),
    ]
    assert answer["first_at"] == to_iso(START + HOUR)


async def test_the_items_price_needs_no_shipping(stored_site) -> None:
    """The toggle."""
    await save(stored_site, (0, "featured", ACME), (HOUR, "featured", PARTLY))

    answer = await series(stored_site, {**span(0, 2 * HOUR), "price": "item"})

    assert segments(answer) == [(0, HOUR, "price", 2000), (HOUR, 2 * HOUR, "price", 1900)]


async def test_what_counts_at_the_start_of_the_span_is_from_before_it(stored_site) -> None:
    """Whether the offer has changed since or not."""
    await save(stored_site, (0, "featured", ACME), (0, "marketplace", PARTLY))
    await save(stored_site, (5 * HOUR, "marketplace", ACME))

    answer = await series(stored_site, span(HOUR, 4 * HOUR))

    rest = (3 * HOUR, 4 * HOUR, "unknown", None)
    assert segments(answer) == [(HOUR, 3 * HOUR, "price", 2500), rest]
    assert segments(answer, "marketplace") == [(HOUR, 3 * HOUR, "partial", 1900), rest]


def observed(*looks) -> MemoryLive:
    """A worker that has seen the featured offer at those times."""
    entries = [
        Entry(
            Observation("42", START + at, "affiliate", "n", {"featured": offer}), Source("t", 0, 0)
        )
        for at, offer in looks
    ]
    states = apply({}, entries, Rules(HOUR, KNOWN_MS)).states
    return MemoryLive(states=states)


async def test_the_worker_knows_when_it_was_seen_last(open_stored) -> None:
    """Nothing is stored of the present window; its last observation stands at the end."""
    site = await open_stored(observed((0, ACME), (5 * HOUR, ACME)))
    await save(site, (0, "featured", ACME))

    answer = await series(site, span(0, 9 * HOUR))

    assert segments(answer) == [
        (0, 3 * HOUR, "price", 2500),
        (3 * HOUR, 5 * HOUR, "unknown", None),
        (5 * HOUR, 8 * HOUR, "price", 2500),
        (8 * HOUR, 9 * HOUR, "unknown", None),
    ]
    assert answer["not_live"] is None


async def test_what_is_stored_late_is_not_drawn_as_the_price_before(open_stored) -> None:
    """The worker's word counts from its change on."""
    site = await open_stored(observed((0, ACME), (2 * HOUR, PARTLY), (4 * HOUR, PARTLY)))
    await save(site, (0, "featured", ACME))

    answer = await series(site, span(0, 5 * HOUR))

    assert segments(answer) == [
        (0, 2 * HOUR, "price", 2500),
        (2 * HOUR, 5 * HOUR, "partial", 1900),
    ]


async def test_another_worker_is_asked(open_stored) -> None:
    """By the address that the group has for it; what it says counts as this one's own."""
    owner = await open_stored(observed((0, ACME), (5 * HOUR, ACME)))
    asked = await open_stored()
    asked.app.router.urls = {"42": owner.url}
    await save(asked, (0, "featured", ACME))

    answer = await series(asked, span(4 * HOUR, 6 * HOUR))

    assert segments(answer)[-1] == (5 * HOUR, 6 * HOUR, "price", 2500)
    assert answer["not_live"] is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1", "127.0.0.1:1: ClientConnectorError"),
        ("nobody", "no worker has the item's partition"),
        ({}, "its worker has not observed it"),
    ],
)
async def test_a_worker_that_is_gone_is_named(open_stored, url, why) -> None:
    """The stored past is shown nonetheless."""
    site = await open_stored()
    site.app.router.urls = {"42": url} if url else {}
    await save(site, (0, "featured", ACME))

    answer = await series(site)

    assert answer["not_live"] == why
    assert segments(answer)[0] == (0, 3 * HOUR, "price", 2500)


async def test_own_best_rival_and_featured_come_first(stored_site) -> None:
    """The best rival is whoever is cheapest now; others can be chosen."""
    await save(
        stored_site,
        (0, "own", ACME._replace(seller="Me"), box("own", 0)),
        (0, "featured", ACME),
        (0, "rival:Cheap, Inc.", Offer(900, 0, None, True, "Cheap, Inc.")),
        (0, "rival:Dear", Offer(9000, 0, None, True, "Dear")),
    )

    first = await series(stored_site)
    chosen = await series(
        stored_site, {**span(0, HOUR), "offers": "rival:Dear,rival:Cheap, Inc.,best_rival"}
    )

    assert [one["offer"] for one in first["offers"]] == ["own", "rival:Cheap, Inc.", "featured"]
    assert [one["offer"] for one in chosen["offers"]] == ["rival:Dear", "rival:Cheap, Inc."]
    assert first["known_offers"] == ["featured", "own", "rival:Cheap, Inc.", "rival:Dear"]


async def test_without_an_own_offer_featured_and_marketplace_come_first(stored_site) -> None:
    """The same picture for a seller who has no seller side."""
    await save(stored_site, (0, "featured", ACME), (0, "marketplace", ACME), (0, "rival:A", ACME))

    answer = await series(stored_site)

    assert [one["offer"] for one in answer["offers"]] == ["featured", "marketplace"]
    assert answer["buy_box"]["of"] == "featured"
    assert answer["buy_box"]["segments"][0] == [START, START + 3 * HOUR, "rival", "Acme"]


async def test_the_ribbon_is_of_the_own_offer(stored_site) -> None:
    """Its segments, and the share of the known time in which own held the box."""
    own = ACME._replace(seller="Me")
    await save(stored_site, (0, "own", own, box("own", 0)))
    await save(stored_site, (HOUR, "own", own, box("rival", HOUR, "Acme")))

    ribbon = (await series(stored_site, span(0, 5 * HOUR)))["buy_box"]

    assert ribbon["segments"] == [
        [START, START + HOUR, "own", None],
        [START + HOUR, START + 4 * HOUR, "rival", "Acme"],
        [START + 4 * HOUR, START + 5 * HOUR, "unknown", None],
    ]
    assert (ribbon["own_share"], ribbon["known_share"]) == (0.25, 0.8)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"range": "8d"}, "range"),
        ({"range": "7d", "from": to_iso(START)}, "not both"),
        ({"from": to_iso(START), "to": to_iso(START)}, "later than from"),
        ({"from": to_iso(END + 1)}, "before now"),
        ({"from": "yesterday"}, "ISO 8601"),
        ({"offers": "featured,nobody's"}, "there are: featured, marketplace, best_rival"),
        ({"offers": ""}, "offers"),
        ({"price": "net"}, "landed"),
        ({"points": "9"}, "points"),
    ],
)
async def test_a_bad_question_is_refused_with_what_is_right(stored_site, params, says) -> None:
    """400, and the parameter is named."""
    await save(stored_site, (0, "featured", ACME), (0, "marketplace", ACME))

    assert says in await stored_site.error("/api/items/42/series", 400, params=params)


async def test_five_offers_at_most_and_no_unknown_item(stored_site) -> None:
    """More lines than that nobody tells apart."""
    names = [f"rival:{number}" for number in range(6)]
    await save(stored_site, *((0, name, ACME) for name in names))

    refused = await stored_site.error(
        "/api/items/42/series", 400, params={"offers": ",".join(names)}
    )
    await stored_site.error("/api/items/43/series", 404)
    await stored_site.error("/api/items/43/series.csv", 404)
    await stored_site.error("/api/items/x/series", 400)

    assert "5 at most, not 6" in refused


async def test_a_new_item_is_shown_since_it_is_known(stored_site) -> None:
    """Where nobody says from when: of seven days the chart would be empty, but for its end."""
    await save(stored_site, (HOUR, "featured", ACME))

    answer = await series(stored_site, {"points": 100})

    assert answer["from"] == answer["first_at"] == to_iso(START + HOUR)


async def test_all_begins_with_the_first_change_and_now_ends_it(stored_site) -> None:
    """Nothing is known of the future."""
    await save(stored_site, (HOUR, "featured", ACME))

    whole = await series(stored_site, {"range": "all"})
    week = await series(stored_site, {"range": "7d"})
    future = await series(stored_site, {"to": to_iso(END + HOUR)})

    assert (whole["from"], whole["to"]) == (to_iso(START + HOUR), to_iso(END))
    assert (week["from"], week["to"]) == (to_iso(END - 7 * 24 * HOUR), to_iso(END))
    assert future["to"] == to_iso(END)


async def test_a_long_series_is_thinned(stored_site) -> None:
    """To about as many points as were asked for; lowest and highest stay."""
    changes = [
        (60_000 * number, "featured", Offer(1000 + number % 7, 0, None, True, "Acme"))
        for number in range(600)
    ]
    await save(stored_site, *changes)

    (thinned,) = (await series(stored_site, {**span(0, 10 * HOUR), "points": "40"}))["offers"]
    (whole,) = (await series(stored_site))["offers"]

    assert thinned["thinned"]
    assert not whole["thinned"]
    assert len(thinned["segments"]) <= 40 < len(whole["segments"]) == 600
    assert {one[3] for one in thinned["segments"]} >= {1000, 1006}
    assert (thinned["low_cents"], thinned["high_cents"]) == (1000, 1006)
    assert thinned["changes"] == whole["changes"] == 600


async def test_csv_has_a_line_for_each_segment(stored_site) -> None:
    """Unknown is an empty cell, and no formula stands in it."""
    await save(stored_site, (0, "rival:;=1+1", ACME))

    path = "/api/items/42/series.csv"
    params = {**span(0, 4 * HOUR), "offers": "rival:;=1+1"}
    async with stored_site.client.get(path, params=params) as response:
        text = await response.text()

    assert response.content_type == "text/csv"
    first, last = csv.DictReader(io.StringIO(text, newline=""))
    assert (first["kind"], first["cents"], first["to"]) == (
        "price",
        "2500",
        to_iso(START + 3 * HOUR),
    )
    assert (last["kind"], last["cents"]) == ("unknown", "")
    assert first["offer"] == "rival:;'=1+1"
