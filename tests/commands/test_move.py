"""Records in partitions that somebody added go to where their keys belong, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord

from walmart_stream import topics
from walmart_stream.audit import partition_of
from walmart_stream.audit.verify import verify
from walmart_stream.commands import mover
from walmart_stream.commands.move import NotMovable, move
from walmart_stream.commands.mover import MovedPartition, Mover
from walmart_stream.commands.replay import replay
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.reading import end_offsets, open_partition
from walmart_stream.kafka.surplus import stranded
from walmart_stream.kafka.topic_admin import TopicError, create_topics
from walmart_stream.settings import Settings

PARTITIONS = 3
ADDED = 2
RAW = topics.RAW.name
WATCHLIST = topics.WATCHLIST.name
NOW = 1_780_000_000_000

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
async def settings(make_reachable_settings) -> Settings:
    """Topics with more partitions than configured, as they are after somebody added some."""
    settings: Settings = make_reachable_settings(kafka_partitions=PARTITIONS)
    # Another APP_ID's, so that the changelogs of this one are still to be made.
    others = {"kafka_partitions": PARTITIONS + ADDED, "app_id": "others"}
    await create_topics(settings.model_copy(update=others))
    return settings


async def produce(settings: Settings, topic: str, records: list[dict[str, Any]]) -> None:
    """As a program that asks Kafka for the number of partitions."""
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:
        for fields in records:
            key = fields["key"] or b""
            partition = fields.get("partition", partition_of(key, PARTITIONS + ADDED))
            batch = producer.create_batch()
            batch.append(
                timestamp=fields["timestamp"],
                key=fields["key"],
                value=fields["value"],
                headers=fields.get("headers", []),
            )
            await (await producer.send_batch(batch, topic, partition=partition))


async def read(settings: Settings, topic: str, partition: int) -> list[ConsumerRecord[Any, Any]]:
    async with open_partition(settings, topic, partition) as log:
        return [record async for record in log.read_on()]


def observation(number: int, price: int) -> dict[str, Any]:
    value = (
        b'{"schema":1,"source":"affiliate","item_id":"%d",'
        b'"observed_at":"2026-01-01T00:%02d:00.000Z","request_id":"r",'
        b'"payload":{"itemId":%d,"salePrice":%d}}' % (number, price, number, price)
    )
    return {
        "key": b"%d" % number,
        "value": value,
        "timestamp": NOW + price,
        "headers": [("trace", b"%d" % price)],
    }


async def run(settings: Settings) -> Mapping[int, MovedPartition]:
    """Move; the figures of the raw topic by partition."""
    done = await move(settings, clock=lambda: NOW)
    return {one.partition: one for one in done if one.topic == RAW}


class Killed(Exception):
    """The end of the process at this point."""


async def test_each_record_is_moved_once_however_often_the_move_is_killed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the copies and the note of them, where nobody knows what was done.

    Key, value, headers and time stay, and so does the order.
    """
    strange = [
        {"key": None, "value": b"rubbish", "timestamp": NOW + 50, "partition": PARTITIONS},
        {"key": None, "value": None, "timestamp": NOW + 51, "partition": PARTITIONS},
    ]
    good = [observation(number, price) for price in range(6) for number in range(1, 31)]
    await produce(settings, RAW, [*good, *strange])
    stood = {p: await read(settings, RAW, p) for p in range(PARTITIONS, PARTITIONS + ADDED)}
    before = {p: len(await read(settings, RAW, p)) for p in range(PARTITIONS)}
    assert all(len(records) > 10 for records in stood.values())

    monkeypatch.setattr(mover, "PART", 7)
    note, calls = Mover._note, Counter[str]()

    async def note_or_die(self: Mover, reached: Mapping[int, int]) -> None:
        calls["notes"] += bool(reached)
        if calls["notes"] % 3 == 0 and reached:
            raise Killed
        await note(self, reached)

    monkeypatch.setattr(Mover, "_note", note_or_die)
    kills = 0
    while True:
        try:
            await run(settings)
        except Killed:
            kills += 1
            assert kills < 100
        else:
            break
    again = await run(settings)

    assert kills > 3
    assert all((one.moved, one.known) == (0, 0) for one in again.values())
    copies: dict[tuple[int, int], tuple[int, ConsumerRecord[Any, Any]]] = {}
    for home in range(PARTITIONS):
        last: dict[int, int] = {}
        for record in (await read(settings, RAW, home))[before[home] :]:
            name, place = record.headers[-1]
            assert name == "x-moved-from"
            partition, offset = map(int, place.split(b":"))
            assert (partition, offset) not in copies
            assert last.get(partition, -1) < offset
            last[partition] = offset
            copies[partition, offset] = home, record
    assert copies.keys() == {
        (partition, record.offset) for partition, records in stood.items() for record in records
    }
    for (partition, offset), (home, copy) in copies.items():
        original = stood[partition][offset]
        assert home == partition_of(original.key or b"", PARTITIONS)
        assert (copy.key, copy.value, copy.timestamp) == (
            original.key,
            original.value,
            original.timestamp,
        )
        assert copy.headers[:-1] == original.headers


async def test_topics_with_added_partitions_are_usable_once_they_are_moved(
    settings: Settings,
) -> None:
    """And are not any more as soon as something comes to these partitions again."""
    good = [placed(observation(number, price)) for price in range(4) for number in range(1, 21)]
    await produce(settings, RAW, good)
    with pytest.raises(TopicError, match="walmart-stream partitions move"):
        await create_topics(settings)

    await run(settings)

    states = await create_topics(settings)
    counts = {state.topic.name: state.partitions for state in states}
    assert counts[RAW] == PARTITIONS + ADDED
    assert counts[f"{settings.app_id}-offers-changelog"] == PARTITIONS
    assert await stranded(settings) is None
    assert len(await end_offsets(settings, RAW)) == PARTITIONS

    # Whoever recomputes hashes by the number that the move was for, and sees each record once.
    replayed = await replay(settings)
    report = await verify(settings)
    assert report.is_clean, report.fields()
    assert report.misplaced == sum(map(homeless, good)) > 10
    assert (replayed.observations, replayed.changes) == (80, 80)

    late = next(one for one in (observation(n, 5) for n in range(1, 21)) if homeless(one))
    await produce(settings, RAW, [late])
    words = await stranded(settings)
    assert words is not None
    assert words.startswith("records that nobody reads: 1, ")
    with pytest.raises(TopicError, match="records that nobody reads: 1, "):
        await create_topics(settings)
    assert (await verify(settings)).pending == 1
    await run(settings)
    await create_topics(settings)


def placed(fields: dict[str, Any]) -> dict[str, Any]:
    """Where its key belongs, or where nobody reads it."""
    home = {} if homeless(fields) else {"partition": partition_of(fields["key"], PARTITIONS)}
    return {**fields, **home}


def homeless(fields: dict[str, Any]) -> bool:
    return partition_of(fields["key"], PARTITIONS + ADDED) >= PARTITIONS


async def test_a_stranded_entry_does_not_replace_a_newer_one(settings: Settings) -> None:
    """Nor does it come back where lists are read: the original stays in the log."""
    old, new = (
        [n for n in map(str, range(1, 60)) if homeless({"key": n.encode()})][part::2][:5]
        for part in (0, 1)
    )
    entries = [
        {"key": item.encode(), "value": encode_entry(WatchEntry(item_id=item)), "timestamp": NOW}
        for item in (*old, *new)
    ]
    await produce(settings, WATCHLIST, entries)
    # By a person, later than that.
    await watchlist.remove(settings, old)

    done = await move(settings, clock=lambda: NOW)

    figures = [one for one in done if one.topic == WATCHLIST]
    assert sum(one.superseded for one in figures) == 5
    assert sum(one.moved for one in figures) == 5
    assert set(await watchlist.listing(settings)) == set(new)
    await watchlist.remove(settings, new)
    assert await watchlist.listing(settings) == {}


async def test_records_larger_than_a_topic_takes_become_dead_letters(settings: Settings) -> None:
    """They came compressed; nothing of the rest waits for them."""
    huge = b"x" * 5_000_000
    async with AIOKafkaProducer(
        **client_options(settings), compression_type="gzip", max_request_size=2 * len(huge)
    ) as producer:
        await producer.send_and_wait(RAW, huge, b"1", partition=PARTITIONS)
        await producer.send_and_wait(RAW, b"small", b"2", partition=PARTITIONS)

    figures = (await run(settings))[PARTITIONS]

    assert (figures.moved, figures.too_large) == (1, 1)
    [letter] = [
        letter
        for partition in range(PARTITIONS)
        for letter in await read(settings, topics.DEAD_LETTERS.name, partition)
    ]
    headers = dict(letter.headers)
    assert (headers["x-error-partition"], headers["x-error-offset"]) == (b"%d" % PARTITIONS, b"0")
    assert headers["x-error-stage"] == b"move"
    report = await verify(settings)
    assert report.pending == 0
    assert report.dead_letters is not None
    assert (report.dead_letters.lost, report.dead_letters.wrong) == (1, 0)  # that of "small"


async def test_a_setting_that_was_lowered_moves_nothing(settings: Settings) -> None:
    """The tables are by the number of before: their keys' records belong where they are."""
    before = settings.model_copy(update={"kafka_partitions": PARTITIONS + ADDED})
    await create_topics(before)
    changelog = f"{settings.app_id}-offers-changelog"
    key = next(
        b"%d" % n
        for n in range(99)
        if partition_of(b"%d" % n, PARTITIONS + ADDED) == 0 != partition_of(b"%d" % n, PARTITIONS)
    )
    await produce(settings, changelog, [{"key": key, "value": b"{}", "timestamp": NOW}])
    await produce(settings, RAW, [observation(n, 1) for n in range(20)])

    with pytest.raises(NotMovable, match="set KAFKA_PARTITIONS"):
        await move(settings, clock=lambda: NOW)

    assert await stranded(settings) is not None
