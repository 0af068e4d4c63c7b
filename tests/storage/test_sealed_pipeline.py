"""Sealed fields in a whole pipeline: sealed by workers, opened by whoever has a key."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import bson
import pytest
from pymongo import MongoClient

from tests.pipeline.conftest import MakePipeline, make_pipeline
from tests.pipeline.observations import epoch_ms, iso, priced, record
from tests.pipeline.pipeline import RAW, Pipeline, Record
from tests.storage.own_offers import KEYS
from walmart_stream.audit.verify import verify
from walmart_stream.commands.history import history
from walmart_stream.commands.remake import remake
from walmart_stream.commands.replay import replay
from walmart_stream.commands.reseal import reseal
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.sealed import MOVED, WRONG_KEYS

__all__ = ["make_pipeline"]

OLD, NEW = KEYS[:2]
ITEMS = ("11", "12")
# Of what is private: fields that are plain text, and a word that stands nowhere else.
PRIVATE = (b"\x02holder\x00", b"\x02state\x00", b"suppressed")


def reported(item_id: str, at: int, wins: str) -> Record:
    """A row of the buy-box report, *at* milliseconds after START."""
    row = {
        "Item ID": item_id,
        "Seller Item Price": "9.00",
        "Seller Ship Price": "0",
        "isSellerBuyBoxWinner": wins,
        "Buybox Item Price": "8.00",
    }
    return record(item_id, at, {"report": "BUYBOX", "row": row}, source="seller")


def stored(pipeline: Pipeline) -> dict[str, dict[str, Any]]:
    """Every document of the database as it is there, by collection and ``_id``."""
    uri = pipeline.settings.mongodb_uri.get_secret_value()
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[pipeline.settings.mongodb_database]
        return {
            f"{name} {document['_id']}": document
            for name in database.list_collection_names()
            for document in database[name].find()
        }


def private_words(pipeline: Pipeline) -> list[bytes]:
    """Those of PRIVATE that stand in any document."""
    raw = b"".join(bson.encode(document) for document in stored(pipeline).values())
    return [word for word in PRIVATE if word in raw]


async def older(pipeline: Pipeline) -> dict[str, int]:
    """Collection -> fields of an older key that were found, and sealed with the newest one."""
    found = {name: one.older async for name, one in reseal(pipeline.settings)}
    return {name: count for name, count in found.items() if count}


def swap(pipeline: Pipeline, first: str, second: str) -> None:
    """Exchange what is sealed in two documents of ``offers``."""
    uri = pipeline.settings.mongodb_uri.get_secret_value()
    with MongoClient[dict[str, Any]](uri) as client:
        offers = client[pipeline.settings.mongodb_database].offers
        tokens = {name: offers.find_one(name)["buy_box"] for name in (first, second)}
        offers.update_one({"_id": first}, {"$set": {"buy_box": tokens[second]}})
        offers.update_one({"_id": second}, {"$set": {"buy_box": tokens[first]}})


@pytest.fixture
def second_database(mongod: EmbeddedMongod, mongodb_database: str) -> Iterator[str]:
    """Name of another database of this test's own, dropped afterwards."""
    name = f"{mongodb_database}_2"
    yield name
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        client.drop_database(name)


async def test_what_is_private_is_sealed_and_its_keys_can_be_changed(
    make_pipeline: MakePipeline, second_database: str
) -> None:
    """Views, commands and the audit show it; the database does not, with any key."""
    pipeline = make_pipeline(MONGODB_FIELD_KEYS=OLD)
    # Windows of now are open: nothing waits for the clock to close them.
    now = time.time_ns() // 1_000_000 - epoch_ms(0)
    worker = pipeline.start()
    await worker.until_ready()
    await pipeline.produce(RAW, [priced(item_id, now - 1, 9.5) for item_id in ITEMS])
    await pipeline.produce(RAW, [reported("11", now, "No"), reported("12", now, "Yes")])

    report = await pipeline.verified()
    assert report.is_clean, report
    assert len([one for one in stored(pipeline).values() if "buy_box" in one]) == 6
    assert private_words(pipeline) == []
    status, listed = await worker.get("/api/items")
    assert status == 200
    boxes = {item["item_id"]: item["standing"]["buy_box"] for item in listed["items"]}
    assert {item_id: box["holder"] for item_id, box in boxes.items()} == {
        "11": "rival",
        "12": "own",
    }
    _, past = await worker.get("/api/items/11/history?offer=own")
    assert [change["buy_box"] for change in past["changes"]] == [boxes["11"]]
    lines = [line async for line in history(pipeline.settings, "11", None, None, "json")]
    told = [one for one in json.loads("".join(lines)) if one["offer"] == "own"]
    assert [one["buy_box"] for one in told] == [boxes["11"]]
    assert iso(now).startswith(boxes["11"]["since"].removesuffix("Z"))

    swap(pipeline, "11:own", "12:own")
    _, listed = await worker.get("/api/items")
    for item in listed["items"]:
        assert item["standing"]["buy_box"]["holder"] == "unknown"
        assert item["standing"]["unreadable"] == {"buy_box": MOVED}
    moved = await verify(pipeline.settings)
    assert moved.collections["offers"].first_wrong == [
        "11:own (buy_box, unreadable)",
        "12:own (buy_box, unreadable)",
    ]
    swap(pipeline, "11:own", "12:own")

    both = make_pipeline(MONGODB_FIELD_KEYS=f"{NEW},{OLD}")
    after = make_pipeline(MONGODB_FIELD_KEYS=NEW)
    assert await older(both) == {"offers": 2, "price_changes": 2, "items": 6}
    assert (await verify(after.settings)).is_clean

    # The worker has not got the new key. It says so, and works on with the old one.
    _, listed = await worker.get("/api/items")
    reasons = [item["standing"]["unreadable"]["buy_box"] for item in listed["items"]]
    assert reasons == [WRONG_KEYS] * 2
    await pipeline.produce(RAW, [reported("12", now + 1, "No")])
    await pipeline.until_settled()
    assert await older(both) == {"offers": 1, "price_changes": 1}
    # It could not read the item's private part, and left it: that is made of the others again.
    assert (await verify(after.settings, patience=0)).collections["items"].wrong == 1
    await remake(after.settings)
    assert (await verify(after.settings)).is_clean
    assert (await verify(pipeline.settings)).collections["price_changes"].wrong == 3
    assert private_words(pipeline) == []

    # With all keys lost: made again from the raw topic, under a new one.
    again = make_pipeline(MONGODB_FIELD_KEYS=KEYS[2], MONGODB_DATABASE=second_database)
    await replay(again.settings)
    assert (await verify(again.settings)).is_clean
    assert private_words(again) == []
    assert WRONG_KEYS in worker.log
    assert not [key for key in KEYS if key in worker.log]
