"""One worker, and everything that Walmart can do to it, one thing after the other."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio

from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import Worker, until
from tests.polling.polling import check_raw_topic, polling, until_served, watch_items
from tests.polling.walmart import UNKNOWN, Walmart, open_walmart
from walmart_stream.kafka import watchlist
from walmart_stream.local.broker import EmbeddedBroker, find_tansu
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.processes import StartError
from walmart_stream.sandbox import generate_keypair

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.integration,
    pytest.mark.slow,
]

ITEMS = 40


@dataclass
class Running:
    """A worker that polls all items of a sandbox all the time."""

    pipeline: Pipeline
    walmart: Walmart
    worker: Worker
    items: list[str]

    async def until_error(self, pattern: str) -> dict[str, Any]:
        """Wait until the worker's last error is one of *pattern*; its stats by then."""

        async def look() -> dict[str, Any] | None:
            stats = await polling(self.worker)
            return stats if re.search(pattern, stats["last_error"] or "") else None

        found = await until(f"the last error is like {pattern!r}", look)
        assert found is not None
        return found

    async def until_polled(self, item_ids: list[str] | None = None) -> None:
        """Wait until *item_ids* (default: all) are answered anew."""
        items = self.items if item_ids is None else item_ids
        await until_served(self.walmart, items, after=await self.walmart.last())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(
    mongod: EmbeddedMongod, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    try:
        find_tansu()
    except StartError as exc:
        pytest.skip(str(exc))
    folder = tmp_path_factory.mktemp("polling")
    broker = EmbeddedBroker(folder)
    await broker.start()
    async with open_walmart(
        folder, calls_per_second=100, calls_per_day=10_000_000, items=ITEMS, speed=10
    ) as walmart:
        pipeline = Pipeline(
            {
                "KAFKA_BROKERS": broker.bootstrap,
                "KAFKA_PARTITIONS": "4",
                "MONGODB_URI": mongod.uri,
                "MONGODB_DATABASE": f"test_{uuid.uuid4().hex}",
                "POLL_INTERVAL_MIN": "0.5",
                "POLL_INTERVAL_MAX": "1",
                **walmart.environment,
            },
            folder,
        )
        await pipeline.create_topics()
        items = await walmart.items()
        await watch_items(pipeline, items)
        worker = pipeline.start()
        await until_served(walmart, items)
        yield Running(pipeline, walmart, worker, items)
        await pipeline.stop()
    await broker.stop()


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def _cured(running: Running) -> AsyncIterator[None]:
    """Whatever a test did to the sandbox ends with it, and nothing of it is in the raw topic."""
    yield
    await running.walmart.disarm()
    await running.walmart.rotate_key(running.walmart.public_key)
    await check_raw_topic(running.pipeline, running.walmart)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            {"kind": "429", "retry_after": 1},
            r"^RateLimited: .*WALMART_AFFILIATE_CALLS_PER_SECOND",
        ),
        ({"kind": "5xx", "status": 500}, r"^ServerUnavailable: HTTP 500.*Service is unavailable"),
        ({"kind": "html", "status": 503}, r"^ServerUnavailable: HTTP 503: a web page titled"),
        ({"kind": "html", "status": 200}, r"^MalformedResponse: HTTP 200 with a web page titled"),
        ({"kind": "truncated", "how": "cut"}, r"^MalformedResponse: HTTP 200, .* is not JSON"),
        ({"kind": "truncated", "how": "close"}, r"^ConnectionLost: the connection to Walmart"),
    ],
    ids=["429", "500", "html-503", "html-200", "cut", "hang-up"],
)
async def test_a_failing_walmart_is_named_and_polling_goes_on_when_it_is_well_again(
    running: Running, fault: dict[str, Any], message: str
) -> None:
    """The worker stays alive and says what is wrong and which items miss their answers; nobody
    has to do anything for it to resume, and half answers are none."""
    await running.walmart.arm(**fault)

    during = await running.until_error(message)
    await running.walmart.disarm()
    await running.until_polled()

    assert during["unanswered"]["failed"]
    assert during["last_error_at"] is not None

    async def forgotten() -> bool:
        return (await polling(running.worker))["unanswered"] == {}

    await until("no item is named as failed any more", forgotten)


async def test_a_key_that_walmart_does_not_accept_any_more_is_a_matter_for_a_person(
    running: Running,
) -> None:
    """The message names the settings to look at; when the key is back, so are the answers."""
    _, other = generate_keypair()
    await running.walmart.rotate_key(other)

    await running.until_error(
        r"^SignatureRejected: HTTP 401.*WALMART_PRIVATE_KEY.*WALMART_KEY_VERSION"
    )
    await running.walmart.rotate_key(running.walmart.public_key)

    await running.until_polled()


async def test_answers_without_some_fields_are_answers(running: Running) -> None:
    """They go into the raw topic as they came, and none of them is a dead letter."""
    await running.walmart.arm(kind="missing_fields")

    await running.until_polled()
    await running.walmart.disarm()
    await running.pipeline.until_settled()

    assert (await running.worker.counted("walmart_dead_letters_total")) == {}
    # And each is timed.
    assert (await running.worker.counted("walmart_request_seconds_count"))["affiliate"] >= 1
    assert "affiliate" in await running.worker.counted("walmart_last_success_timestamp_seconds")
    assert (await running.worker.counted("walmart_calls_left_today"))[""] > 0


@pytest.mark.parametrize(
    ("left_out", "outcome", "reason"),
    [(False, "invalid", "refused"), (True, "missing", "missing")],
    ids=["refused", "left out"],
)
async def test_an_item_that_vanishes_becomes_unavailable_and_is_back_by_itself(
    running: Running, left_out: bool, outcome: str, reason: str
) -> None:
    """The others of its call are answered nevertheless, and it is named. Missed several times in a
    row its price is not its price any more: an observation in the raw topic says so, with the
    reason; its next answer makes it available again, and replay and verify agree."""
    gone, others = running.items[0], running.items[1:]
    before = await running.pipeline.ends(RAW)
    await running.walmart.arm(kind="unknown_items", item_ids=[int(gone)], left_out=left_out)

    async def named() -> bool:
        return (await polling(running.worker))["unanswered"] == {outcome: [gone]}

    async def available() -> bool:
        stored = await running.pipeline.documents("offers", item_id=gone, offer="featured")
        return bool(stored[f"{gone}:featured"]["available"])

    async def unavailable() -> bool:
        return not await available()

    async def told() -> list[dict[str, Any]]:
        return [
            orjson.loads(record.value)
            for record in await running.pipeline.read(RAW)
            if record.offset >= before[record.partition] and b'"source":"poll"' in record.value
        ]

    await until("the item is named", named)
    await running.until_polled(others)
    during = await polling(running.worker)
    # The market may have sold it out by itself: that it is unavailable says too little.
    await until("the raw topic says that it is missed", told)
    await until("the item is unavailable", unavailable)
    await running.walmart.disarm()
    await running.until_polled([gone])
    await until("the item is back", available)

    assert during["unanswered"] == {outcome: [gone]}
    if not left_out:
        assert re.search(r"^InvalidItem: .*4002.*remove the item", during["last_error"])
    [said] = await told()
    assert (said["item_id"], said["payload"]["reason"]) == (gone, reason)
    assert said["payload"]["polls"] >= 3


async def test_only_what_is_on_the_watchlist_is_polled(running: Running) -> None:
    """An item is polled from when it is added until it is removed, also one that Walmart does not
    know, which is not named any longer then."""
    removed, kept = running.items[:5], running.items[5:]
    await watch_items(running.pipeline, UNKNOWN[:2])

    async def named() -> bool:
        unanswered = (await polling(running.worker))["unanswered"]
        return unanswered == {"invalid": sorted(UNKNOWN[:2])}

    await until("the unknown items are named", named)
    await watchlist.remove(running.pipeline.settings, [*removed, *UNKNOWN[:2]])

    async def gone() -> bool:
        stats = await polling(running.worker)
        return stats["watched_items"] == len(kept) and not stats["unanswered"]

    await until("the items are not watched any more", gone)
    # What was asked for just before may still be answered; a round later nothing is under way.
    await running.until_polled(kept)
    before = await running.walmart.last()
    await until_served(running.walmart, kept, times=3, after=before)
    since = {record["item_id"] for record in await running.walmart.served(before)}
    await watch_items(running.pipeline, removed)
    await running.until_polled(removed)

    assert since == set(kept)
