"""The first screen, of a real mongod and of workers that answer or do not."""

from __future__ import annotations

import pytest

from tests.web.conftest import NOW, MemoryLive
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.freshness import freshness
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import PRICE_CHANGES
from walmart_stream.storage.item_writes import remake_items
from walmart_stream.storage.sealed import UNSEALED, FieldSeal
from walmart_stream.storage.verdicts import note_verdict
from walmart_stream.storage.writes import Results, store
from walmart_stream.web import overview_outputs
from walmart_stream.web.group import Group
from walmart_stream.web.overview.health import health_of

HOUR = 3_600_000
END = to_ms(NOW)
OWN = Offer(2000, 500, None, True, "Me")
ACME = Offer(2000, 0, None, True, "Acme")
FIGURES = {
    "ready": True,
    "lag": {"walmart-competitor-data": 3},
    "health": {"newest_observation_age_seconds": 1.5, "warnings": []},
    "polling": {
        "watched_items": 2,
        "calls_today": 10,
        "calls_left_today": 30,
        "calls_yesterday": 20,
        "last_error": None,
        "last_error_at": None,
    },
    "freshness": {**freshness([10.0, 200.0], 2), "late": []},
    "counters": {},
}


def figures(**changed):
    """A worker's figures with other values in their parts."""
    said = dict(FIGURES)
    for name, value in changed.items():
        said[name] = {**said[name], **value} if isinstance(said.get(name), dict) else value
    return said


def box(holder, at, seller=None, *, suppressed=False):
    since = END + at
    return BuyBox(holder, seller, suppressed, since, since, HOUR, HOUR, 0)


async def save(site, item_id, *changes, seal=UNSEALED) -> None:
    """Changes (ms before now, offer's name, offer, the one before, box) of an item."""
    results = Results()
    for at, name, now, before, *own in changes:
        kinds = ("first_seen",) if before is None else ("price",)
        event = PriceChange(
            *(item_id, name, f"Toy {item_id}", kinds, now, before, END + at),
            *(Source("walmart-competitor-data", 0, at), *own),
        )
        results.add_change(event.document())
    await store(site.database, results, seal)
    await remake_items(site.database, [item_id], seal)


@pytest.fixture
def open_shop(open_site, mongod, mongodb_database):
    """Starts a site with a database of its own and a worker with those figures."""

    async def start(said=FIGURES, **settings):
        site = await open_site(
            MemoryLive(figures=said),
            mongodb_uri=mongod.uri,
            mongodb_database=mongodb_database,
            **settings,
        )
        await mongo.create_indexes(site.database)
        return site

    return start


async def look(site):
    found = await site.json("/api/overview")
    overview_outputs.Overview.model_validate(found)
    return found


async def test_a_quiet_shop_is_one_sentence(open_shop) -> None:
    """Nothing needs anybody."""
    found = await look(await open_shop())

    assert found["health"]["state"] == "ok"
    assert found["health"]["sentence"] == (
        "2 items, all seen in the last 4 min · Kafka, MongoDB, Walmart ok"
    )
    assert (found["health"]["todo"], found["needs_you"]) == ([], [])
    assert found["figures"]["items"] == 0
    assert found["figures"]["buy_box_share"] == {"now": None, "before": None}
    assert found["quota"]["share"] == 0.25
    assert found["quota"]["share_before"] == 0.5
    assert found["quota"]["median_age_seconds"] == 10.0


async def test_what_needs_the_seller_has_one_row_of_each_kind_first(open_shop) -> None:
    """Each with its action; an item stands there once."""
    site = await open_shop(figures(freshness={"late": [["9", 90_000.0]]}))
    for item_id in ("1", "2", "3"):
        lost = box("rival", -HOUR, "Acme")
        await save(site, item_id, (-HOUR, "own", OWN, None, lost), (-HOUR, "featured", ACME, None))
    await save(site, "4", (-HOUR, "own", OWN, None, box("none", -HOUR, suppressed=True)))
    await save(site, "5", (-HOUR, "own", UNAVAILABLE, None, box("rival", -HOUR)))
    winning = box("own", -HOUR)
    await save(site, "6", (-HOUR, "own", OWN, None, winning), (-HOUR, "featured", ACME, None))

    found = await look(site)

    rows = [(one["kind"], one["item_id"]) for one in found["needs_you"]]
    assert rows[0] in [("lost", "1"), ("lost", "2"), ("lost", "3")]
    assert rows[1:] == [
        *(("suppressed", "4"), ("unpublished", "5"), ("undercut", "6"), ("not_seen", "9"))
    ]
    lost_row, undercut = found["needs_you"][0], found["needs_you"][3]
    assert lost_row["text"] == "Acme has the buy box: yours $25.00, Acme $20.00 (+25.0%)"
    assert lost_row["since"] == to_iso(END - HOUR)
    assert undercut["action"] == {"label": "Compare prices", "href": "/items/6"}
    assert found["needs_you"][4]["text"] == "not seen for 2 days"
    assert found["needs_counts"]["lost"] == {"count": 3, "is_at_least": False}


async def test_figures_are_of_a_day_and_the_day_before(open_shop) -> None:
    """Time in the buy box, items above the best rival, changes up and down."""
    site = await open_shop()
    cheap = ACME._replace(price_cents=2600)
    await save(
        site,
        "1",
        (-48 * HOUR, "own", OWN, None, box("rival", -48 * HOUR, "Acme")),
        (-30 * HOUR, "featured", cheap, None),
        (-18 * HOUR, "own", OWN._replace(price_cents=2050), OWN, box("own", -18 * HOUR)),
        (-6 * HOUR, "featured", ACME, cheap),
    )

    found = (await look(site))["figures"]

    assert (found["items"], found["sampled"]) == (1, 1)
    assert found["buy_box_share"] == {"now": 0.75, "before": 0.0}
    assert found["above_best_rival"] == {"now": 1, "before": 0}
    assert found["price_changes"] == {
        "now": 2,
        "up": 1,
        "down": 1,
        "before": 0,
        "is_at_least": False,
    }


async def test_a_large_shop_is_estimated_from_a_sample(open_shop, monkeypatch) -> None:
    """Counts are scaled up, and say how many items they were made of."""
    monkeypatch.setattr("walmart_stream.storage.sample.SAMPLE", 2)
    site = await open_shop()
    for item_id in ("1", "2", "3", "4"):
        await save(site, item_id, (-HOUR, "featured", ACME, ACME._replace(price_cents=1)))

    found = (await look(site))["figures"]

    assert (found["items"], found["sampled"]) == (4, 2)
    assert found["price_changes"]["up"] == 4


async def test_sealed_boxes_are_counted_but_not_listed(open_shop) -> None:
    """Kinds that the database cannot look up are not claimed to be fine."""
    key = "L1E0ATiKNfXWUoQIsQ4vJMEvZ5SWSHIHqzYIZqOHcP4="
    site = await open_shop(mongodb_field_keys=key)
    lost = box("rival", -12 * HOUR, "Acme")
    await save(
        site, "1", (-12 * HOUR, "own", OWN, None, lost), (-HOUR, "featured", ACME, None),
        seal=FieldSeal([key]),
    )  # fmt: skip

    found = await look(site)

    assert found["figures"]["buy_box_share"]["now"] == 0.0
    assert [one["kind"] for one in found["needs_you"]] == ["undercut"]
    assert "MONGODB_FIELD_KEYS" in found["needs_unlisted"]


@pytest.mark.parametrize(
    ("said", "state", "text", "todo"),
    [
        ({"parked": [{}]}, "bad", "1 partition is parked", "partitions list"),
        (
            {"health": {"newest_observation_age_seconds": 10**6}},
            "bad",
            "no price has come in for 12 days",
            "doctor",
        ),
        (
            {"polling": {"last_error": "ReadTimeout", "last_error_at": to_iso(END - 90_000)}},
            "warn",
            "Walmart: ReadTimeout, 2 min ago",
            None,
        ),
        (
            {
                "health": {"newest_observation_age_seconds": 4_000},
                "polling": {"oldest_due_poll_seconds": 700.0},
            },
            "bad",
            "no price has come in for 2 h",
            "doctor",
        ),
        ({"health": {"newest_observation_age_seconds": 3_600}}, "ok", "Walmart ok", None),
        ({"polling": {"last_error": "old", "last_error_at": to_iso(END - HOUR)}}, "ok", "ok", None),
        ({"polling": {"last_error": "odd", "last_error_at": "yesterday"}}, "ok", "ok", None),
        ({"lag": {"walmart-competitor-data": 10**6}}, "warn", "1,000,000 records wait", None),
        ({"ready": False}, "warn", "not ready: ", None),
        ({"health": {"warnings": ["clock: this machine's is ahead"]}}, "warn", "clock: this", None),
        ({"freshness": freshness([], 0)}, "ok", "no items are watched yet", None),
        ({"freshness": freshness([None], 1)}, "ok", "1 item, none seen yet", None),
        ({"freshness": freshness([5.0, None], 9)}, "ok", "9 items, 95% of those seen", None),
    ],
)
def test_the_sentence_says_what_is_wrong(said, state, text, todo) -> None:
    """Red only if somebody must do something; then it says what."""
    health = health_of(Group({"here:1": figures(**said)}, [], "here:1"), {}, None, END, HOUR)

    assert health["state"] == state
    assert text in health["sentence"]
    assert bool(health["todo"]) is (todo is not None)
    assert todo is None or todo in health["todo"][0]


STORED = {"items": 9, "verified": None}


def test_a_shop_whose_workers_just_start_has_items_nonetheless() -> None:
    """The stored ones are known meanwhile; and what some workers see is not said of all."""
    nothing = figures(freshness=freshness([], 0))
    starting = Group({"here:1": nothing}, [], "here:1")
    partly = Group({"here:1": FIGURES}, ["there:1: no answer"], "here:1")

    assert health_of(starting, {}, None, END, HOUR, STORED)["sentence"].startswith(
        "no item is polled"
    )
    assert (
        "2 items of the workers that are ready, all seen"
        in (health_of(partly, {}, None, END, HOUR, STORED)["sentence"])
    )


@pytest.mark.parametrize(
    ("verdict", "state", "text"),
    [
        ("clean", "ok", " · Kafka, MongoDB, Walmart ok · verified Nov 22 02:10 UTC"),
        ("cannot_be_told", "ok", " · verified as far as the log goes back, Nov 22 02:10 UTC"),
        ("not_clean", "bad", " · differences were found on Nov 22 02:10 UTC"),
    ],
)
def test_the_last_verdict_is_in_the_sentence(verdict, state, text) -> None:
    """Differences need somebody; where the log no longer goes back is nobody's fault."""
    figures = {"items": 9, "verified": {"verdict": verdict, "at": "2026-11-22T02:10:00.000Z"}}

    health = health_of(Group({"here:1": FIGURES}, [], "here:1"), {}, None, END, HOUR, figures)

    assert health["state"] == state
    assert health["sentence"].endswith(text)
    assert bool(health["todo"]) is (state == "bad")


async def test_a_verdict_is_kept_until_the_next_one(open_shop) -> None:
    """As ``verify`` notes it."""
    site = await open_shop()
    for verdict in ("not_clean", "clean"):
        await note_verdict(site.database, verdict, NOW)

    found = await look(site)

    assert found["figures"]["verified"] == {"verdict": "clean", "at": to_iso(END)}


@pytest.mark.parametrize(
    ("failing", "state", "text"),
    [
        ({"kafka": "the consumer group is rebalancing"}, "warn", "Kafka: the consumer group"),
        ({"tables": "the tables are being restored"}, "warn", "Kafka: the tables"),
        ({"topics": "nothing is read"}, "bad", "Kafka: nothing is read"),
        ({"mongodb": "writes are waiting for it"}, "bad", "MongoDB: writes are waiting"),
    ],
)
def test_this_workers_own_checks_are_in_the_sentence(failing, state, text) -> None:
    """A rebalance passes by itself; the rest needs somebody."""
    health = health_of(Group({"here:1": FIGURES}, [], "here:1"), failing, None, END, HOUR)

    assert health["state"] == state
    assert text in health["sentence"]


async def test_without_the_database_the_rest_is_shown(open_site) -> None:
    """It is red, says what to do, and claims nothing about the shop."""
    site = await open_site(
        MemoryLive(figures=FIGURES),
        mongodb_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1",
    )

    found = await look(site)

    assert found["health"]["state"] == "bad"
    assert "start MongoDB again" in found["health"]["todo"][0]
    assert found["figures"] is None
    assert found["needs_unlisted"] == "MongoDB does not answer"


async def test_a_silent_worker_is_named(open_shop) -> None:
    """The others go on."""
    site = await open_shop()
    site.app.router.members = ["http://127.0.0.1:1"]

    health = (await look(site))["health"]

    assert health["state"] == "warn"
    assert "no answer from 127.0.0.1:1" in health["sentence"]


async def test_figures_are_read_once_for_all_that_look(open_shop) -> None:
    """Their age is said."""
    now = [0.0]
    site = await open_shop(monotonic=lambda: now[0])
    first = await look(site)
    await save(site, "1", (-HOUR, "featured", ACME, None))

    now[0] = 10.0
    again = await look(site)

    assert again["figures"]["items"] == first["figures"]["items"] == 0
    assert again["figures"]["age_seconds"] == 10.0


async def test_what_needs_the_seller_is_found_by_indexes(open_shop) -> None:
    """No collection is read through, and nothing is sorted in memory."""
    from walmart_stream.storage.documents import ITEMS
    from walmart_stream.storage.needs import NEEDS

    site = await open_shop()
    for number in range(1, 30):
        await save(site, str(number), (-HOUR, "featured", ACME, None))

    for need in NEEDS.values():
        cursor = site.database[ITEMS].find(need.filter)
        plan = await cursor.sort([need.order, ("_id", need.order[1])]).limit(5).explain()
        stages = str(plan["queryPlanner"]["winningPlan"])
        assert "COLLSCAN" not in stages
        assert "'SORT'" not in stages
    changes = await site.database[PRICE_CHANGES].find({"item_id": {"$in": ["1"]}}).explain()
    assert "COLLSCAN" not in str(changes["queryPlanner"]["winningPlan"])
