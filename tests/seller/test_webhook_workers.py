"""Workers that a sandbox sends webhooks to."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import orjson

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import Worker, until
from tests.seller.shop import SECRET, Shop, open_shop
from walmart_stream.domain.time import parse_iso
from walmart_stream.local.ports import free_port

EVENTS = 1000


async def observed(pipeline: Pipeline) -> dict[str, list[bytes]]:
    """Event id -> the observations of it in the raw topic."""
    found = defaultdict(list)
    for record in await pipeline.read(RAW):
        observation = orjson.loads(record.value)
        assert observation["source"] == "webhook"
        assert record.key == observation["item_id"].encode()
        found[observation["payload"]["source"]["eventId"]].append(record.value)
    return dict(found)


async def until_delivered(shop: Shop) -> list[dict[str, Any]]:
    """Wait until nothing is left to be sent; every attempt."""

    async def look() -> bool:
        return (await shop.stats())["webhooks"]["waiting"] == 0

    await until("all webhooks are delivered", look)
    return await shop.sent()


async def test_exactly_the_valid_ones_of_a_thousand_webhooks_are_stored(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Duplicates, reordering, forgeries, old timestamps, 5 MB bodies and kill -9 in the middle:
    whatever was answered with 2xx is in the raw topic, as it was sent, and nothing else is.
    """
    async with open_shop(
        tmp_path,
        items=300,
        skus=200,
        # For longer than a worker takes to start on any machine.
        webhook_retry_seconds=(60.0, 120.0, 240.0, 480.0, 960.0, *[960.0] * 20),
    ) as shop:
        pipeline = make_pipeline(WALMART_WEBHOOK_SECRET=SECRET)
        port = str(free_port())
        worker = pipeline.start("first", WEB_PORT=port)
        await worker.until_ready()
        settings = make_pipeline(**shop.environment).settings
        await shop.subscribe(settings, worker.url, "BUY_BOX_CHANGED")
        await shop.arm(kind="duplicate", probability=0.3, copies=2)
        await shop.arm(kind="reorder", probability=0.5, seconds=120)
        await shop.arm(kind="bad_signature", probability=0.1)
        await shop.arm(kind="old_timestamp", probability=0.1)
        await shop.arm(kind="oversized", probability=1, remaining=5)

        ids = await shop.happen("BUY_BOX_CHANGED", EVENTS)

        async def is_halfway() -> bool:
            return (await shop.stats())["webhooks"]["accepted"] > EVENTS / 4

        await until("some are taken", is_halfway)
        await worker.kill()
        at_kill = {a["event_id"] for a in await shop.sent() if a["accepted"]}
        assert at_kill <= set(await observed(pipeline))
        await pipeline.start("second", WEB_PORT=port).until_ready()
        attempts: list[dict[str, Any]] = []
        valid: dict[str, Any] = {}
        found: dict[str, list[bytes]] = {}

        # The market goes on meanwhile, and its own events are sent between any two looks: those of
        # before a look at the topic must be in it, and those of after it may be.
        async def are_the_same() -> bool:
            nonlocal attempts, valid, found
            before = {a["event_id"] for a in await shop.sent() if a["valid"]}
            found = await observed(pipeline)
            attempts = await shop.sent()
            valid = {a["event_id"]: a["payload"] for a in attempts if a["valid"]}
            return set(ids) <= before <= set(found) <= set(valid)

        await until("the raw topic holds the valid events and no other", are_the_same)
        for event_id, values in found.items():
            # Once by content, however often it came.
            assert len(set(values)) == 1
            observation = orjson.loads(values[0])
            assert observation["payload"] == valid[event_id]
            assert observation["request_id"] == event_id
            time = valid[event_id]["source"]["eventTime"]
            assert parse_iso(observation["observed_at"]) == parse_iso(time)
        refused = {(a["fault"], a["status"]) for a in attempts if not a["valid"]}
        assert {fault for fault, _ in refused} == {"bad_signature", "old_timestamp", "oversized"}
        # Where it had been killed, nobody answered.
        assert {status for _, status in refused} <= {401, 413, 429, None}


async def test_events_without_an_item_id_wait_for_it_and_others_are_kept(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Whichever worker hears what: an event that names a SKU comes to its item as soon as any
    event has told which one that is; what is not about offers is a dead letter, untouched.
    """
    # Slow, so that nothing else happens in the market.
    async with open_shop(tmp_path, items=60, skus=40, speed=0.1) as shop:
        pipeline = make_pipeline(WALMART_WEBHOOK_SECRET=SECRET)
        workers = [pipeline.start(name) for name in ("first", "second")]
        for worker in workers:
            await worker.until_ready()
        settings = make_pipeline(**shop.environment).settings
        await shop.subscribe(
            settings, workers[0].url, "OFFER_PUBLISHED", "PO_CREATED", method="BASIC_AUTH"
        )
        await shop.subscribe(settings, workers[1].url, "BUY_BOX_CHANGED", method="OAUTH")
        item = (await shop.items())[0]

        waiting = await shop.happen("OFFER_PUBLISHED", 2, item["sku"])
        order = await shop.happen("PO_CREATED", 1, item["sku"])
        await until_delivered(shop)

        async def waits() -> bool:
            return sum([(await _seller(w))["waiting_events"] or 0 for w in workers]) == 2

        await until("both wait in the table", waits)
        told = await shop.happen("BUY_BOX_CHANGED", 1, item["sku"])
        attempts = await until_delivered(shop)

        async def all_there() -> bool:
            return set(await observed(pipeline)) >= {*waiting, *told}

        await until("all are in the raw topic", all_there)
        found = await observed(pipeline)
        assert set(found) == {*waiting, *told}
        for values in found.values():
            assert orjson.loads(values[0])["item_id"] == item["item_id"]
        late = await shop.happen("OFFER_PUBLISHED", 1, item["sku"])
        await until_delivered(shop)

        async def late_is_there() -> bool:
            return late[0] in await observed(pipeline)

        await until("what comes later does not wait", late_is_there)
        [(reason, letter)] = await pipeline.dead_letters("webhook")
        assert reason["class"] == "UnknownEvent"
        assert orjson.loads(letter.value)["source"]["eventId"] == order[0]
        assert Counter(a["status"] for a in attempts) == {200: 4}
        assert [await pipeline.dead_letters(stage) for stage in ("seller", "process")] == [[], []]


async def _seller(worker: Worker) -> dict[str, Any]:
    stats: dict[str, Any] = (await worker.stats())["seller"]
    return stats
