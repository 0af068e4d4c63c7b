"""Changelogs as workers leave them behind, written at once.

A million items would take workers many minutes and Walmart months. So each item's observation goes
through the same pure domain code and the same codecs as in a worker, and the values straight into
the changelogs. Polling could not bring them about: no quota allows that number of calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from walmart_stream.audit import partition_of
from walmart_stream.bootstrap import faust_settings
from walmart_stream.domain import state
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.reading import decode, observation
from walmart_stream.domain.schedule.poll import Poll, encode_poll
from walmart_stream.domain.time import to_datetime
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.domain.window_rows import window_values
from walmart_stream.domain.windows import Rules
from walmart_stream.engine.app import StreamApp
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.producing import produce
from walmart_stream.kafka.reading import end_offsets
from walmart_stream.settings import Settings
from walmart_stream.tables import Tables, create_tables
from walmart_stream.topics import RAW, WATCHLIST

FIRST_ITEM = 500_000_000

# Entries of the watchlist that are sent together.
CHUNK = 20_000

# Bytes of a batch, as in a worker.
BATCH_SIZE = 256 * 1024

Record = tuple[str, int, bytes, bytes]


def item_id(number: int) -> str:
    """The id of item *number*, from 0."""
    return str(FIRST_ITEM + number)


def price(number: int, at: int) -> int:
    """The price of item *number* *at* epoch ms, in cents."""
    return 500 + (7919 * number + at) % 49_500


def observe(number: int, at: int) -> tuple[bytes, bytes]:
    """Key and value of an observation of item *number* in the raw topic, *at* epoch ms."""
    cents = price(number, at)
    payload: dict[str, Any] = {
        "itemId": FIRST_ITEM + number,
        "name": f"Gooseneck Kettle {number}, stainless steel, 1.2 litres, with thermometer",
        "salePrice": cents / 100,
        "standardShipRate": 0,
        "sellerInfo": "Walmart.com",
        "availableOnline": True,
    }
    if number % 2:
        payload["bestMarketplacePrice"] = {
            "price": (cents + 150) / 100,
            "sellerInfo": f"Seller {number % 1000}",
            "standardShipRate": 5.99,
            "availableOnline": True,
        }
    value = observation.encode(
        source=observation.AFFILIATE,
        item_id=item_id(number),
        observed_at=at,
        request_id=f"prefilled-{number // 20}",
        payload=orjson.dumps(payload),
    )
    return item_id(number).encode(), value


async def fill(settings: Settings, items: int, at: int) -> int:
    """Write what the tables hold after *items* items were watched and observed *at* (epoch ms).

    Topics must exist. Returns the number of records.
    """
    app = StreamApp(settings.app_id, prepare=_nothing, **faust_settings(settings))
    tables = create_tables(app, settings)
    producer: AIOKafkaProducer = AIOKafkaProducer(
        bootstrap_servers=list(settings.kafka_brokers), acks="all", max_batch_size=BATCH_SIZE
    )
    await producer.start()
    builders: dict[tuple[str, int], Any] = {}
    sent, records = [], 0
    try:
        for topic, partition, key, value in _records(tables, settings, items, at):
            target = (topic, partition)
            if target not in builders:
                builders[target] = producer.create_batch()
            row: dict[str, Any] = {"timestamp": at, "key": key, "value": value, "headers": []}
            if builders[target].append(**row) is None:
                full, builders[target] = builders[target], producer.create_batch()
                assert builders[target].append(**row) is not None
                sent.append(await producer.send_batch(full, topic, partition=partition))
            records += 1
        for (topic, partition), builder in builders.items():
            sent.append(await producer.send_batch(builder, topic, partition=partition))
        for future in sent:
            await future
    finally:
        await producer.stop()
    return records


async def fill_watchlist(settings: Settings, items: int, at: int) -> None:
    """Write the entries that :func:`fill` has in the table, and commit that they were read."""
    name = WATCHLIST.name
    for first in range(0, items, CHUNK):
        numbers = range(first, min(first + CHUNK, items))
        await produce(settings, name, [_entry(number, at) for number in numbers])
    ends = await end_offsets(settings, name)
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id, enable_auto_commit=False
    )
    await consumer.start()
    try:
        # Assigned by hand, it commits without being in the group.
        offsets = {TopicPartition(name, partition): end for partition, end in ends.items()}
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
    finally:
        await consumer.stop()


def _entry(number: int, at: int) -> tuple[bytes, bytes]:
    entry = WatchEntry(item_id=item_id(number), added_at=to_datetime(at))
    return entry.item_id.encode(), encode_entry(entry)


def _records(tables: Tables, settings: Settings, items: int, at: int) -> Iterator[Record]:
    rules = Rules.of(settings)
    offers, watchlist, polls = tables.offers, tables.watchlist, tables.polls
    windows = tables.price_windows.table
    for number in range(items):
        key, value = observe(number, at)
        partition = partition_of(key, settings.kafka_partitions)
        source = Source(RAW.name, partition, number)
        earlier = decode(*observe(number, at - rules.window_ms))
        now = decode(key, value)
        outcome = apply({}, [Entry(earlier, source), Entry(now, source)], rules)
        yield watchlist.changelog_topic_name, partition, *_entry(number, at)
        poll = Poll(at, "answered", answered=at)
        yield polls.changelog_topic_name, partition, key, encode_poll(poll)
        for (window_of, start), window in window_values(outcome, _no_window).items():
            assert window is not None
            stored_key = windows.stored_key((window_of, windows.window.current(start / 1000)))
            yield windows.changelog_topic_name, partition, stored_key, window
        encoded = state.encode(outcome.states[item_id(number)])
        yield offers.changelog_topic_name, partition, key, encoded


def _no_window(item_id: str, start: int) -> None: ...


async def _nothing() -> None: ...
