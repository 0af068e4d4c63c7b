"""The watchlist commands against a broker: what is added is listed, what is removed is not."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from click.testing import CliRunner

from walmart_stream import topics
from walmart_stream.cli import cli
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.settings import Settings

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)


@pytest.fixture
async def settings(
    fresh_broker: EmbeddedBroker, make_unreachable_settings: Callable[..., Settings]
) -> Settings:
    """Settings of a broker of this test's own, with the topics."""
    found = make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,))
    await create_topics(found)
    return found


def entries(*item_ids: str) -> list[WatchEntry]:
    return [WatchEntry(item_id=item_id) for item_id in item_ids]


async def test_what_is_added_is_listed_until_it_is_removed(settings: Settings) -> None:
    """The last word on an item counts, and the time of adding is the clock's."""
    await watchlist.add(settings, entries("41", "42", "43"), clock=lambda: NOW)
    await watchlist.remove(settings, ["42", "99"])
    await watchlist.add(settings, [WatchEntry(item_id="43", note="toys", added_at=NOW)])

    listed = await watchlist.listing(settings)

    assert listed == {
        "41": WatchEntry(item_id="41", added_at=NOW),
        "43": WatchEntry(item_id="43", note="toys", added_at=NOW),
    }


async def test_nothing_is_watched_at_first(settings: Settings) -> None:
    """And adding or removing nothing changes nothing."""
    await watchlist.add(settings, [])
    await watchlist.remove(settings, [])

    assert await watchlist.listing(settings) == {}


async def test_an_items_watch_is_where_its_observations_are(settings: Settings) -> None:
    """Keys are the item id as text, hashed as every Kafka client does by default (murmur2)."""
    keys = [str(number).encode() for number in range(1, 30)]

    await watchlist.add(settings, entries(*(key.decode() for key in keys)))

    records = [record async for record in read_topic(settings, topics.WATCHLIST.name)]
    assert {record.key: record.partition for record in records} == {
        key: (murmur2(key) & 0x7FFFFFFF) % settings.kafka_partitions for key in keys
    }


async def test_many_entries_are_all_acknowledged(settings: Settings) -> None:
    """More than are on their way at a time."""
    many = entries(*(str(number) for number in range(1, 2_501)))

    await watchlist.add(settings, many)

    assert len(await watchlist.listing(settings)) == 2_500


async def test_what_is_no_entry_changes_nothing(settings: Settings) -> None:
    """Workers dead-letter it and go on with what they knew, so the list shows that."""
    await watchlist.add(settings, entries("42"), clock=lambda: NOW)
    producer = AIOKafkaProducer(**client_options(settings))
    await producer.start()
    for key, value in (
        (b"42", b"{"),
        (b"42", encode_entry(WatchEntry(item_id="43"))),
        (b"\xff", b"x"),
    ):
        await producer.send_and_wait(topics.WATCHLIST.name, key=key, value=value)
    await producer.stop()

    assert await watchlist.listing(settings) == {"42": WatchEntry(item_id="42", added_at=NOW)}


FILE = b"\xef\xbb\xbfItem ID;note\r\n42;toys\r\nabc;x\r\n43;caf\xc3\xa9\r\n44;\r\n"


async def test_a_file_is_imported_except_for_its_bad_rows(settings: Settings) -> None:
    """As spreadsheets write them: a mark at the beginning, semicolons, Windows line ends."""
    entries, faults = watchlist.read_file(io.BytesIO(FILE))

    await watchlist.add(settings, entries, clock=lambda: NOW)

    assert [fault.line for fault in faults] == [3]
    listed = await watchlist.listing(settings)
    assert {item: entry.note for item, entry in listed.items()} == {
        "42": "toys",
        "43": "café",
        "44": None,
    }


def test_a_file_can_be_checked_before_anything_is_taken() -> None:
    """From standard input, without a broker; each fault is named with its line."""
    done = CliRunner().invoke(cli, ["watch", "import", "--check", "-"], input=FILE)

    assert done.exit_code == 1
    assert done.stdout == "42\ttoys\n43\tcafé\n44\n"
    assert "line 3: item_id 'abc': must be 1–20 digits" in done.stderr
    assert "would watch 3 item(s)" in done.stderr


@pytest.mark.parametrize("file", [b"", b"\xef\xbb\xbf", b"item_id,note\n", b"sep=,\n", b"\n\n"])
def test_a_file_without_an_item_says_what_would_be_one(file: bytes) -> None:
    """Whoever took the wrong file must not read of success."""
    done = CliRunner().invoke(cli, ["watch", "import", "--check", "-"], input=file)

    assert done.exit_code == 1
    assert "contains no items; write one item id a line" in done.stderr


def test_the_old_encoding_of_spreadsheets_is_read() -> None:
    """Windows' Western encoding, declared nowhere."""
    entries, faults = watchlist.read_file(io.BytesIO(b"item_id,note\n43,caf\xe9\n"))

    assert ([entry.note for entry in entries], faults) == (["café"], [])
