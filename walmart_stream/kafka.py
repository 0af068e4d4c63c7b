"""Kafka outside of Faust: how clients connect, and reading a topic to its true end."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from walmart_stream.kafka_login import Password
from walmart_stream.kafka_tls import ReloadingContext
from walmart_stream.reread_secret import RereadSecret
from walmart_stream.settings import Settings

# The largest batch that topics take. Walmart's largest items are a hundredth of it, but anyone may
# produce to the raw topic, and a value of 1 MiB needs more than Kafka's default, which leaves
# nothing for the batch around it.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
# A dead letter is the original record, as large as it may be, with the headers that say why.
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 64 * 1024

# Only asked after a client has given up, to learn why.
REFUSAL_TIMEOUT_MS = 5000

# A broker that gives nothing for so long, although there must be more, is not waited for.
STALL_TIMEOUT = 60.0
# How long the broker holds a fetch that finds nothing, hence what an empty partition costs.
FETCH_WAIT_MS = 100
# Whole topics are read; the default of 1 MiB would take a round trip for each.
FETCH_BYTES = 8 * 1024 * 1024


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """What encrypts the connections: TLS 1.2 or newer, the brokers' names verified.

    Each is made with what the certificate files hold then.

    ``None`` if KAFKA_SECURITY_PROTOCOL has no TLS.

    Raises:
        OSError, ssl.SSLError: a certificate file cannot be used.
    """
    if settings.kafka_security_protocol not in ("SSL", "SASL_SSL"):
        return None
    return ReloadingContext(settings)


def sasl_password(
    settings: Settings,
    *,
    patience: float = 0.0,
    give_up: Callable[[str], object] = lambda reason: None,
) -> Password:
    """What aiokafka is given as ``sasl_plain_password``; see :class:`Password`."""
    assert settings.kafka_password is not None
    secret = RereadSecret("KAFKA_PASSWORD", settings.kafka_password)
    return Password(secret, clock=time.monotonic, patience=patience, give_up=give_up)


def client_options(settings: Settings) -> dict[str, Any]:
    """Keyword arguments with which every aiokafka client of this program connects.

    Raises:
        OSError, ssl.SSLError: a certificate file cannot be used.
    """
    options: dict[str, Any] = {
        "bootstrap_servers": list(settings.kafka_brokers),
        "client_id": settings.app_id,
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": ssl_context(settings),
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        options.update(
            sasl_mechanism=settings.kafka_sasl_mechanism,
            sasl_plain_username=settings.kafka_username,
            sasl_plain_password=sasl_password(settings),
        )
    return options


@asynccontextmanager
async def admin_client(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """A connected admin client.

    Raises:
        KafkaConnectionError: no broker can be used; it names each one with the reason.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await start(admin, settings)
        yield admin
    finally:
        await admin.close()


async def start(client: Any, settings: Settings) -> None:
    """Start an aiokafka *client* that was made with :func:`client_options`.

    Raises:
        KafkaConnectionError: no broker can be used; it names each one with the reason, which
            aiokafka itself has for its log only.
    """
    try:
        await client.start()
    except KafkaConnectionError:
        reasons = await asyncio.gather(
            *(_refusal(settings, broker) for broker in settings.kafka_brokers)
        )
        raise KafkaConnectionError("; ".join(reasons)) from None


async def _refusal(settings: Settings, broker: str) -> str:
    host, _, port = broker.rpartition(":")
    options = client_options(settings)
    del options["bootstrap_servers"]
    try:
        connection = await create_conn(
            host.strip("[]"), int(port), request_timeout_ms=REFUSAL_TIMEOUT_MS, **options
        )
    except TimeoutError:
        return f"{broker}: no answer"
    except KafkaConnectionError:
        # Brokers say no more: under TLS 1.3 a certificate is refused after the handshake.
        hint = (
            "KAFKA_SECURITY_PROTOCOL may not be the listener's"
            if settings.kafka_security_protocol != "SSL"
            else "it may not accept this client's certificate (KAFKA_CERT_FILE)"
            if settings.kafka_cert_file
            else "it may want a client's certificate (KAFKA_CERT_FILE)"
        )
        return f"{broker}: closes the connection; {hint}"
    except (OSError, KafkaError) as exc:
        return f"{broker}: {str(exc) or type(exc).__name__}"
    connection.close()
    return f"{broker}: answers now"


async def describe_topics(admin: AIOKafkaAdminClient, names: Iterable[str]) -> dict[str, Any]:
    """Metadata of those of *names* that exist, by name."""
    wanted = set(names)
    # All topics are asked for: a broker may create the ones that are asked for by name.
    return {
        topic["topic"]: topic
        for topic in await admin.describe_topics()
        if topic["topic"] in wanted and topic["error_code"] == 0
    }


async def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition of *topic*.

    It is the high watermark that a fetch brings, because the embedded broker's ListOffsets names
    the second record of the last batch. Apache Kafka gives the same by both ways.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
        TimeoutError: the broker gives no answer.
    """
    async with _consumer(settings, await _partitions(settings, topic)) as consumer:
        return await _end_offsets(consumer)


async def read_topic(
    settings: Settings, topic: str, *, partitions: Iterable[int] | None = None
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    """Every record that *topic* held when this began: partition by partition, in log order.

    *partitions*: these only. Compacted and expired records are not there; they do not disturb.

    Raises:
        UnknownTopicOrPartitionError: there is no such topic.
        TimeoutError: the broker is silent although there must be more.
    """
    tps = await _partitions(settings, topic)
    if partitions is not None:
        wanted = set(partitions)
        tps = [tp for tp in tps if tp.partition in wanted]
    async with _consumer(settings, tps) as consumer:
        for partition, end in (await _end_offsets(consumer)).items():
            async for record in _read_partition(consumer, TopicPartition(topic, partition), end):
                yield record


async def _partitions(settings: Settings, topic: str) -> list[TopicPartition]:
    async with admin_client(settings) as admin:
        described = await describe_topics(admin, [topic])
    if topic not in described:
        raise UnknownTopicOrPartitionError(f"there is no topic {topic}")
    numbers = sorted(partition["partition"] for partition in described[topic]["partitions"])
    return [TopicPartition(topic, number) for number in numbers]


@asynccontextmanager
async def _consumer(
    settings: Settings, tps: list[TopicPartition]
) -> AsyncIterator[AIOKafkaConsumer[bytes, bytes]]:
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    try:
        await start(consumer, settings)
        consumer.assign(tps)
        yield consumer
    finally:
        await consumer.stop()


async def _end_offsets(consumer: AIOKafkaConsumer[bytes, bytes]) -> dict[int, int]:
    tps = sorted(consumer.assignment())
    if not tps:
        return {}
    async with asyncio.timeout(STALL_TIMEOUT):
        # Near the end, so that the fetch brings little.
        await consumer.seek_to_end(*tps)
        while any(consumer.highwater(tp) is None for tp in tps):
            await consumer.getmany(*tps, timeout_ms=FETCH_WAIT_MS)
    return {tp.partition: consumer.highwater(tp) for tp in tps}


async def _read_partition(
    consumer: AIOKafkaConsumer[bytes, bytes], tp: TopicPartition, end: int
) -> AsyncIterator[ConsumerRecord[bytes, bytes]]:
    # Alone, because an answer that other partitions fill has nothing of this one, which would
    # look like a gap.
    consumer.assign([tp])
    await consumer.seek_to_beginning(tp)
    while await consumer.position(tp) < end:
        fetched = await _fetch(consumer, tp, end)
        if not fetched:
            return
        for record in fetched:
            if record.offset < end:
                yield record


async def _fetch(
    consumer: AIOKafkaConsumer[bytes, bytes], tp: TopicPartition, end: int
) -> list[ConsumerRecord[bytes, bytes]]:
    """The next records; none if there are none before *end*.

    A log can end in offsets without a record (transaction markers, compacted tombstones), so that
    waiting for a record at ``end - 1`` could be waiting for ever.
    """
    position = await consumer.position(tp)
    answered_before = consumer.last_poll_timestamp(tp)
    async with asyncio.timeout(STALL_TIMEOUT):
        while True:
            answered = consumer.last_poll_timestamp(tp)
            fetched = await consumer.getmany(tp, timeout_ms=FETCH_WAIT_MS)
            if fetched:
                return list(fetched[tp])
            if await consumer.position(tp) != position:
                # Only markers, so far.
                if await consumer.position(tp) >= end:
                    return []
                position = await consumer.position(tp)
                answered_before = consumer.last_poll_timestamp(tp)
            elif answered != answered_before and consumer.highwater(tp) >= end:
                # An answer for this position had arrived before getmany, which found no record.
                return []
