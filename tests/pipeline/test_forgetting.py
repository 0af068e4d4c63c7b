"""Items that are not watched any more leave the tables, and return as new ones."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import epoch_ms, priced
from tests.pipeline.pipeline import RAW, WATCHLIST, Pipeline, Record
from tests.pipeline.worker import until
from walmart_stream.domain.schedule.poll import ANSWERED, Poll, encode_poll
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.tables import OFFERS, POLLS, PRICE_WINDOWS, TABLES, changelog_name

pytestmark = pytest.mark.slow(60)

GONE, WATCHED, OTHER = "10450114", "10450115", "10450116"
FORGET_MS = 4_000
# Windows that ended so long ago are closed by the clock at once.
LONG_AGO_MS = 100_000


def seen(item_id: str, at: int, dollars: float) -> Record:
    """An observation at *at* (epoch ms)."""
    return priced(item_id, at - epoch_ms(0), dollars)


def watched(item_id: str) -> Record:
    return Record(item_id.encode(), encode_entry(WatchEntry(item_id=item_id)))


def now_ms() -> int:
    return int(time.time() * 1000)


def changelog_of(pipeline: Pipeline, name: str) -> str:
    [spec] = [one for one in TABLES if one.name == name]
    return changelog_name(pipeline.settings, spec)


async def table(pipeline: Pipeline, name: str) -> dict[bytes, bytes | None]:
    """The last value of each key in the changelog of a table."""
    records = await pipeline.read(changelog_of(pipeline, name))
    return {record.key or b"": record.value or None for record in records}


@contextlib.asynccontextmanager
async def observed_on_and_on(pipeline: Pipeline) -> AsyncIterator[None]:
    """Time passes in the log: another item is seen now, in every partition."""

    async def observe() -> None:
        while True:
            now = now_ms()
            await pipeline.produce(
                RAW, [seen(str(int(OTHER) + number), now, 5) for number in range(40)]
            )
            await asyncio.sleep(0.5)

    task = asyncio.create_task(observe())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_an_item_that_is_no_longer_watched_is_forgotten_and_returns_as_new(
    make_pipeline: MakePipeline, store: str
) -> None:
    """Its state, its window and its polls leave the tables and their changelogs, and a killed
    worker does not bring them back. An item that is watched stays. Both are new when they are seen
    again after their silence, and the audit agrees before and after."""
    pipeline = make_pipeline(
        STORE=store,
        WINDOW_SIZE="1",
        PRICE_KNOWN_FOR="1.5",
        FORGET_AFTER_DAYS=str(FORGET_MS / 86_400_000),
    )
    await pipeline.create_topics()
    then = now_ms() - LONG_AGO_MS
    names = GONE.encode(), WATCHED.encode()
    polled = encode_poll(Poll(then, ANSWERED, then))
    await pipeline.produce(changelog_of(pipeline, POLLS), [Record(name, polled) for name in names])
    worker = pipeline.start()
    await worker.until_ready()
    await pipeline.produce(WATCHLIST, [watched(GONE), watched(WATCHED)])
    await pipeline.produce(
        RAW,
        [
            seen(item_id, at, dollars)
            for item_id in (GONE, WATCHED)
            for at, dollars in ((then - 1_000, 10), (then, 11))
        ],
    )
    await pipeline.until_settled()
    before = await table(pipeline, OFFERS)
    windows_before = await table(pipeline, PRICE_WINDOWS)

    await pipeline.produce(WATCHLIST, [Record(GONE.encode(), None)])
    await pipeline.until_processed(WATCHLIST)
    async with observed_on_and_on(pipeline):

        async def is_gone() -> bool:
            states, polls = await table(pipeline, OFFERS), await table(pipeline, POLLS)
            return states[GONE.encode()] is polls[GONE.encode()] is None

        await until("the item and its polls are forgotten", is_gone)
    live = (await worker.get(f"/api/items/{GONE}"))[0]
    await worker.kill()
    worker = pipeline.start()
    await worker.until_ready()
    restored = (await worker.get(f"/api/items/{GONE}"))[0]
    kept = (await worker.get(f"/api/items/{WATCHED}"))[0]
    clean = await pipeline.verified()
    await pipeline.produce(WATCHLIST, [watched(GONE)])
    again = now_ms()
    await pipeline.produce(
        RAW,
        [seen(item_id, again, 12) for item_id in (GONE, WATCHED)]
        + [seen(item_id, again + 1, 13) for item_id in (GONE, WATCHED)],
    )
    report = await pipeline.verified()

    assert before[GONE.encode()] is not None
    windows = await table(pipeline, PRICE_WINDOWS)
    assert [key for key in windows_before if GONE.encode() in key]
    assert not [key for key, value in windows.items() if GONE.encode() in key and value]
    assert (live, restored, kept) == (404, 404, 200)
    polls = await table(pipeline, POLLS)
    assert polls[WATCHED.encode()] is not None
    assert clean.is_clean, clean
    assert report.is_clean, report
    changes = await pipeline.documents("price_changes", offer="featured")
    kinds = {
        item_id: [one["kinds"] for one in changes.values() if one["item_id"] == item_id]
        for item_id in (GONE, WATCHED)
    }
    due = [["first_seen"], ["price"], ["first_seen"], ["price"]]
    assert kinds == {GONE: due, WATCHED: due}
    assert changes[f"{GONE}:featured:{again}"]["previous"] is None
