"""Two people who run one command at once, while a third one verifies."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from tests.commands.test_move import (
    ADDED,
    NOW,
    PARTITIONS,
    RAW,
    WATCHLIST,
    homeless,
    observation,
    placed,
    produce,
    read,
)
from walmart_stream.audit import Verdict
from walmart_stream.audit.verify import verify
from walmart_stream.commands import mover
from walmart_stream.commands.move import move
from walmart_stream.commands.replay import replay
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.moved import ORIGIN
from walmart_stream.kafka.surplus import stranded
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo

pytestmark = pytest.mark.integration


@pytest.fixture
async def settings(make_reachable_settings) -> Settings:
    """Topics with added partitions, in which observations and entries of the watchlist stand."""
    settings: Settings = make_reachable_settings(
        kafka_partitions=PARTITIONS, mongodb_field_keys=None
    )
    others = {"kafka_partitions": PARTITIONS + ADDED, "app_id": "others"}
    await create_topics(settings.model_copy(update=others))
    good = [placed(observation(number, price)) for price in range(8) for number in range(1, 31)]
    await produce(settings, RAW, good)
    return settings


async def found_in(settings: Settings, collection: str) -> list[dict[str, Any]]:
    client = mongo.connect(settings)
    try:
        found = mongo.database(client, settings)[collection].find().sort("_id", 1)
        return [one async for one in found]
    finally:
        client.close()


async def test_two_moves_at_once_leave_each_observation_once_in_the_documents(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both may copy a record: the second copy is no news, and is counted as such. The notes of
    their progress overtake each other, and nothing is left behind or moved again later."""
    monkeypatch.setattr(mover, "PART", 3)
    items = [n for n in map(str, range(1, 60)) if homeless({"key": n.encode()})]
    entries = [
        {"key": item.encode(), "value": encode_entry(WatchEntry(item_id=item)), "timestamp": NOW}
        for item in items
    ]
    await produce(settings, WATCHLIST, entries)

    async def run() -> None:
        await move(settings, clock=lambda: NOW)

    await asyncio.gather(run(), run(), verify(settings, patience=0))

    assert await stranded(settings) is None
    assert {one.moved for one in await move(settings, clock=lambda: NOW)} == {0}
    moved = [record for home in range(PARTITIONS) for record in await read(settings, RAW, home)]
    copies = Counter(one.headers[-1] for one in moved if one.headers[-1][0] == ORIGIN)
    added = range(PARTITIONS, PARTITIONS + ADDED)
    originals = sum([len(await read(settings, RAW, number)) for number in added])
    assert len(copies) == originals > 10
    assert set(copies.values()) <= {1, 2}
    assert set(await watchlist.listing(settings)) == set(items)
    await replay(settings)
    report = await verify(settings)
    assert report.is_clean, report.fields()
    assert len(await found_in(settings, "price_changes")) == 8 * 30


async def test_two_replays_at_once_and_an_audit_beside_them(settings: Settings) -> None:
    """Into an empty database both bring the same; on a full one, an audit meanwhile is clean."""
    await move(settings, clock=lambda: NOW)
    await asyncio.gather(replay(settings), replay(settings))
    assert (await verify(settings)).is_clean
    before = [await found_in(settings, name) for name in ("offers", "price_changes", "items")]

    _, _, report = await asyncio.gather(replay(settings), replay(settings), verify(settings))

    assert report.verdict is Verdict.CLEAN, report.fields()
    after = [await found_in(settings, name) for name in ("offers", "price_changes", "items")]
    assert after == before
