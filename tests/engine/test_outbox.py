"""Outboxes: everything arrives, in order, and the offsets that are reported are the right ones."""

from __future__ import annotations

from collections import defaultdict

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.outbox import Outbox
from walmart_stream.kafka.reading import read_topic
from walmart_stream.runtime.failure import Pulse

TOPIC = "letters"
PARTITIONS = 3


async def _nothing() -> None:
    pass


@pytest.fixture
async def producer(fresh_broker):
    bootstrap = fresh_broker.bootstrap
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])
    await admin.close()
    app = StreamApp(
        "outbox-test",
        prepare=_nothing,
        broker=f"kafka://{bootstrap}",
        producer_max_batch_size=16 * 1024,
    )
    app.finalize()
    producer = app._new_producer()
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def stored(fresh_broker, make_unreachable_settings):
    settings = make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,))

    async def read():
        found = defaultdict(list)
        async for record in read_topic(settings, TOPIC):
            found[record.partition].append(record)
        return found

    return read


async def test_records_of_many_batches_arrive_in_order_at_the_reported_offsets(producer, stored):
    """A table's persisted place in the changelog is the true one."""
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: 0)
    values = [b"v%d" % number for number in range(3000)]
    headers = [(("n", value),) if value.endswith(b"7") else () for value in values]
    for number, value in enumerate(values):
        partition = number % PARTITIONS
        outbox.add(TOPIC, b"k", value, partition=partition, headers=headers[number])

    offsets = await outbox.flush()

    for partition, records in (await stored()).items():
        assert [record.value for record in records] == values[partition::PARTITIONS]
        assert [record.headers for record in records] == headers[partition::PARTITIONS]
        assert [record.offset for record in records] == offsets[TOPIC, partition]


async def test_headers_and_empty_keys_and_values_pass_unchanged(producer, stored):
    """Dead letters are the original bytes: no key, no value and repeated headers included."""
    headers = (("name", b"1"), ("name", b"2"))
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: 0)
    outbox.add(TOPIC, None, b"no key", partition=1, headers=headers)
    outbox.add(TOPIC, b"no value", None, partition=1)

    await outbox.flush()

    first, second = (await stored())[1]
    assert (first.key, first.value, first.headers) == (None, b"no key", headers)
    assert (second.key, second.value) == (b"no value", None)


async def test_without_a_partition_the_key_decides(producer, stored):
    """By the hash that the app gives, whatever the broker says of the topic's partitions."""
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: key[0] % 2)
    for number in range(20):
        outbox.add(TOPIC, b"%d" % number, b"%d" % number)

    await outbox.flush()

    found = {
        partition: {r.key[0] % 2 for r in records}
        for partition, records in (await stored()).items()
    }
    assert found == {0: {0}, 1: {1}}


async def test_a_record_larger_than_a_batch_is_sent_alone(producer, stored):
    """The batch size is where batches end, not how large a record may be."""
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: 0)
    outbox.add(TOPIC, b"a", b"small", partition=0)
    outbox.add(TOPIC, b"a", b"x" * 100_000, partition=0)

    await outbox.flush()

    assert [len(record.value) for record in (await stored())[0]] == [5, 100_000]


async def test_an_outbox_is_empty_after_it_was_flushed(producer, stored):
    """Flushing twice sends once."""
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: 0)
    outbox.add(TOPIC, b"a", b"once", partition=0)

    await outbox.flush()

    assert await outbox.flush() == {}
    assert len((await stored())[0]) == 1


async def test_many_records_of_a_partition_are_added_at_once(producer, stored):
    """They follow what was added before; adding none sends nothing."""
    outbox = Outbox(producer, Pulse(3600), lambda topic, key: 0)
    outbox.add(TOPIC, b"a", b"1", partition=1, headers=[("x", b"y")])
    outbox.extend(TOPIC, 1, [(b"b", b"2"), (b"c", None)])
    outbox.extend(TOPIC, 2, [])

    offsets = await outbox.flush()

    assert offsets == {(TOPIC, 1): [0, 1, 2]}
    records = (await stored())[1]
    assert [(one.key, one.value) for one in records] == [(b"a", b"1"), (b"b", b"2"), (b"c", None)]
    assert [one.headers for one in records] == [(("x", b"y"),), (), ()]
