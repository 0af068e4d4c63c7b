"""``walmart-stream dead-letters replay`` of any number of letters, again and again."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from tests.commands.test_move import observation, read
from walmart_stream import topics
from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.audit.verify import verify
from walmart_stream.commands.dead_letters import Filter, NoSuchLetter
from walmart_stream.commands.dead_letters import replay as put_back
from walmart_stream.commands.replay import replay
from walmart_stream.domain.errors import BadInput, MalformedJson, Refused
from walmart_stream.kafka import dead_letters
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.producing import Batches
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings

PARTITIONS = 2
RAW, LETTERS = topics.RAW.name, topics.DEAD_LETTERS.name

pytestmark = pytest.mark.integration


@pytest.fixture
async def settings(make_reachable_settings) -> Settings:
    settings: Settings = make_reachable_settings(kafka_partitions=PARTITIONS)
    await create_topics(settings)
    return settings


async def produce(settings: Settings, records: list[dict[str, Any]]) -> None:
    """Into the raw topic, where their keys belong."""
    async with AIOKafkaProducer(
        **client_options(settings), acks="all", max_request_size=4_000_000
    ) as producer:
        for one in records:
            batches = Batches(producer)
            batches.add(RAW, **one, partition=partition_of(one["key"], PARTITIONS))
            await batches.send()


async def refuse(settings: Settings, fault: BadInput, since: dict[int, int]) -> dict[int, int]:
    """As workers do: each record since these offsets becomes a dead letter; the next offsets."""
    ends = {}
    async with AIOKafkaProducer(
        **client_options(settings), acks="all", max_request_size=4_000_000
    ) as producer:
        for partition in range(PARTITIONS):
            records = await read(settings, RAW, partition)
            for record in records[since.get(partition, 0) :]:
                batches = Batches(producer)
                add_dead_letter(batches, RAW, partition, record, "process", fault, to=partition)
                await batches.send()
            ends[partition] = len(records)
    return ends


async def test_a_letter_that_is_replayed_again_and_again_does_not_multiply(
    settings: Settings,
) -> None:
    """A megabyte of junk became a dead letter once more at each replay, and all of its letters were
    put back the next time: twice as many each time."""
    junk = [{"key": b"%d" % n, "value": b"%d" % n * 500_000} for n in range(2)]
    await produce(settings, junk)
    ends = await refuse(settings, MalformedJson("no JSON"), {})

    for _ in range(4):
        names = await put_back(settings, (), Filter(fault="MalformedJson"))
        ends = await refuse(settings, MalformedJson("no JSON"), ends)

    assert sum(ends.values()) == 2 * (1 + 4)
    assert len(names) == 2 * 4
    with pytest.raises(NoSuchLetter):
        await put_back(settings, [names[0], f"{RAW}:0:999"], Filter())
    assert await put_back(settings, [names[0]], Filter()) == [names[0]]


class Killed(Exception):
    """The end of the process at this point."""


async def test_a_replay_of_many_takes_little_memory_and_may_be_killed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It held all letters at once. Killed on its way and run again, nothing is in the documents
    twice."""
    monkeypatch.setattr(dead_letters, "PART_BYTES", 1_000_000)
    filler = b" " * 200_000
    good = [observation(item, price) for price in range(6) for item in range(1, 41)]
    for one in good:
        one["value"] += filler
    await produce(settings, good)
    await refuse(settings, Refused("the database refused it"), {})

    def die(done: int, total: int) -> None:
        if done > total / 2:
            raise Killed

    with pytest.raises(Killed):
        await put_back(settings, (), Filter(), progress=die)
    shown: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        names = await put_back(settings, (), Filter(), progress=lambda *said: shown.append(said))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(names) == len(good)
    assert peak < len(good) * len(filler) / 2
    assert len(shown) > 5
    assert shown[-1] == (len(good), len(good))
    logs = [await read(settings, RAW, number) for number in range(PARTITIONS)]
    found = Counter(record.value for log in logs for record in log)
    assert len(found) == len(good)
    assert set(found.values()) == {2, 3}
    assert (await replay(settings)).changes == len(good)
    report = await verify(settings)
    assert (report.unexpected, report.wrong) == (0, 0)
    assert {name: part.lost for name, part in report.collections.items() if part.lost} == {}
