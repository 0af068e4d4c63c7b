"""Events first: items that events tell of leave their calls to the others, while events flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.worker import until
from tests.polling.polling import watch_items
from tests.seller.events_first import open_events_first, until_share


@pytest.mark.slow(150)
async def test_calls_go_to_the_items_without_events_and_come_back_when_these_fall_silent(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """Half of the items have half of the polls; once events tell of them, a sixth: a heartbeat.
    When the sender falls silent the worker says so, and polls them as before.
    """
    async with open_events_first(tmp_path) as shop:
        pipeline = make_pipeline(**shop.environment)
        await watch_items(pipeline, await shop.walmart.items())
        worker = pipeline.start()
        await worker.until_ready()

        await until_share(shop, "before any event", 0.42, 0.58)
        await shop.subscribe(worker)
        async with shop.telling():
            await until_share(shop, "while events flow", 0.0, 0.36)
        await shop.silence()

        async def says_so() -> bool:
            return "events have been silent" in worker.log

        await until("the silence is said", says_so)
        await until_share(shop, "after the silence", 0.42, 1.0)
