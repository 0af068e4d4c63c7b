"""The changes command: those that are stored, and those to come."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from tests.export.documents import CHANGES, START, WINDOWS, results
from walmart_stream import topics
from walmart_stream.cli import cli
from walmart_stream.commands import changes as command
from walmart_stream.domain.events import encode
from walmart_stream.domain.time import to_datetime
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.writes import store

IDS = [f"{change.item_id}:{change.offer}:{change.observed_at}" for change in CHANGES]


@pytest.fixture
async def run(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> Callable[..., Result]:
    """Runs the command on a database with five changes."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    await store(mongo.database(client, settings), results())
    client.close()
    environment = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": mongodb_database}
    return lambda *arguments: CliRunner().invoke(cli, ["changes", *arguments], env=environment)


def offsets(done: Result) -> list[int]:
    assert done.exit_code == 0, done.output
    return [one["source"]["offset"] for one in json.loads(done.stdout)["changes"]]


def test_the_newest_are_shown_oldest_first(run: Callable[..., Result]) -> None:
    """So that the newest stands above the prompt."""
    assert offsets(run("--json", "--limit", "2")) == [12, 11]
    assert len(offsets(run("--json"))) == 5


def test_since_a_time_the_first_are_shown(run: Callable[..., Result]) -> None:
    """That time included."""
    assert offsets(run("--json", "--since", "2027-01-15T08:00:00.001Z")) == [12, 11]


def test_people_see_a_table_and_no_escapes(run: Callable[..., Result]) -> None:
    """Whatever sellers are called."""
    shown = run()

    assert "$19.99" in shown.stdout
    assert "unknown" in shown.stdout
    assert all(line.isprintable() for line in shown.stdout.splitlines())
    assert run("--since", "2030-01-01").stdout == "no price changes\n"


async def test_following_misses_nothing_that_comes_late(
    fresh_broker: Any, make_unreachable_settings: Callable[..., Any]
) -> None:
    """In the order of the log, each once; other results and records of others are passed over."""
    settings = make_unreachable_settings(
        kafka_brokers=(fresh_broker.bootstrap,), kafka_partitions=1
    )
    await create_topics(settings)
    late = CHANGES[0]
    sent = [CHANGES[1], WINDOWS[0], CHANGES[2], CHANGES[1], late]
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        await producer.send_and_wait(topics.RESULTS.name, b"nonsense", b"42")
        for event in sent:
            await producer.send_and_wait(topics.RESULTS.name, encode(event), b"42")

    found = []
    async with aclosing(command.follow(settings, to_datetime(START))) as changes:
        async for change in changes:
            found.append(change["source"]["offset"])
            if len(found) == 3:
                break

    assert found == [12, 11, 10]


def test_a_line_for_each_change_is_for_reading() -> None:
    """Its time, item, offer, price and what is different."""
    change = command._change(encode(CHANGES[1]))

    assert change is not None
    shown = command.line(change)
    assert shown.startswith("2027-01-15 08:00:00  42  featured  $17.99  unknown")
    assert shown.endswith("price, shipping, seller")
    assert command._change(orjson.dumps({"type": "price_change"})) is None
