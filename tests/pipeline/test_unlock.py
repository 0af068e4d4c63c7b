"""Observations from the future: a dead letter today, and what is done about yesterday's."""

from __future__ import annotations

import time

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import epoch_ms, priced
from tests.pipeline.pipeline import RAW, Record
from walmart_stream.audit.verify import verify
from walmart_stream.commands.unlock import unlock

pytestmark = pytest.mark.slow

ITEM, OTHER = "10450114", "10450115"
HOUR = 3_600_000


def seen(item_id: str, at: int, dollars: float) -> Record:
    """An observation at *at* (epoch ms); its Kafka timestamp is that of producing."""
    return priced(item_id, at - epoch_ms(0), dollars)


async def test_an_item_that_an_older_release_let_the_future_lock_is_made_anew(
    make_pipeline: MakePipeline,
) -> None:
    """A worker that believes any time applies an observation of five hours ahead, and all newer
    ones are late. Its successor makes further ones dead letters, and is told to unlock the item:
    table, database and dead letters then are what the log comes to, which verify confirms, and the
    next observation is applied. Another item keeps all that it has."""
    pipeline = make_pipeline(WINDOW_SIZE="60")
    await pipeline.create_topics()
    now = int(time.time() * 1000)
    old = pipeline.start("old", OBSERVATION_MAX_AHEAD="86400")
    await pipeline.produce(
        RAW,
        [
            seen(ITEM, now - 60_000, 10),
            seen(OTHER, now - 60_000, 50),
            seen(ITEM, now + 5 * HOUR, 666),
            seen(ITEM, now - 30_000, 11),
            seen(ITEM, now - 20_000, 12),
            seen(OTHER, now - 10_000, 51),
        ],
    )
    await pipeline.until_settled()
    locked = await pipeline.documents("offers", item_id=ITEM, offer="featured")
    await old.kill()
    worker = pipeline.start("new")
    await pipeline.produce(RAW, [seen(ITEM, now + 6 * HOUR, 777), seen(ITEM, now - 5_000, 13)])
    await pipeline.until_settled()
    before = await verify(pipeline.settings)

    await unlock(pipeline.settings, [ITEM, OTHER])
    await pipeline.produce(RAW, [seen(ITEM, now - 1_000, 14)])
    report = await pipeline.verified()
    changes = await pipeline.documents("price_changes", offer="featured")
    live = (await worker.get(f"/api/items/{ITEM}"))[1]

    assert locked[f"{ITEM}:featured"]["price_cents"] == 66_600
    assert not before.is_clean
    assert report.is_clean, report
    prices = sorted((each["item_id"], each["price_cents"]) for each in changes.values())
    assert prices == [
        *((ITEM, dollars * 100) for dollars in (10, 11, 12, 13, 14)),
        (OTHER, 5_000),
        (OTHER, 5_100),
    ]
    assert live["offers"]["featured"]["price_cents"] == 1_400
    letters = {
        reason["message"].split(":")[0] for reason, _ in await pipeline.dead_letters("process")
    }
    assert letters == {"observed_at"}
