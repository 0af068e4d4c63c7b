"""Polling by real workers against the sandbox: pacing, quota, refusals and failures."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.pipeline.pipeline import Pipeline
from tests.pipeline.worker import until
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.local.truth_check import served_answers
from walmart_stream.sandbox import RunningSandbox, SandboxConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key
from walmart_stream.tables import POLLS

pytestmark = pytest.mark.slow

ITEMS = 40
PARTITIONS = 4


@pytest.fixture
async def walmart(tmp_path: Path) -> AsyncIterator[tuple[RunningSandbox, dict[str, str]]]:
    """A sandbox with usual quotas, and the settings to poll it."""
    private, public = generate_keypair()
    consumer_id = str(uuid.uuid4())
    config = SandboxConfig(consumer_id=consumer_id, public_keys={"1": public}, items=ITEMS)
    server = await serve(config)
    key_file = tmp_path / "key.pem"
    save_private_key(private, key_file)
    yield (
        server,
        {
            "WALMART_AFFILIATE_URL": server.url,
            "WALMART_CONSUMER_ID": consumer_id,
            "WALMART_PRIVATE_KEY_FILE": str(key_file),
            "KAFKA_PARTITIONS": str(PARTITIONS),
        },
    )
    await server.stop()


async def _control(server: RunningSandbox, path: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.control_url}/{path}") as response,
    ):
        return await response.json()


async def _catalogue(server: RunningSandbox) -> list[str]:
    return [str(item["item_id"]) for item in (await _control(server, "items"))["items"]]


async def _watch(pipeline: Pipeline, item_ids: Sequence[str]) -> None:
    await watchlist.add(pipeline.settings, [WatchEntry(item_id=item_id) for item_id in item_ids])


def _answered(server: RunningSandbox, item_ids: Sequence[str]) -> Callable[[], Awaitable[bool]]:
    """Whether the sandbox has served all of *item_ids*."""

    async def look() -> bool:
        return set(item_ids) <= {
            record["item_id"] async for record in served_answers(server.control_url)
        }

    return look


def _recorded(pipeline: Pipeline, polls: int) -> Callable[[], Awaitable[bool]]:
    """Whether *polls* are known to whoever gets their partitions, with their answers.

    What a worker has asked for and not recorded yet when it dies is asked for again.
    """

    async def look() -> bool:
        ends = await pipeline.ends(f"{pipeline.settings.app_id}-{POLLS}-changelog")
        return sum(ends.values()) >= polls

    return look


async def test_pacing_and_quota_survive_a_kill_and_a_rebalance(make_pipeline, walmart):
    """An item that was polled is not polled again before its time, whoever has it by then, and
    the calls of all workers together stay within the quota."""
    server, settings = walmart
    # Longer than this takes on any machine.
    pipeline = make_pipeline(**settings, POLL_INTERVAL_MIN="1800", POLL_INTERVAL_MAX="3600")
    items = await _catalogue(server)
    first, second = pipeline.start("first"), pipeline.start("second")
    await first.until_ready()
    await second.until_ready()
    await _watch(pipeline, items[:-5])
    await until("all items are answered", _answered(server, items[:-5]))
    await until("all polls are recorded", _recorded(pipeline, len(items) - 5))

    await first.kill()
    third = pipeline.start("third")

    async def handed_over() -> bool:
        owned = await second.partitions() + await third.partitions()
        return sorted(owned) == list(range(PARTITIONS)) and bool(await third.partitions())

    await until("the partitions are handed over", handed_over)
    await _watch(pipeline, items[-5:])
    await until("the new items are answered, too", _answered(server, items))
    polled = Counter([record["item_id"] async for record in served_answers(server.control_url)])
    stats = await _control(server, "stats")
    charged = [(await worker.stats())["polling"] for worker in (second, third)]
    assert set(polled.values()) == {1}
    assert stats["over_quota"] == 0
    assert sum(polling["calls_today"] for polling in charged) >= stats["calls"]


async def test_a_bad_id_and_a_broken_walmart_are_visible_and_the_rest_goes_on(
    make_pipeline, walmart
):
    """19 of 20 items are answered, the bad one is named; after an outage polling resumes."""
    server, settings = walmart
    pipeline = make_pipeline(**settings)
    items = await _catalogue(server)
    worker = pipeline.start()
    await worker.until_ready()

    await _watch(pipeline, [*items[:19], "99999999999"])
    await until("the good items are answered", _answered(server, items[:19]))

    async def named() -> bool:
        return (await worker.stats())["polling"]["unanswered"] == {"invalid": ["99999999999"]}

    await until("the bad item is named", named)
    async with aiohttp.ClientSession() as session:
        fault = {"kind": "html", "status": 503, "probability": 1}
        async with session.post(f"{server.control_url}/faults", json=fault) as response:
            assert response.status < 300, await response.text()
        await _watch(pipeline, items[19:])

        async def failed() -> bool:
            polling = (await worker.stats())["polling"]
            return set(items[19:]) <= set(polling["unanswered"].get("failed", []))

        await until("the failure is visible", failed)
        last_error = (await worker.stats())["polling"]["last_error"]
        async with session.delete(f"{server.control_url}/faults") as response:
            assert response.status < 300

    assert "ServerUnavailable" in last_error
    assert worker.is_alive


async def test_without_credentials_nothing_is_polled(make_pipeline):
    """A worker that only processes says so."""
    worker = make_pipeline(KAFKA_PARTITIONS=str(PARTITIONS)).start()
    await worker.until_ready()

    assert (await worker.stats())["polling"]["enabled"] is False
