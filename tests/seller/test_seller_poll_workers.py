"""Workers that read the seller side of a sandbox with every trap."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import Worker, until
from tests.polling.polling import until_sharing
from tests.seller.shop import Shop, open_shop

PARTITIONS = 4

# Told of no limit, a client keeps to Walmart's, which the sandbox has made so much wider.
TOLD: dict[str, Any] = {"limit_headers": "ms"}


async def observed(pipeline: Pipeline) -> list[dict[str, Any]]:
    """The observations of source ``seller`` in the raw topic."""
    records = [orjson.loads(record.value) for record in await pipeline.read(RAW)]
    return [record for record in records if record["source"] == "seller"]


def is_row(observation: dict[str, Any]) -> bool:
    return "report" in observation["payload"]


def is_insight(observation: dict[str, Any]) -> bool:
    return "insight" in observation["payload"]


async def seller(worker: Worker) -> dict[str, Any]:
    """The part of ``/api/stats`` about the seller side."""
    assert worker.is_alive, worker.log[-3000:]
    stats: dict[str, Any] = (await worker.stats())["seller"]
    return stats


async def until_observed(pipeline: Pipeline, shop: Shop, times: int, reported: int = 1) -> None:
    """Wait until each item is there so often, as listed and as reported."""
    wanted = {item["item_id"] for item in await shop.items()}

    async def look() -> bool:
        counted = Counter(
            (o["item_id"], is_row(o)) for o in await observed(pipeline) if not is_insight(o)
        )
        return all(
            counted[item_id, False] >= times and counted[item_id, True] >= reported
            for item_id in wanted
        )

    await until(f"all items are observed {times} times", look)


async def test_every_sku_is_observed_by_one_worker_within_all_limits(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Tokens end meanwhile, answers are cut off and cursors expire: no call beyond a limit, and
    every observation is what was served, under the item id that its SKU has.
    """
    async with open_shop(
        tmp_path,
        items=600,
        skus=450,
        token_seconds=10.0,
        report_seconds=(30.0, 90.0),
        **TOLD,
    ) as shop:
        pipeline = make_pipeline(
            **shop.environment, SELLER_POLL_INTERVAL="1", SELLER_REPORT_INTERVAL="5"
        )
        workers = [pipeline.start(name) for name in ("first", "second")]
        await until_sharing(PARTITIONS, *workers)
        for kind in ("expired_cursor", "truncated", "xml"):
            await shop.arm(kind=kind, endpoint="items", probability=0.1, remaining=2)
        # One: a second could meet the call with the new token, which is not tried again.
        await shop.arm(kind="expired_token", endpoint="items", probability=0.1, remaining=1)

        await until_observed(pipeline, shop, times=4)
        reading = [worker for worker in workers if (await seller(worker))["reading"]]
        assert len(reading) == 1
        assert (await reading[0].partitions())[0] == 0
        stats = await seller(reading[0])
        assert stats["last_error"] is None, stats
        assert (stats["items_listed"], stats["report_rows"]) == (450, 450)
        assert (stats["items_without_id"], stats["without_id"]) == (0, [])

        async def renewed() -> bool:
            return bool((await shop.stats())["tokens"]["issued"] >= 3)

        await until("two tokens have ended", renewed)
        counted = await shop.stats()
        assert counted["refused"] == 0, counted["endpoints"]
        # Each once at most: a refused token is not tried again.
        assert counted["tokens"]["refused"] <= counted["tokens"]["issued"]
        items = {item["sku"]: item["item_id"] for item in await shop.items()}
        there = await observed(pipeline)
        served = {
            (r["correlation_id"], r["sku"]): r["payload"]
            for r in await shop.served()
            if r["endpoint"] == "items"
        }
        for one in there:
            payload = one["payload"]
            if is_row(one):
                row = {name.lower(): text for name, text in payload["row"].items()}
                assert items[row["sku"]] == row["item id"] == one["item_id"]
            elif not is_insight(one):
                assert served[one["request_id"], payload["sku"]] == payload
                assert items[payload["sku"]] == one["item_id"]

        await reading[0].kill()
        await until_observed(pipeline, shop, times=8, reported=2)
        assert (await shop.stats())["refused"] == 0


async def test_a_report_is_asked_for_once_whoever_reads_it(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """A worker that is killed while Walmart makes it leaves it to the next one."""
    async with open_shop(
        tmp_path, items=60, skus=40, report_seconds=(600.0, 600.0), **TOLD
    ) as shop:
        pipeline = make_pipeline(
            **shop.environment, SELLER_POLL_INTERVAL="600", SELLER_REPORT_INTERVAL="600"
        )
        first = pipeline.start("first")
        await first.until_ready()

        async def requested() -> Any:
            return (await seller(first))["report_requested"]

        request_id = await until("a report is asked for", requested)
        await first.kill()
        second = pipeline.start("second", SELLER_REPORT_INTERVAL="10")
        await second.until_ready()

        async def is_read() -> bool:
            return (await seller(second))["report_rows"] == 40

        await until("the report is read", is_read)
        rows = [one for one in await observed(pipeline) if is_row(one)]
        assert {one["request_id"] for one in rows} == {request_id}
        assert len({one["item_id"] for one in rows}) == 40


async def test_failures_of_walmart_end_in_stats(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """And what they kept from being read is read when they are over."""
    async with open_shop(tmp_path, items=60, skus=40) as shop:
        await shop.arm(kind="forbidden", endpoint="items")
        pipeline = make_pipeline(
            **shop.environment, SELLER_POLL_INTERVAL="1", SELLER_REPORT_INTERVAL="600"
        )
        worker = pipeline.start()
        await worker.until_ready()

        async def failed() -> bool:
            return "AccessDenied" in ((await seller(worker))["last_error"] or "")

        await until("the failure is told", failed)
        assert (await worker.get("/readyz"))[0] == 200
        await shop.control("DELETE", "faults")

        async def listed() -> bool:
            return (await seller(worker))["items_listed"] == 40

        await until("the items are read", listed)


async def test_a_worker_stops_in_the_middle_of_a_reading(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """It waits neither for Walmart nor for a report."""
    async with open_shop(tmp_path, items=60, skus=40) as shop:
        await shop.arm(kind="latency", seconds=60, endpoint="items")
        pipeline = make_pipeline(**shop.environment)
        worker = pipeline.start()
        await worker.until_ready()

        async def requested() -> Any:
            return (await seller(worker))["report_requested"]

        await until("a report is asked for", requested)

        assert await worker.terminate() == 0
        assert "Traceback" not in worker.log, worker.log[-3000:]


@pytest.mark.slow(60)
async def test_insights_come_within_their_limit_and_are_stored_with_the_own_offer(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Untouched into the raw topic, under the item id that the report has told; what is stored is
    what Walmart said last, and what the log comes to.
    """
    async with open_shop(tmp_path, items=90, skus=60, report_seconds=(1.0, 1.0), **TOLD) as shop:
        pipeline = make_pipeline(
            **shop.environment,
            SELLER_POLL_INTERVAL="600",
            SELLER_REPORT_INTERVAL="600",
            SELLER_INSIGHTS_INTERVAL="2",
        )
        worker = pipeline.start()
        await worker.until_ready()
        active = {i["sku"]: i["item_id"] for i in await shop.items() if i["lifecycle"] == "ACTIVE"}

        async def told() -> dict[str, dict[str, Any]]:
            documents = await pipeline.documents("offers", offer="own")
            return {d["item_id"]: d["insights"] for d in documents.values() if "insights" in d}

        async def all_told() -> bool:
            return set(await told()) == set(active.values())

        await until("the insights of all items are stored", all_told)
        assert (await seller(worker))["insights_offered"] is True
        stored, seen = await told(), await observed(pipeline)
        # Last: it is asked all the time.
        served: dict[str, list[Any]] = {}
        for record in await shop.served():
            if record["endpoint"] == "pricing_insights":
                served.setdefault(record["sku"], []).append(record["payload"])
        for one in seen:
            row = one["payload"].get("insight")
            if row is not None:
                assert row in served[row["sku"]]
                assert active[row["sku"]] == one["item_id"]
        suggested = {row["suggestedPrice"] for rows in served.values() for row in rows}
        for insights in stored.values():
            cents = insights["suggested_cents"]
            assert cents is None or cents / 100 in suggested
        counted = await shop.stats()
        assert counted["endpoints"]["pricing_insights"]["refused"] == 0
        report = await pipeline.verified()
        assert report.is_clean, report
