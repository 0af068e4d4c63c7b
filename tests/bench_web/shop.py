"""A database of many items for measuring lists and pages: made from a seed, with many ties.

Documents are made by the program's own functions, so that they have the size and the index keys
that they have in a shop; nothing runs through Kafka. Behind the first MODELS items come their
copies under other numbers, which are in their ids and names.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bson import encode
from bson.raw_bson import RawBSONDocument

from walmart_stream.domain.time import to_ms
from walmart_stream.storage import mongo
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES
from walmart_stream.storage.item_documents import facets, merged

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST_ID = 10_000_000

# Changes of the one item whose page is measured.
BUSY_CHANGES = 10_000
BULK = 5_000
# Making a million items takes minutes, patching their numbers in the bytes of models seconds.
MODELS = 20_000
# For building indexes, megabytes: with the server's 200, keys of eleven of them go to disk often.
SORT_MB = 1_000

_THINGS = ("kettle", "castle", "lamp", "drill", "sofa", "puzzle", "tent", "mug", "bike", "radio")
_KINDS = (
    "red",
    "blue",
    "large",
    "small",
    "solar",
    "wooden",
    "folding",
    "vintage",
    "smart",
    "quiet",
)
# The first one is worn by a tenth of all items, the second by a thousandth.
TAGS = (("toys", 0.1), ("rare", 0.001))


def item_id(number: int) -> str:
    """The id of the item with that number."""
    return str(FIRST_ID + number)


def digits(number: int) -> str:
    """The end of the id and the name of the item with that number, and of no other one."""
    return item_id(number)[1:]


async def fill(database: Any, count: int) -> None:
    """Write *count* items with their offers; the first one has BUSY_CHANGES changes."""
    dice = random.Random(count)
    models: list[tuple[bytes, list[bytes]]] = []
    busy: list[dict[str, Any]] = []
    under_way: Awaitable[Any] = asyncio.sleep(0)
    for first in range(0, count, BULK):
        items: list[RawBSONDocument] = []
        offers: list[RawBSONDocument] = []
        for number in range(first, min(first + BULK, count)):
            if number < MODELS:
                known = _offers(number, dice)
                changes = list(_changes(known, dice, dice.randrange(6)))
                item = encode(_item(number, known, changes, dice))
                models.append((item, [encode(one) for one in known.values()]))
                busy = busy or list(_changes({"own": known["own"]}, dice, BUSY_CHANGES))
            item, others = models[number % MODELS]
            # All have the same number of digits: the documents keep their lengths.
            numbers = digits(number % MODELS).encode(), digits(number).encode()
            items.append(RawBSONDocument(item.replace(*numbers)))
            offers += [RawBSONDocument(one.replace(*numbers)) for one in others]
        # The database takes one bulk while the next one is made.
        await under_way
        under_way = asyncio.gather(
            database[ITEMS].insert_many(items, ordered=False),
            database[OFFERS].insert_many(offers, ordered=False),
        )
        await asyncio.sleep(0)
    await under_way
    await database[PRICE_CHANGES].insert_many(busy, ordered=False)
    # Of what is there already, all at once: with each bulk they take more than twice the time.
    await database.client.admin.command(
        {"setParameter": 1, "maxIndexBuildMemoryUsageMegabytes": SORT_MB}
    )
    await mongo.create_indexes(database)


def _offers(number: int, dice: random.Random) -> dict[str, dict[str, Any]]:
    named = item_id(number)
    name = f"{dice.choice(_KINDS)} {dice.choice(_KINDS)} {dice.choice(_THINGS)} no {digits(number)}"
    changed = NOW - dice.random() * 30 * DAY
    found = {}
    for offer in ("own", "featured", "marketplace"):
        if number and dice.random() < 0.1:
            continue
        price = dice.randrange(500, 20_000)
        found[offer] = {
            "_id": f"{named}:{offer}",
            "item_id": named,
            "offer": offer,
            "name": name,
            "seller": f"{offer} shop {dice.randrange(100)}",
            "price_cents": price,
            "shipping_cents": 0,
            "landed_cents": price,
            "two_day_cents": None,
            "available": True,
            "changed_at": changed,
            "revision": 2 * to_ms(changed),
        }
    if "own" in found:
        holder = dice.choice(["own", "rival", "rival", "none"])
        box = {"holder": holder, "seller": None, "suppressed": False, "since": changed}
        found["own"]["buy_box"] = box
    return found


def _changes(
    offers: dict[str, dict[str, Any]], dice: random.Random, count: int
) -> Iterator[dict[str, Any]]:
    """*count* changes of each of *offers* in the last 30 days, oldest first."""
    for one in offers.values():
        for number in range(count):
            at = NOW - (count - number) * 30 * DAY / count
            landed = one["landed_cents"] + dice.randrange(-300, 300)
            yield {
                "_id": f"{one['_id']}:{to_ms(at)}",
                "item_id": one["item_id"],
                "offer": one["offer"],
                "seller": one["seller"],
                "kinds": ["price"],
                "price_cents": landed,
                "shipping_cents": 0,
                "landed_cents": landed,
                "available": True,
                "previous": None,
                "delta_cents": None,
                "delta_pct": None,
                "source": {"topic": "t", "partition": 0, "offset": number},
                "observed_at": at,
            }


def _item(
    number: int,
    offers: dict[str, dict[str, Any]],
    changes: list[dict[str, Any]],
    dice: random.Random,
) -> dict[str, Any]:
    named = item_id(number)
    tags = [tag for tag, share in TAGS if dice.random() < share]
    found = merged(None, named, offers, changes) if offers else {"item_id": named}
    return {
        **found,
        "_id": named,
        "facets": facets(tags, found.get("state")),
        "tags": tags,
        "watched": True,
        "watch_offset": number,
        "edits": 1,
    }
