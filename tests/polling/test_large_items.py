"""Answers that fit no record, on a broker that would take them anyway."""

from __future__ import annotations

from pathlib import Path

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.pipeline import RAW
from tests.pipeline.worker import until
from tests.polling.large_items import LARGE, SMALL, large_walmart
from tests.polling.polling import polling, watch_items


async def test_an_answer_that_fits_no_record_is_counted_and_named(
    make_pipeline: MakePipeline, tmp_path: Path
) -> None:
    """The items beside it in the same answer are not lost, and polling goes on."""
    async with large_walmart(tmp_path) as environment:
        pipeline = make_pipeline(**environment)
        await pipeline.create_topics()
        await watch_items(pipeline, [SMALL, LARGE])
        worker = pipeline.start()
        await worker.until_ready()

        async def named() -> bool:
            polled = await worker.counted("walmart_polled_items_total")
            return polled.get("oversized", 0) > 0 and polled.get("answered", 0) > 2

        await until("the large item is named, and the small one polled over and over", named)

        stats = await polling(worker)
        assert stats["unanswered"] == {"oversized": [LARGE]}
        assert (await worker.counted("walmart_oversized_answers_total"))["affiliate"] > 0
        assert f"item {LARGE}: its answer has" in worker.log
    assert {record.key for record in await pipeline.read(RAW)} == {SMALL.encode()}
