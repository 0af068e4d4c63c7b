"""The fetched partitions: the streams, and the changelogs that are being restored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from tests.engine.worker import create_input, produce
from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.fetching import (
    ENOUGH_TO_FETCH_AHEAD,
    LONGEST_FETCH_MS,
    LONGEST_QUIET_FETCH_MS,
)
from walmart_stream.runtime.partitions import UNPROVEN_AFTER_MS

pytestmark = pytest.mark.integration

STREAM = TP("input", 0)
CHANGELOG = TP("engine-test-counts-changelog", 0)


NAMED = {"stream": STREAM, "changelog": CHANGELOG}


async def _nothing() -> None:
    pass


@pytest.fixture
async def consumer(fresh_broker):
    bootstrap = fresh_broker.bootstrap
    await create_input(bootstrap)
    for tp in (STREAM, CHANGELOG):
        await produce(bootstrap, ("a", "1"), ("b", "2"), topic=tp.topic)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(*STREAM), TopicPartition(*CHANGELOG)])
    yield consumer
    await consumer.stop()


@pytest.fixture
def parent():
    """A worker's consumer, not started."""
    app = StreamApp("engine-test", prepare=_nothing, broker="kafka://127.0.0.1:1")
    app.Table("counts", partitions=2)
    app.finalize()
    return app._new_consumer()


@pytest.fixture
async def fetch(parent, consumer):
    """Offsets of the fetched records by partition, from the offsets that are asked for."""
    thread = parent._thread

    async def call(**start: int) -> dict[TP, list[int]]:
        reading = {NAMED[name]: offset for name, offset in start.items()}
        fetched: dict[TP, list[int]] = {}
        while not fetched.keys() >= reading.keys():
            answers = await thread._fetch(consumer, reading, set(reading), 1.0)
            fetched |= {tp: _offsets(one.records) for tp, one in answers.items() if one.records}
        return fetched

    return call


def _offsets(records: Iterable[Any]) -> list[int]:
    return [record.offset for record in records]


async def test_a_changelog_is_fetched_only_while_it_is_restored(consumer, fetch):
    """Faust says who is active to nobody; aiokafka would fetch and keep megabytes of the rest."""
    assert await fetch(stream=0) == {STREAM: [0, 1]}

    assert CHANGELOG in consumer.paused()
    assert TopicPartition(*CHANGELOG) not in consumer._fetcher._records


async def test_a_changelog_that_is_restored_later_begins_where_it_was_left(consumer, fetch):
    """Nothing that was fetched in vain counts as read."""
    await fetch(stream=0)

    assert await fetch(changelog=0) == {CHANGELOG: [0, 1]}


async def test_a_fetch_begins_where_it_is_asked_to_whatever_was_fetched_before(consumer, fetch):
    """There is one truth of where reading stands, and the client does not have it."""
    await fetch(stream=0)

    assert await fetch(stream=0) == {STREAM: [0, 1]}
    assert await fetch(stream=1) == {STREAM: [1]}


async def test_the_fetch_after_one_that_brought_little_waits_to_be_asked_for(
    fresh_broker, consumer, fetch
):
    """It then brings the newest records, from all partitions at once."""
    await fetch(stream=0)
    assert STREAM in consumer.paused()
    await produce(fresh_broker.bootstrap, ("c", "3"), topic=STREAM.topic)

    assert await fetch(stream=2) == {STREAM: [2]}


async def test_the_fetch_after_one_that_brought_much_goes_ahead(fresh_broker, consumer, fetch):
    """While that is processed, the broker's answer is on its way."""
    await fetch(stream=0)
    many = [("d", "4")] * ENOUGH_TO_FETCH_AHEAD
    await produce(fresh_broker.bootstrap, *many, topic=STREAM.topic)

    assert len((await fetch(stream=2))[STREAM]) == len(many)
    assert STREAM not in consumer.paused()


async def test_a_node_may_wait_longer_while_nothing_comes(fresh_broker, parent, consumer, fetch):
    """An idle worker fetched ten times a second; once records come, none may wait for others."""
    await fetch(stream=0)
    assert consumer._fetcher._fetch_max_wait_ms == LONGEST_FETCH_MS

    answers = await parent._thread._fetch(consumer, {STREAM: 2}, {STREAM}, 1.0)

    assert answers[STREAM].records == []
    assert LONGEST_FETCH_MS < consumer._fetcher._fetch_max_wait_ms == LONGEST_QUIET_FETCH_MS
    # Each answer comes in time to show that the log was there all the while.
    assert LONGEST_QUIET_FETCH_MS < UNPROVEN_AFTER_MS
    await produce(fresh_broker.bootstrap, ("c", "3"), topic=STREAM.topic)
    assert await fetch(stream=2) == {STREAM: [2]}
    assert consumer._fetcher._fetch_max_wait_ms == LONGEST_FETCH_MS
