"""Batches of the log that cannot be read here: nobody claims to know what they hold."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner
from motor.motor_asyncio import AsyncIOMotorClient

from tests.audit.made import LONG_AFTER, PARTITIONS, START, TOPIC, home, value
from walmart_stream.audit import Report, Verdict, report_lines
from walmart_stream.audit.verify import verify
from walmart_stream.cli.root import cli
from walmart_stream.commands.replay import replay
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.partition_states import PartitionState, write_state
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.runtime import unpacking
from walmart_stream.settings import Settings

# Of a log that a worker has read which can unpack more; its items are in two partitions.
FIRST = "1"
OTHER = next(str(n) for n in range(2, 99) if home(str(n)) != home(FIRST))
AT = START + 60_000

pytestmark = pytest.mark.integration


@pytest.fixture
async def settings(make_reachable_settings: Any) -> Settings:
    settings: Settings = make_reachable_settings(kafka_partitions=PARTITIONS)
    await create_topics(settings)
    for item_id, at, price, codec in (
        (FIRST, START, 10.0, None),
        (OTHER, START, 20.0, None),
        (FIRST, AT, 11.0, "gzip"),
        (FIRST, AT + 1, 12.0, None),
        (OTHER, AT, 21.0, None),
    ):
        async with AIOKafkaProducer(
            **client_options(settings), acks="all", compression_type=codec
        ) as producer:
            sent = value(item_id, at, price, name="x" * 500 if codec else "Kettle")
            await producer.send_and_wait(TOPIC, sent, item_id.encode(), home(item_id))
    await replay(settings)
    return settings


async def verified(settings: Settings) -> Report:
    return await verify(settings, clock=lambda: LONG_AFTER, patience=0)


async def delete(settings: Settings, name: str) -> None:
    client: Any = AsyncIOMotorClient(settings.mongodb_uri.get_secret_value())
    try:
        await client[settings.mongodb_database].price_changes.delete_one({"_id": name})
    finally:
        client.close()


async def test_a_batch_that_cannot_be_read_leaves_its_partition_untold(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was a warning: what a worker had made of it was called wrong, or all was called clean.

    A loss in another partition is found as ever.
    """
    assert (await verified(settings)).verdict is Verdict.CLEAN
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 100)

    report = await verified(settings)

    assert report.verdict is Verdict.CANNOT_BE_TOLD, "\n".join(report_lines(report))
    [place] = report.unreadable
    assert place == f"{TOPIC}:{home(FIRST)}:1"
    assert report.collections["price_changes"].untold_count == 2  # that of the batch, and the next
    await delete(settings, f"{OTHER}:featured:{AT}")
    report = await verified(settings)
    assert (report.verdict, report.lost) == (Verdict.NOT_CLEAN, 1)


async def test_a_batch_that_a_person_passed_over_explains_no_difference(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker has read it either; only what it may hold is not known."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 100)
    state = PartitionState(TOPIC, home(FIRST), True, 1, "bomb", "2026-01-01T00:00:00.000Z")
    resumed = state.resumed("2026-01-01T00:00:01.000Z", 2)
    await write_state(settings, resumed)
    wrong = await verified(settings)
    client: Any = AsyncIOMotorClient(settings.mongodb_uri.get_secret_value())
    try:
        await client.drop_database(settings.mongodb_database)
    finally:
        client.close()
    await replay(settings)

    right = await verified(settings)

    assert wrong.verdict is Verdict.NOT_CLEAN
    assert (right.verdict, right.untold) == (Verdict.CANNOT_BE_TOLD, 1)


async def test_a_replay_past_a_batch_says_so_and_exits_3(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes what could be read, and is stored, for the whole."""
    monkeypatch.setattr(unpacking, "MOST_UNPACKED", 100)
    for name in ("kafka_brokers", "kafka_partitions", "mongodb_database", "app_id"):
        given = getattr(settings, name)
        monkeypatch.setenv(name.upper(), given[0] if isinstance(given, tuple) else str(given))
    monkeypatch.setenv("MONGODB_URI", settings.mongodb_uri.get_secret_value())

    done = await asyncio.to_thread(CliRunner().invoke, cli, ["replay"])

    assert done.exit_code == 3, done.output
    assert "1 batches of the log cannot be read" in done.output
    assert f"{TOPIC}:{home(FIRST)}:1: " in done.output
