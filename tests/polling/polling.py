"""Workers that poll a sandbox: steering them by the watchlist, and what must hold of the topics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import chain
from typing import Any

import orjson

from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import Worker, until
from tests.polling.walmart import Walmart
from walmart_stream.domain.schedule.poll import Poll, decode_poll
from walmart_stream.domain.time import parse_iso
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.reading import read_topic


async def watch_items(pipeline: Pipeline, item_ids: Iterable[str]) -> None:
    """Put *item_ids* on the watchlist."""
    await watchlist.add(pipeline.settings, [WatchEntry(item_id=item_id) for item_id in item_ids])


async def until_served(
    walmart: Walmart, item_ids: Collection[str], *, times: int = 1, after: int = 0
) -> None:
    """Wait until each of *item_ids* was served so often, from record number *after* on."""

    async def look() -> bool:
        count = dict.fromkeys(item_ids, 0)
        for record in await walmart.served(after):
            if record["item_id"] in count:
                count[record["item_id"]] += 1
        return all(served >= times for served in count.values())

    await until(f"{len(item_ids)} items are served {times} times after {after}", look)


async def polling(worker: Worker) -> dict[str, Any]:
    """The part of ``/api/stats`` about a worker's polling."""
    assert worker.is_alive, worker.log[-3000:]
    stats: dict[str, Any] = (await worker.stats())["polling"]
    return stats


async def until_sharing(partitions: int, *workers: Worker) -> None:
    """Wait until each of *workers* has partitions, and they have all of them together."""

    async def look() -> bool:
        owned = [await worker.partitions() for worker in workers]
        return all(owned) and sorted(chain.from_iterable(owned)) == list(range(partitions))

    await until(f"{len(workers)} workers share the partitions", look)


async def recorded_polls(pipeline: Pipeline) -> dict[str, list[Poll]]:
    """Item id -> every poll that the workers ever wrote down, in order."""
    polls = defaultdict(list)
    topic = f"{pipeline.settings.app_id}-polls-changelog"
    async for record in read_topic(pipeline.settings, topic):
        if record.key.isdigit():
            polls[record.key.decode()].append(decode_poll(record.value))
    return polls


async def check_raw_topic(pipeline: Pipeline, walmart: Walmart) -> int:
    """Checks the raw topic, whatever went wrong; the number of its observations.

    Each is, content and request id, what the sandbox served whole, and no older than the one
    before it of the same item.
    """
    # In this order: the workers go on polling meanwhile, and what the topic has was served before.
    records = await pipeline.read(RAW)
    served = {
        (record["correlation_id"], record["item_id"]): record["payload"]
        for record in await walmart.served()
    }
    last: dict[str, int] = {}
    for record in records:
        observation = orjson.loads(record.value)
        if observation["source"] == "poll":
            continue  # what the worker itself has to say
        item_id, at = observation["item_id"], parse_iso(observation["observed_at"])
        assert record.key == item_id.encode()
        assert observation["payload"] == served[observation["request_id"], item_id]
        assert at > last.get(item_id, 0), f"{item_id}: not newer than the one before"
        last[item_id] = at
    return len(records)
