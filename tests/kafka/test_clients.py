"""Connection settings, and reading topics to their true end on the embedded broker."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import ConsumerStoppedError, UnknownTopicOrPartitionError

from tests.hang import DEADLINE
from tests.pipeline.worker import until
from walmart_stream.kafka.clients import admin_client, client_options, stop
from walmart_stream.kafka.reading import end_offsets, read_topic
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.settings import Settings

MakeSettings = Callable[..., Settings]
Produce = Callable[[str, int, int], Awaitable[None]]


def test_plaintext_has_neither_tls_nor_credentials(make_unreachable_settings: MakeSettings) -> None:
    """Nothing is sent that was not configured."""
    options = client_options(make_unreachable_settings())

    assert options["security_protocol"] == "PLAINTEXT"
    assert options["ssl_context"] is None
    assert not any(name.startswith("sasl") for name in options)


def test_tls_verifies_the_broker(make_unreachable_settings: MakeSettings) -> None:
    """Certificates and names are checked; nothing older than TLS 1.2 is spoken."""
    context = client_options(make_unreachable_settings(kafka_security_protocol="SSL"))[
        "ssl_context"
    ]

    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is True
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_private_authority_replaces_the_systems(
    make_unreachable_settings: MakeSettings, tmp_path: Path
) -> None:
    """With KAFKA_CA_FILE no other authority is trusted, and a broken file is an error."""
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate", encoding="ascii")
    settings = make_unreachable_settings(kafka_security_protocol="SSL", kafka_ca_file=file)

    with pytest.raises(ssl.SSLError):
        client_options(settings)


def test_sasl_over_tls_has_a_context_and_the_password_in_no_text(
    make_unreachable_settings: MakeSettings,
) -> None:
    """Without a context the client would refuse or speak in the clear."""
    settings = make_unreachable_settings(
        kafka_security_protocol="SASL_SSL", kafka_username="me", kafka_password="s3cret"
    )

    options = client_options(settings)

    assert options["ssl_context"] is not None
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert options["sasl_plain_password"].current() == "s3cret"
    assert "s3cret" not in repr(options)
    assert "s3cret" not in repr(settings)


@pytest.fixture(name="settings")
def broker_settings(
    fresh_broker: EmbeddedBroker, make_unreachable_settings: MakeSettings
) -> Settings:
    return make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,))


@pytest.fixture(name="produce")
async def producing(settings: Settings) -> Any:
    """Produce ``count`` numbered records to a partition, in batches of many."""
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:

        async def produce(topic: str, partition: int, count: int) -> None:
            sent = [
                await producer.send(topic, b"%d" % number, partition=partition)
                for number in range(count)
            ]
            await asyncio.gather(*sent)

        yield produce


async def create(settings: Settings, topic: str, partitions: int) -> None:
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic(topic, partitions, 1)])


async def read(settings: Settings, topic: str, **options: Any) -> list[tuple[int, int, bytes]]:
    return [
        (record.partition, record.offset, record.value)
        async for record in read_topic(settings, topic, **options)
    ]


async def test_a_topic_is_read_to_its_true_end(settings: Settings, produce: Produce) -> None:
    """6,000 records in batches: ListOffsets says less, and every record is read anyway."""
    await create(settings, "numbers", 1)
    await produce("numbers", 0, 6000)
    async with AIOKafkaConsumer(**client_options(settings)) as consumer:
        tp = TopicPartition("numbers", 0)
        consumer.assign([tp])
        listed = (await consumer.end_offsets([tp]))[tp]

    records = await read(settings, "numbers")

    assert listed < 6000
    assert await end_offsets(settings, "numbers") == {0: 6000}
    assert records == [(0, number, b"%d" % number) for number in range(6000)]


async def test_empty_partitions_and_topics_end_at_once(
    settings: Settings, produce: Produce
) -> None:
    """Nothing is waited for that is not there."""
    await create(settings, "empty", 4)
    await create(settings, "sparse", 4)
    await produce("sparse", 2, 3)

    assert await read(settings, "empty") == []
    assert await end_offsets(settings, "empty") == {0: 0, 1: 0, 2: 0, 3: 0}
    assert await read(settings, "sparse") == [(2, 0, b"0"), (2, 1, b"1"), (2, 2, b"2")]


async def test_partitions_can_be_chosen_and_come_in_order(
    settings: Settings, produce: Produce
) -> None:
    """Partition by partition, each in log order."""
    await create(settings, "chosen", 4)
    for partition in (3, 1, 0):
        await produce("chosen", partition, 50)

    records = await read(settings, "chosen", partitions=[3, 1])

    assert [record[:2] for record in records] == [
        (partition, offset) for partition in (1, 3) for offset in range(50)
    ]


async def test_what_is_produced_while_reading_is_left_out(
    settings: Settings, produce: Produce
) -> None:
    """The end is the one of the beginning, so that a busy topic can be read to an end."""
    await create(settings, "busy", 1)
    await produce("busy", 0, 3000)
    seen = 0

    async for _ in read_topic(settings, "busy"):
        if seen % 1000 == 0:
            await produce("busy", 0, 500)
        seen += 1

    assert seen == 3000
    assert await end_offsets(settings, "busy") == {0: 4500}


async def test_large_records_are_read(settings: Settings) -> None:
    """A record may be larger than what a fetch asks for."""
    await create(settings, "large", 1)
    async with AIOKafkaProducer(**client_options(settings), max_request_size=2**22) as producer:
        for letter in (b"a", b"b", b"c"):
            await producer.send_and_wait("large", letter * 2_000_000, partition=0)

    records = await read(settings, "large")

    assert [(record[2][:1], len(record[2])) for record in records] == [
        (b"a", 2_000_000),
        (b"b", 2_000_000),
        (b"c", 2_000_000),
    ]


async def test_a_topic_that_is_missing_is_not_created_by_reading(settings: Settings) -> None:
    """The embedded broker creates what is asked for by name, so names are not asked for."""
    with pytest.raises(UnknownTopicOrPartitionError, match="no topic nowhere"):
        await read(settings, "nowhere")

    async with admin_client(settings) as admin:
        assert "nowhere" not in await admin.list_topics()


async def test_a_consumer_is_stopped_while_its_broker_is_away(
    settings: Settings, fresh_broker: EmbeddedBroker, caplog: pytest.LogCaptureFixture
) -> None:
    """Also between two tries of a fetch, which aiokafka takes for a cancellation of its caller."""
    async with admin_client(settings) as admin:
        await admin.create_topics([NewTopic("prices", 1, 1)])
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings), retry_backoff_ms=int(DEADLINE * 1000)
    )
    await consumer.start()
    consumer.assign([TopicPartition("prices", 0)])
    await consumer.seek_to_beginning()
    # Until it has a position, a consumer fetches nothing.
    await consumer.position(TopicPartition("prices", 0))
    await fresh_broker.stop()

    async def look() -> bool:
        return "Failed fetch messages" in caplog.text

    await until("a fetch has failed", look)
    await stop(consumer)

    with pytest.raises(ConsumerStoppedError):
        await consumer.getone()
    assert not any(one.connected() for one in consumer._client._conns.values())
