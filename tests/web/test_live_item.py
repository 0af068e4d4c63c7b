"""One item's live state and windows, and the worker that is asked for them."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source, summarise
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.time import to_iso
from walmart_stream.domain.windows import Rules
from walmart_stream.local.ports import free_port
from walmart_stream.storage.writes import Results, store
from walmart_stream.web import item_outputs, outputs
from walmart_stream.web.forward import HOP

RULES = Rules(window_ms=60_000, known_ms=600_000)
START = 1_800_000_000_000
FEATURED = Offer(1999, 0, None, True, "Walmart.com")
MARKETPLACE = Offer(1899, None, 500, True, "Toys & more")
CHEAP = MARKETPLACE._replace(shipping_cents=0)


def observed(live, item_id: str, *looks: tuple[int, dict[str, Offer]]) -> None:
    """Put an item into *live* that was seen so, at ms after START."""
    entries = [
        Entry(Observation(item_id, START + at, "affiliate", "A toy", offers), Source("raw", 0, at))
        for at, offers in looks
    ]
    state = apply({}, entries, RULES).states[item_id]
    live.states[item_id] = state
    windows: dict = {}
    for name, offer in state.offers.items():
        so_far = summarise(item_id, name, offer.window, offer.offer, offer.observed_at)
        windows.setdefault(so_far.start, {})[name] = so_far.document()
    live.windows_of[item_id] = windows


async def test_an_items_offers_and_windows_are_the_tables(site) -> None:
    """Each offer as it is, since when, and its window so far."""
    later = FEATURED._replace(price_cents=2099)
    observed(
        site.live,
        "42",
        (0, {"featured": FEATURED, "marketplace": MARKETPLACE}),
        (30_000, {"featured": later}),
    )

    item = await site.json("/api/items/42")

    assert item["name"] == "A toy"
    assert item["observed_at"] == to_iso(START + 30_000)
    assert item["offers"]["featured"] == {
        "seller": "Walmart.com",
        "price_cents": 2099,
        "shipping_cents": 0,
        "landed_cents": 2099,
        "two_day_cents": None,
        "available": True,
        "changed_at": to_iso(START + 30_000),
        "observed_at": to_iso(START + 30_000),
    }
    assert item["offers"]["marketplace"]["shipping_cents"] is None
    assert item["offers"]["marketplace"]["landed_cents"] is None
    first, second = item["windows"]
    assert first == {
        "offer": "featured",
        "start": to_iso(START),
        "end": to_iso(START + 60_000),
        "observations": 2,
        "changes": 1,
        "open": 1999,
        "high": 2099,
        "low": 1999,
        "close": 2099,
        "mean": 2049.0,
        "coverage": 1.0,
        "width_s": 60,
        "carried": False,
    }
    assert (second["offer"], second["mean"], second["coverage"]) == ("marketplace", None, 0.0)


async def test_an_unknown_item_is_404(site) -> None:
    """It has not been observed, whether it is watched or not."""
    assert await site.error("/api/items/43", 404) == "not_found: item 43 has not been observed"


async def test_while_the_tables_move_it_is_503(site) -> None:
    """An item that is being restored is not unknown."""
    site.live.checks = {"tables": "the tables are being restored"}

    error = await site.error("/api/items/42", 503)

    assert error == "not_ready: tables: the tables are being restored"


async def test_the_live_view_does_not_need_the_database(site) -> None:
    """It is answered from memory while MongoDB is away."""
    site.live.checks = {"mongodb": "writes are waiting for it (AutoReconnect)"}
    observed(site.live, "42", (0, {"featured": FEATURED}))

    assert (await site.json("/api/items/42"))["item_id"] == "42"


async def test_whichever_worker_is_asked_the_owner_answers(open_site) -> None:
    """With the same status, type and body, and the caller's token."""
    token = {"Authorization": "Bearer t"}
    owner, other = await open_site(web_token="t"), await open_site(web_token="t")
    other.app.router.urls = {"42": owner.url, "43": owner.url}
    observed(owner.live, "42", (0, {"featured": FEATURED, "marketplace": MARKETPLACE}))

    for path, status in (("/api/items/42", 200), ("/api/items/43", 404)):
        direct = await owner.json(path, status, headers=token)
        assert await other.json(path, status, headers=token) == direct


async def test_a_request_is_passed_on_once(open_site) -> None:
    """Two workers that take each other for the owner do not play ping-pong."""
    one, two = await open_site(), await open_site()
    one.app.router.urls, two.app.router.urls = {"42": two.url}, {"42": one.url}

    error = await one.error("/api/items/42", 503)

    assert error == "not_ready: the item's partition is moving between workers"


async def test_a_caller_cannot_make_a_stranger_answer(open_site) -> None:
    """The mark of a passed-on request does not make a worker speak for others' items."""
    one, two = await open_site(), await open_site()
    one.app.router.urls = {"42": two.url}

    await one.error("/api/items/42", 503, headers={HOP: "1"})


async def test_without_an_owner_it_is_503(site) -> None:
    """As between an item's two owners."""
    site.app.router.urls = {"42": "nobody"}

    error = await site.error("/api/items/42", 503)

    assert error == "not_ready: no worker has the item's partition yet"


async def test_an_owner_that_is_gone_is_503(site) -> None:
    """Until the group has noticed."""
    site.app.router.urls = {"42": f"http://127.0.0.1:{free_port()}"}

    error = await site.error("/api/items/42", 503)

    assert error.startswith("not_ready: the item's worker did not answer (ClientConnector")


async def test_an_owner_that_hangs_is_503(open_site) -> None:
    """A stopped process accepts and says nothing."""
    site = await open_site(forward_timeout=0.1)
    released = asyncio.Event()

    async def hang(request):
        await released.wait()
        return web.Response()

    stuck = web.Application()
    stuck.router.add_get("/api/items/42", hang)
    async with TestServer(stuck) as server:
        site.app.router.urls = {"42": str(server.make_url("/"))}

        error = await site.error("/api/items/42", 503)
        released.set()

    assert error == "not_ready: the item's worker did not answer (TimeoutError)"


def test_faust_hashes_the_item_id_as_the_raw_topic_does(tmp_path) -> None:
    """A table of bytes keys serialises the id in the path to the very key of its observations."""
    import faust

    app = faust.App("t", broker="kafka://127.0.0.1:1", datadir=str(tmp_path))
    offers = app.Table("offers", key_type=bytes, value_type=bytes, partitions=4)

    assert offers.changelog_topic.prepare_key("42", None)[0] == b"42"


@pytest.mark.parametrize("path", ["/api/items/42%2F..", "/api/items/%00", "/api/items/42%0A"])
async def test_odd_paths_are_refused_before_anybody_is_asked(site, path) -> None:
    """Nothing but an item id is passed on to another worker."""
    async with site.client.get(path) as response:
        assert response.status == 400


async def test_the_standing_of_own_is_told(site) -> None:
    """From the same state as the offers, with the share of time that own won."""
    mine = Sight(own=OwnSight(True, 2000, 499, "My Shop"), box=BoxSight("own", None, False))
    lost = Sight(own=OwnSight(True, 2000, 499), box=BoxSight("rival", "Toys & more", False))
    looks = [
        Observation("42", START, "webhook", None, {}, mine),
        Observation("42", START + 30_000, "webhook", None, {"rival:Toys & more": CHEAP}, lost),
    ]
    entries = [Entry(one, Source("raw", 0, number)) for number, one in enumerate(looks)]
    site.live.states["42"] = apply({}, entries, RULES).states["42"]

    item = await site.json("/api/items/42")

    assert item["standing"] == {
        "state": "lost",
        "landed_cents": 2499,
        "rival": {
            "offer": "rival:Toys & more",
            "seller": "Toys & more",
            "landed_cents": 1899,
        },
        "gap_cents": 600,
        "gap_pct": 600 * 100 / 1899,
        "rank": 2,
        "ranked": 2,
        "buy_box": {
            "holder": "rival",
            "seller": "Toys & more",
            "suppressed": False,
            "since": to_iso(START + 30_000),
        },
        "win_share": 0.5,
        "win_coverage": 0.5,
        "insights": None,
        "compared": None,
    }
    outputs.LiveItem.model_validate(item)


async def test_what_the_seller_side_never_spoke_of_has_no_standing(site) -> None:
    """Most items are not the seller's; and one that nothing was said of at all is unknown."""
    observed(site.live, "42", (0, {"featured": FEATURED}))
    silent = Observation("43", START, "webhook", None, {}, Sight())
    site.live.states["43"] = apply({}, [Entry(silent, Source("raw", 0, 0))], RULES).states["43"]

    assert (await site.json("/api/items/42"))["standing"] is None
    assert await site.error("/api/items/43", 404) == "not_found: item 43 has not been observed"


async def test_the_list_tells_the_standing_by_what_is_stored(stored_site) -> None:
    """All but the share of time, which is in the tables only; and the history who held the box."""
    own = Offer(2000, 0, None, True, "My Shop")
    box = BuyBox("own", None, False, START, START, 60_000, 600_000, START)
    results = Results()
    for event in (
        PriceChange("42", "own", "A toy", (), own, own, START, Source("raw", 0, 1), box),
        PriceChange(
            "42", "featured", "A toy", ("first_seen",), own, None, START, Source("raw", 0, 2)
        ),
        PriceChange(
            "42", "marketplace", "A toy", ("first_seen",), CHEAP, None, START, Source("raw", 0, 2)
        ),
    ):
        results.add_change(event.document())
    await store(stored_site.database, results)

    (item,) = (await stored_site.json("/api/items"))["items"]
    history = await stored_site.json("/api/items/42/history")

    assert item["standing"] == {
        "state": "winning",
        "landed_cents": 2000,
        "rival": {"offer": "marketplace", "seller": "Toys & more", "landed_cents": 1899},
        "gap_cents": 101,
        "gap_pct": 101 * 100 / 1899,
        "rank": 2,
        "ranked": 2,
        "buy_box": {
            "holder": "own",
            "seller": None,
            "suppressed": False,
            "since": to_iso(START),
        },
        "insights": None,
        "compared": None,
    }
    item_outputs.ListedItem.model_validate(item)
    boxes = {change["offer"]: change["buy_box"] for change in history["changes"]}
    assert boxes == {"own": item["standing"]["buy_box"], "featured": None, "marketplace": None}
    outputs.History.model_validate(history)
