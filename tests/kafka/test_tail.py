"""A topic as it grows: nothing that is written after the start is missed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from walmart_stream import topics
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.tail import tail
from walmart_stream.kafka.topic_admin import create_topics

TOPIC = topics.RESULTS.name
START = 1_795_000_000_000


@pytest.fixture
async def settings(fresh_broker: Any, make_unreachable_settings: Callable[..., Any]) -> Any:
    """Two partitions with four records each, a second apart."""
    settings = make_unreachable_settings(
        kafka_brokers=(fresh_broker.bootstrap,), kafka_partitions=2
    )
    await create_topics(settings)
    await write(settings, range(4))
    return settings


async def write(settings: Any, numbers: range) -> None:
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for number in numbers:
            for partition in (0, 1):
                await producer.send_and_wait(
                    *(TOPIC, b"%d" % number, b"k"),
                    partition=partition,
                    timestamp_ms=START + 1_000 * number,
                )


async def read(settings: Any, since: int | None, last: bytes, *, then: range) -> set[bytes]:
    """Values up to *last* in both partitions; those of *then* are written after the first one."""
    found: list[bytes] = []
    async with aclosing(tail(settings, TOPIC, since)) as records:
        async for record in records:
            found.append(record.value)
            if len(found) == 1:
                await write(settings, then)
            if found.count(last) == 2:
                break
    return set(found)


async def test_records_since_a_time_and_those_that_follow(settings: Any) -> None:
    """From both partitions; a broker that goes by the time of arrival gives some more."""
    found = await read(settings, START + 2_000, b"9", then=range(9, 10))

    assert found >= {b"2", b"3", b"9"}


async def test_a_time_before_all_gives_all(settings: Any) -> None:
    """From the beginning of the log."""
    assert await read(settings, 0, b"3", then=range(0)) == {b"0", b"1", b"2", b"3"}


async def test_without_a_time_it_begins_at_the_end(settings: Any) -> None:
    """The log of before is passed over."""
    records = tail(settings, TOPIC)
    reading = asyncio.create_task(anext(records))
    written = b""
    for number in range(10, 200):
        await write(settings, range(number, number + 1))
        if (await asyncio.wait([reading], timeout=0.1))[0]:
            written = reading.result().value
            break
    await records.aclose()

    assert int(written) >= 10
