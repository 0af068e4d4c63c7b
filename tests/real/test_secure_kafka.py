"""TLS, passwords and certificates on Apache Kafka: who is right gets in, who is not learns why."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from click.testing import CliRunner

from tests.hang import DEADLINE
from tests.pipeline.pipeline import Pipeline
from tests.real.secure_kafka import ADMIN, MECHANISMS, SecureKafka, environment
from walmart_stream.cli import cli
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.kafka import watchlist
from walmart_stream.kafka.clients import admin_client, client_options, start
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.settings import Settings

# No refusal takes longer, whatever the reason; what hangs would take for ever.
SECRET = "s3cr3t-of-somebody"

# What is wrong, as settings that differ from right ones, and what must be said of it.
Wrong = Callable[[SecureKafka], dict[str, Any]]
WRONG: dict[str, tuple[Wrong, str]] = {
    "SCRAM-SHA-512 password": (
        lambda kafka: kafka.login(ADMIN, kafka_password=SECRET),
        "invalid credentials with SASL mechanism SCRAM-SHA-512",
    ),
    "SCRAM-SHA-256 password": (
        lambda kafka: kafka.login(
            ADMIN, kafka_password=SECRET, kafka_sasl_mechanism="SCRAM-SHA-256"
        ),
        "invalid credentials with SASL mechanism SCRAM-SHA-256",
    ),
    "PLAIN password": (
        lambda kafka: kafka.login(ADMIN, kafka_password=SECRET, kafka_sasl_mechanism="PLAIN"),
        "Invalid username or password",
    ),
    "unknown user": (
        lambda kafka: kafka.login(ADMIN, kafka_username="stranger", kafka_password=SECRET),
        "invalid credentials",
    ),
    "foreign authority": (
        lambda kafka: kafka.login(ADMIN, kafka_ca_file=kafka.foreign.ca),
        "certificate verify failed: unable to get local issuer certificate",
    ),
    "system's authorities": (
        lambda kafka: kafka.login(ADMIN, kafka_ca_file=None),
        "certificate verify failed",
    ),
    "expired broker certificate": (
        lambda kafka: kafka.login(ADMIN, kafka_brokers=(kafka.expired,)),
        "certificate verify failed: certificate has expired",
    ),
    "expired authority": (
        lambda kafka: kafka.login(
            ADMIN, kafka_brokers=(kafka.of_expired_authority,), kafka_ca_file=kafka.old.ca
        ),
        "certificate verify failed: certificate has expired",
    ),
    "host name": (
        lambda kafka: kafka.login(ADMIN, kafka_brokers=(kafka.by_name,)),
        "certificate is not valid for 'localhost'",
    ),
    "plaintext": (
        lambda kafka: kafka.login(ADMIN, kafka_security_protocol="SASL_PLAINTEXT"),
        "",
    ),
    "no client certificate": (
        lambda kafka: kafka.certificate((None, None)),
        "it may want a client's certificate (KAFKA_CERT_FILE)",
    ),
    "foreign client certificate": (
        lambda kafka: kafka.certificate(kafka.foreign.issue(ADMIN)),
        "it may not accept this client's certificate (KAFKA_CERT_FILE)",
    ),
    "expired client certificate": (
        lambda kafka: kafka.certificate(kafka.authority.issue(ADMIN, expired=True)),
        "it may not accept this client's certificate (KAFKA_CERT_FILE)",
    ),
    "revoked client certificate": (
        lambda kafka: kafka.certificate(kafka.revoked),
        "it may not accept this client's certificate (KAFKA_CERT_FILE)",
    ),
}


async def administer(settings: Settings) -> None:
    async with admin_client(settings) as admin:
        await admin.describe_cluster()


async def consume(settings: Settings) -> None:
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id
    )
    try:
        await start(consumer, settings)
    finally:
        await consumer.stop()


async def produce(settings: Settings) -> None:
    await watchlist.add(settings, [WatchEntry(item_id="4711")])


async def create(settings: Settings) -> None:
    await create_topics(settings)


USES = (administer, consume, produce, create)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_said_in_time_and_without_secrets(
    secure_kafka: SecureKafka, wrong: str, use: Callable[[Settings], Awaitable[None]]
) -> None:
    """By every kind of client, with the broker's address."""
    differing, words = WRONG[wrong]
    settings = Settings.model_validate(differing(secure_kafka))

    with pytest.raises(KafkaConnectionError) as caught:
        async with asyncio.timeout(DEADLINE):
            await use(settings)

    text = f"{caught.value!r} {caught.value}"
    assert settings.kafka_brokers[0] in text
    assert words in text
    assert SECRET not in text
    assert secure_kafka.passwords[ADMIN] not in text


@pytest.mark.parametrize("command", [["topics"], ["verify"], ["watch", "add", "4711"]])
def test_commands_say_what_is_wrong_in_a_line(
    secure_kafka: SecureKafka, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    """Exit code 1, no traceback, no secret."""
    for name, value in environment(secure_kafka.login(ADMIN, kafka_password=SECRET)).items():
        monkeypatch.setenv(name, value)

    result = CliRunner().invoke(cli, command)

    assert result.exit_code == 1
    assert "invalid credentials with SASL mechanism SCRAM-SHA-512" in result.output
    assert "Traceback" not in result.output
    assert SECRET not in result.output


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_the_right_password_gets_in(secure_kafka: SecureKafka, mechanism: str) -> None:
    """Over TLS, with each mechanism."""
    login = secure_kafka.login("nobody", kafka_sasl_mechanism=mechanism)

    await administer(Settings.model_validate(login))


async def test_the_right_certificate_gets_in(secure_kafka: SecureKafka) -> None:
    """Without any password."""
    files = secure_kafka.authority.issue("nobody")

    await administer(Settings.model_validate(secure_kafka.certificate(files)))


@pytest.fixture
async def old_server(secure_kafka: SecureKafka) -> AsyncIterator[int]:
    """The port of a server with the right certificate that has nothing newer than TLS 1.1."""
    context = old_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(*secure_kafka.authority.issue("kafka", host="kafka.invalid"))

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, LOOPBACK, 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
async def test_tls_1_1_is_refused_by_the_node(secure_kafka: SecureKafka, old_server: int) -> None:
    """The very same client is welcome to a server that has nothing newer."""
    context = old_tls(ssl.create_default_context(cafile=secure_kafka.authority.ca))
    host, _, port = secure_kafka.brokers.rpartition(":")

    _, writer = await asyncio.open_connection(LOOPBACK, old_server, ssl=context)
    spoken = writer.get_extra_info("ssl_object").version()
    writer.close()
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        await asyncio.open_connection(host, int(port), ssl=context)

    assert spoken == "TLSv1.1"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
async def test_tls_1_1_is_refused_by_the_program(
    secure_kafka: SecureKafka, old_server: int
) -> None:
    """A server that has nothing newer is not talked to."""
    broker = f"{LOOPBACK}:{old_server}"
    login = secure_kafka.login(ADMIN, kafka_brokers=(broker,))

    with pytest.raises(KafkaConnectionError) as caught:
        await administer(Settings.model_validate(login))

    assert re.search("(?i)alert protocol version|unsupported protocol|reset", str(caught.value))


def old_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """*context*, which speaks TLS 1.1 and nothing else from now on."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


async def test_a_worker_with_a_wrong_password_ends_and_says_so(
    secure_kafka: SecureKafka, tmp_path: Path
) -> None:
    """Its supervisor sees the exit code, and whoever reads the log the reason."""
    login = environment(secure_kafka.login("worker", kafka_password=SECRET))
    pipeline = Pipeline(login, tmp_path)
    worker = pipeline.start()

    assert await worker.ended() == 70
    assert "invalid credentials with SASL mechanism SCRAM-SHA-512" in worker.log
    assert SECRET not in worker.log
