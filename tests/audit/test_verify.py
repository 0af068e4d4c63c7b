"""``verify`` on a broker and a mongod."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from motor.motor_asyncio import AsyncIOMotorClient

from tests.audit.made import HOUR, LONG_AFTER, PARTITIONS, START, TOPIC, Record, home, value
from tests.audit.test_dead_letters import Letters, refuse
from walmart_stream import topics
from walmart_stream.audit import Comparison, Report, Verdict, partition_of, report_lines
from walmart_stream.audit.spool import Spool, Spooled, unpack
from walmart_stream.audit.verify import verify
from walmart_stream.commands.replay import replay
from walmart_stream.domain import reading
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings

Produce = Callable[..., Awaitable[None]]

LOOKS = (
    ("1", START, 10.0),
    ("2", START + 5, 20.0),
    ("1", START + 60_000, 11.0),
    ("1", START + 60_000, 12.0),
    ("1", START + 30_000, 13.0),
    ("1", START + HOUR, 11.0),
    ("2", START + HOUR, 19.0),
    ("33", START + HOUR, 7.0),
)


@pytest.fixture(name="settings")
async def own_settings(make_reachable_settings: Any) -> Settings:
    settings: Settings = make_reachable_settings(kafka_partitions=PARTITIONS)
    await create_topics(settings)
    return settings


@pytest.fixture(name="database")
async def motor_database(settings: Settings) -> AsyncIterator[Any]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
        settings.mongodb_uri.get_secret_value()
    )
    yield client[settings.mongodb_database]
    client.close()


@pytest.fixture(name="produce")
async def producing(settings: Settings) -> AsyncIterator[Produce]:
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:

        async def produce(
            topic: str, record: Record, headers: list[tuple[str, bytes]] | None = None
        ) -> None:
            partition, _, key, raw = record
            await producer.send_and_wait(topic, raw, key, partition, headers=headers or [])

        yield produce


async def fill(produce: Produce) -> None:
    for item_id, at, price in LOOKS:
        key = item_id.encode()
        await produce(TOPIC, (home(item_id), 0, key, value(item_id, at, price)))


async def verified(settings: Settings, now: int = LONG_AFTER) -> Report:
    return await verify(settings, clock=lambda: now)


@pytest.mark.parametrize("key", [b"", b"1", b"12417832", b"\xff" * 9])
def test_keys_are_hashed_as_kafka_does(key: bytes) -> None:
    """The same partition as that of every producer with the default partitioner."""
    everywhere = list(range(12))

    assert partition_of(key, 12) == DefaultPartitioner()(key, everywhere, everywhere)


async def test_verify_finds_what_is_missing_and_what_is_too_much(
    settings: Settings, produce: Produce, database: Any
) -> None:
    """Both of results and of dead letters; ids may be of any type, and items of no log."""
    await fill(produce)
    bad: Record = (2, 0, b"1", b"{")
    await produce(TOPIC, bad)
    await replay(settings)
    letters: Any = Letters()
    async for consumed in read_topic(settings, TOPIC):
        if consumed.value == bad[3]:
            refuse(letters, consumed)

    before = await verified(settings)
    for headers, _, _ in letters.kept:
        await produce(topics.DEAD_LETTERS.name, bad, headers)
    after = await verified(settings)
    await database.price_changes.delete_one({"_id": f"2:featured:{START + 5}"})
    extra: list[Any] = [{"_id": 5}, {"_id": "~"}, {"_id": "7:own:1", "item_id": "7"}]
    await database.price_changes.insert_many(extra)
    later = await verified(settings)

    assert (before.verdict, before.lost) == (Verdict.NOT_CLEAN, 1)
    assert after.verdict is Verdict.CLEAN, "\n".join(report_lines(after))
    assert (after.observations, after.bad, after.duplicate, after.late) == (9, 1, 1, 1)
    assert (later.verdict, later.lost) == (Verdict.NOT_CLEAN, 1)
    changes = later.collections["price_changes"]
    assert changes.first_lost == [f"2:featured:{START + 5}"]
    assert sorted(changes.first_unexpected) == ["5", "7:own:1", "~"]


async def test_a_misplaced_record_counts_where_it_was_forwarded_to(
    settings: Settings, produce: Produce
) -> None:
    """Its own place is passed over; without a copy it is pending."""
    raw = value("1", START, 10.0)
    await produce(TOPIC, ((home("1") + 1) % PARTITIONS, 0, b"1", raw))

    waiting = await verified(settings)
    await produce(TOPIC, (home("1"), 0, b"1", raw))
    await replay(settings)
    forwarded = await verified(settings)

    assert (waiting.misplaced, waiting.pending, waiting.verdict) == (1, 1, Verdict.NOT_CLEAN)
    assert forwarded.verdict is Verdict.CLEAN, "\n".join(report_lines(forwarded))
    assert (forwarded.misplaced, forwarded.pending, forwarded.applied) == (1, 0, 1)


async def test_what_is_on_its_way_is_waited_for_and_what_never_comes_is_lost(
    settings: Settings, produce: Produce
) -> None:
    """A verification beside live workers must not call a result lost that is stored a second later.

    Here the clock tells when it looks again: only then is the result stored.
    """
    now = time.time_ns() // 1_000_000
    await produce(TOPIC, (home("1"), 0, b"1", value("1", now, 10.0)))
    looks = 0

    lost = await verify(settings, patience=0)

    async def look() -> Report:
        nonlocal looks

        def clock() -> int:
            nonlocal looks
            looks += 1
            return now

        return await verify(settings, patience=60, clock=clock)

    task = asyncio.create_task(look())
    while looks < 8:  # noqa: ASYNC110 - the clock sets no Event
        await asyncio.sleep(0.01)
    await replay(settings)
    stored = await task

    assert (lost.verdict, lost.lost) == (Verdict.NOT_CLEAN, 3)
    assert stored.verdict is Verdict.CLEAN, "\n".join(report_lines(stored))


async def test_progress_ends_at_the_number_of_records(settings: Settings, produce: Produce) -> None:
    """So that a bar reaches its end."""
    told: list[tuple[int, int]] = []
    await fill(produce)
    await replay(settings)

    await verify(settings, progress=lambda done, total: told.append((done, total)))

    assert told[-1] == (len(LOOKS), len(LOOKS))


def test_observations_beyond_memory_are_given_back_item_by_item() -> None:
    """From files, each item once, in the order of the log and unchanged."""
    looks = [
        Spooled(number, 7, reading.decode(item_id.encode(), value(item_id, START, 1.0 + number)))
        for number, item_id in enumerate(["1", "2", "33"] * 40)
    ]
    with Spool(in_memory=2000) as spool:
        for look in looks:
            spool.add(look)
        found = [
            (item_id, unpack(packed))
            for group in spool.groups()
            for item_id, packed in group.items()
        ]

    assert sorted(item_id for item_id, _ in found) == ["1", "2", "33"]
    assert dict(found) == {
        item_id: [look for look in looks if look.observation.item_id == item_id]
        for item_id in ("1", "2", "33")
    }


def test_only_the_first_differences_are_named() -> None:
    """The rest is a number; the report stays readable, and has its exit code."""
    report = Report(misplaced=1, pending=1, truncated=[2])
    report.collections["offers"] = part = Comparison()
    for number in range(30):
        part.add_lost(str(number))
    part.untold["for a reason"] = 3

    lines = report_lines(report)

    assert "  lost: and 10 more" in lines
    assert "  cannot be told: 3, for a reason" in lines
    assert any("wait to be forwarded" in line for line in lines)
    assert any("no longer begins at offset 0 in 1 partition" in line for line in lines)
    assert lines[-1] == "NOT CLEAN"
    assert orjson.loads(orjson.dumps(report.fields()))["verdict"] == "not_clean"


def test_there_are_three_verdicts_with_exit_codes() -> None:
    """Clean 0, not clean 1, cannot be told 3; what differs weighs more than what is not known."""
    untold, wrong = Comparison(), Comparison()
    untold.add_untold("for a reason")
    wrong.add_wrong("1", ["x"])

    reports = [
        Report(collections={"offers": Comparison()}),
        Report(collections={"offers": wrong, "price_windows": untold}),
        Report(collections={"price_windows": untold}),
    ]

    assert [report.verdict.value for report in reports] == [0, 1, 3]
    assert [report.is_clean for report in reports] == [True, False, False]
