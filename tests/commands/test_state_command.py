"""The state command: an item as it was known at a time, from a real log."""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner, Result

from walmart_stream import topics
from walmart_stream.cli import cli
from walmart_stream.commands import state as command
from walmart_stream.commands.state import NothingKnown, state
from walmart_stream.domain.known_then import ItemLog
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.reading import observation
from walmart_stream.domain.time import to_datetime, to_iso
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.topic_admin import create_topics

START = 1_795_000_000_000
LOOKS = 20
# Of times that are compared with a replay; `STATE_TIMES=1000` takes minutes.
TIMES = int(os.environ.get("STATE_TIMES", "20"))


def run(settings: Any, *arguments: str) -> Result:
    environment = {
        "KAFKA_BROKERS": ",".join(settings.kafka_brokers),
        "KAFKA_PARTITIONS": str(settings.kafka_partitions),
    }
    return CliRunner().invoke(cli, ["state", *arguments], env=environment)


@pytest.fixture
async def settings(fresh_broker: Any, make_unreachable_settings: Callable[..., Any]) -> Any:
    """Three items looked at once a second, in the cents of the second; item 3 is bad at last."""
    settings = make_unreachable_settings(
        kafka_brokers=(fresh_broker.bootstrap,), kafka_partitions=2
    )
    await create_topics(settings)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for number in range(LOOKS):
            for item in (1, 2, 3):
                payload = {"itemId": item, "salePrice": (100 + number) / 100, "name": "Tea"}
                value = observation.encode(
                    source="affiliate",
                    item_id=str(item),
                    observed_at=START + 1_000 * number,
                    request_id="r",
                    payload=orjson.dumps(payload),
                )
                await producer.send(topics.RAW.name, value, str(item).encode())
        await producer.send_and_wait(topics.RAW.name, b"nonsense", b"3")
    return settings


async def test_the_price_is_that_of_the_time(settings: Any) -> None:
    """And the record is the one that said so."""
    told: list[tuple[int, int | None]] = []

    for number in (0, 7, LOOKS - 1):
        for item in ("1", "2", "3"):
            at = to_datetime(START + 1_000 * number) + timedelta(milliseconds=999)
            found = await state(settings, item, at, lambda *done: told.append(done))

            offer = found["offers"]["featured"]
            assert offer["price_cents"] == 100 + number
            assert offer["observed_at"] == to_iso(START + 1_000 * number)
            assert (found["name"], found["is_whole"]) == ("Tea", True)
    assert told
    assert all(done == total for done, total in told[-1:])


async def test_any_time_is_as_a_replay_to_it_leaves_the_item(settings: Any) -> None:
    """Prices, shipping, stock and the record, of any item at any time, in a log that has late and
    repeated observations: as a plain walk through the log has them, up to that time."""
    rng = random.Random(20261129)
    log = [
        (str(rng.randrange(11, 19)), START + 500 * rng.randrange(200) + 3_000 * number)
        for number in range(400)
    ]
    # Item -> (time, offset, price, shipping) of what a pipeline applies, in its order.
    course: defaultdict[str, list[tuple[int, int, int | None, int | None]]] = defaultdict(list)
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for item, at in log:
            price, shipping = rng.choice([None, 999, 1_450]), rng.choice([None, 0, 399])
            payload: dict[str, Any] = {"itemId": int(item), "name": "Tea"}
            if price is not None:
                payload |= {"salePrice": price / 100}
                payload |= {} if shipping is None else {"standardShipRate": shipping / 100}
            value = observation.encode(
                source="affiliate",
                item_id=item,
                observed_at=at,
                request_id="r",
                payload=orjson.dumps(payload),
            )
            sent = await producer.send_and_wait(topics.RAW.name, value, item.encode())
            if not course[item] or at > course[item][-1][0]:
                shown = None if price is None else shipping
                course[item].append((at, sent.offset, price, shown))

    for _ in range(TIMES):
        item = rng.choice(sorted(course))
        at = START + rng.randrange(-1_000, 1_300_000)
        past = [one for one in course[item] if one[0] <= at]
        if not past:
            with pytest.raises(NothingKnown):
                await state(settings, item, to_datetime(at))
            continue
        observed, offset, price, shipping = past[-1]
        offer = (await state(settings, item, to_datetime(at)))["offers"]["featured"]
        found = (offer["price_cents"], offer["shipping_cents"], offer["available"])
        assert found == (price, shipping, price is not None), (item, at)
        assert (offer["observed_at"], offer["source"]["offset"]) == (to_iso(observed), offset)


async def test_an_item_is_unknown_before_it_was_observed(settings: Any) -> None:
    """As is one that was never observed."""
    with pytest.raises(NothingKnown, match="item 1 had not been observed by 2026-11-18"):
        await state(settings, "1", to_datetime(START - 1))
    with pytest.raises(NothingKnown):
        await state(settings, "44", to_datetime(START))


def test_people_and_programs_are_told_the_same(settings: Any) -> None:
    """A table with the record that each offer is based on, or JSON."""
    at = to_iso(START + 3_500)

    shown, read = run(settings, "2", "--at", at), run(settings, "2", "--at", at, "--json")

    assert (shown.exit_code, read.exit_code) == (0, 0), shown.output + read.output
    found = json.loads(read.stdout)
    source = found["offers"]["featured"]["source"]
    assert "$1.03" in shown.stdout
    assert f" {source['offset']} " in shown.stdout
    assert f"by records of {source['topic']}, partition {source['partition']}" in shown.stdout
    assert (found["item_id"], found["at"]) == ("2", at)
    assert run(settings, "2", "--at", "2026-01-01").exit_code == 1


def test_what_the_log_has_lost_cannot_be_told(
    monkeypatch: pytest.MonkeyPatch, make_unreachable_settings: Callable[..., Any]
) -> None:
    """Exit code 3, in words."""

    async def lost(*_: object) -> ItemLog:
        return ItemLog("42", 1, (), Horizon(5, START))

    monkeypatch.setattr(command, "item_log", lost)

    done = run(make_unreachable_settings(), "42", "--at", "2026-01-01")

    assert done.exit_code == 3
    assert "cannot be told: the raw topic's partition 1 begins at offset 5" in done.stderr
