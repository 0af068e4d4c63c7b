"""A seller's shop with a past: made of observations by the pure domain, and stored.

No worker runs: it is what the pages read, the same in every run.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.web.conftest import MemoryLive
from walmart_stream import __version__
from walmart_stream.domain.alerts.rule_file import encode_rule, read_toml
from walmart_stream.domain.alerts.steps import RAISED, Step, alert_id
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.alerts import store_steps
from walmart_stream.storage.documents import ALERTS
from walmart_stream.storage.item_writes import remake_items, update_watched
from walmart_stream.storage.writes import Results, store

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# Observations come every half hour, and count for three of them.
STEP = 30 * MINUTE
RULES = Rules(HOUR, 3 * STEP)

FIRST = 700_001
NAMES = (
    "Cast iron skillet, 12 inch",
    "Enamel dutch oven, 6 qt",
    "Stainless kettle, 2 l",
    "Bamboo cutting board, large",
    "Digital kitchen scale",
    "Silicone baking mat, 2 pack",
    "Burr coffee grinder",
    "Pour-over coffee dripper",
    "Chef's knife, 8 inch",
    "Glass storage set, 10 pieces",
    "Electric milk frother",
    "Ceramic loaf pan",
)
# A name and a seller that somebody hostile has chosen.
HOSTILE = "<script>alert(1)</script>\"'&\u202eslaes\u2066 <b>" + "x" * 5_000
ITEMS = 36
HOSTILE_ITEM = str(FIRST + len(NAMES))
SHOWN_ITEM = str(FIRST)

RIVALS = ("BlueRiver Goods", "Northwind Home", "Kitchen & Co")


@dataclass
class ShopLive(MemoryLive):
    """The shop's worker, which has polled all day."""

    def stats(self) -> dict[str, Any]:
        count = len(self.watchlist)
        return {
            **super().stats(),
            "version": __version__,
            "ready": True,
            "uptime_seconds": 7 * 3600.0,
            "partitions": [0, 1, 2, 3],
            "lag": {"walmart-competitor-data": 0},
            "polling": {
                "enabled": True,
                "watched_items": count,
                "calls_today": 1_730,
                "calls_left_today": 3_270,
                "calls_yesterday": 3_456,
            },
            "freshness": {
                "items": count,
                "sampled": count,
                "never": 0,
                "ages_s": [20.0 * (place + 1) for place in range(count)],
                "late": [],
            },
        }


def name_of(place: int) -> str:
    """The name of an item."""
    if str(FIRST + place) == HOSTILE_ITEM:
        return HOSTILE
    count, kind = divmod(place, len(NAMES))
    return NAMES[kind] + (f", series {count + 1}" if count else "")


def sights(place: int, now: int, days: float) -> Iterator[Entry]:
    """The sights of an item over *days* up to *now*; with gaps, and with lost buy boxes."""
    rng = random.Random(place)
    item_id, name = str(FIRST + place), name_of(place)
    own = 1_500 + 97 * rng.randrange(60)
    rivals = {seller: own + rng.randrange(-120, 240) for seller in RIVALS[: 1 + place % 3]}
    if item_id == HOSTILE_ITEM:
        rivals[HOSTILE] = own - 100
    at = now - int(days * DAY) + place * 7_000
    offset = 0
    while at < now:
        for seller in rivals:
            if rng.random() < 0.06:
                rivals[seller] = max(own - 150, rivals[seller] + rng.randrange(-130, 131))
        if rng.random() < 0.02:
            own += rng.randrange(-90, 91)
        best = min(rivals, key=lambda seller: rivals[seller])
        is_own = own + 399 <= rivals[best] + 399
        is_sold_out = rng.random() < 0.004 and at < now - 2 * HOUR
        offers = {
            f"rival:{seller}": Offer(
                cents, None if rng.random() < 0.02 else 399, None, True, seller
            )
            for seller, cents in rivals.items()
        }
        holder = BoxSight("own") if is_own else BoxSight("rival", best)
        seen = Sight(name, OwnSight(not is_sold_out, own, 399, "My Shop", "SKU"), holder, True)
        yield Entry(
            Observation(item_id, at, "seller", name, offers, seen),
            Source("walmart-competitor-data", place % 4, offset),
        )
        first = "My Shop" if is_own else best
        featured = Offer(own if is_own else rivals[best], 399, None, True, first)
        yield Entry(
            Observation(item_id, at + MINUTE, "affiliate", name, {"featured": featured}),
            Source("walmart-competitor-data", place % 4, offset + 1),
        )
        offset += 2
        at += STEP if rng.random() > 0.01 else 7 * HOUR


def alert(now: int) -> dict[str, Any]:
    """An alert of the first item, which nobody has acknowledged."""
    at = to_datetime(now - HOUR)
    return {
        "_id": f"undercut:{SHOWN_ITEM}:own:{now - HOUR}",
        "rule": "undercut",
        "item_id": SHOWN_ITEM,
        "offer": "own",
        "name": NAMES[0],
        "severity": "warning",
        "state": "open",
        "text": f"{NAMES[0]}: Northwind Home is cheaper",
        "started_at": at,
        "raised_at": at,
        "why": "own is above the best rival",
        "source": {"topic": "walmart-data-processing", "partition": 0, "offset": 12},
        "channels": [],
    }


RULES_OF_ALERTS = """
[[rule]]
name = "kettle-below-25"
items = ["700003"]
when = "landed_below"
value = 25.00
hold = "15m"
hysteresis = 0.50
channels = ["ops"]

[[rule]]
name = "kitchen-undercut"
tags = ["kitchen"]
when = "undercut"
by = 0.50
severity = "critical"
channels = ["ops"]
quiet = "22:00-07:00 America/Chicago"

[[rule]]
name = "not-seen"
all = true
when = "not_seen"
longer_than = "6h"
enabled = false
"""


async def raise_alerts(database: Any, live: MemoryLive, now: int) -> None:
    """Store some alerts, and tell *live* of their rules."""
    rules, faults = read_toml(RULES_OF_ALERTS)
    assert not faults
    for rule in rules:
        live.book.take(rule.name.encode(), encode_rule(rule))
    said = (
        ("kitchen-undercut", 0, "own", "critical", "Northwind Home sells at $18.40, $1.10 below"),
        ("kettle-below-25", 2, "featured", "warning", "landed price is $24.10, below $25.00"),
        ("kitchen-undercut", 3, "own", "critical", "BlueRiver Goods sells at $31.05, $0.62 below"),
    )
    steps = []
    for number, (rule, place, offer, severity, text) in enumerate(said):
        at = now - (number + 1) * 40 * MINUTE
        item_id = str(FIRST + place)
        steps.append(
            Step(
                *(1, RAISED, alert_id(rule, item_id, offer, at), rule, item_id, offer),
                *(to_iso(at), to_iso(at), Source("walmart-competitor-data", place % 4, 40)),
                *(severity, text, name_of(place)),
            )
        )
    await store_steps(database, steps)


async def open_shop(
    database: Any, live: MemoryLive, now: int, *, items: int = ITEMS, days: float = 8
) -> None:
    """Store the shop, and tell *live* what its worker knows."""
    for place in range(items):
        # The first one, which is looked at closely, has the longer past.
        entries = list(sights(place, now, days if place == 0 else min(days, 2)))
        done = apply({}, entries, RULES)
        results = Results()
        for event in done.events:
            add = results.add_change if isinstance(event, PriceChange) else results.add_window
            add(event.document())
        await store(database, results)
        live.states.update(done.states)
        item_id = str(FIRST + place)
        entry = WatchEntry(item_id=item_id, added_at=to_datetime(now - 9 * DAY))
        live.watchlist[item_id] = entry
    await database[ALERTS].insert_one(alert(now))
    await raise_alerts(database, live, now)
    ids = [str(FIRST + place) for place in range(items)]
    await remake_items(database, ids)
    tags = (["kitchen"], ["kitchen", "gifts"], [])
    await update_watched(
        database,
        {
            item_id: (place, {"watched": True, "tags": tags[place % 3]})
            for place, item_id in enumerate(ids)
        },
    )
