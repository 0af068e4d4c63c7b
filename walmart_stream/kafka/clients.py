"""How clients outside of Faust connect to Kafka."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from walmart_stream.credentials.files import RereadSecret
from walmart_stream.kafka.login import Password
from walmart_stream.kafka.tls import ReloadingContext
from walmart_stream.settings import Settings

# The largest batch that topics take. Walmart's largest items are a hundredth of it, but anyone may
# produce to the raw topic, and a value of 1 MiB needs more than Kafka's default, which leaves
# nothing for the batch around it.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024
# The largest key and value, together, of a record that fits a batch of that size: the batch has 61
# bytes of its own and the record some 30, besides headers.
MAX_RECORD_BYTES = MAX_MESSAGE_BYTES - 4 * 1024
# A dead letter is the original record, as large as it may be, with the headers that say why.
MAX_DEAD_LETTER_BYTES = MAX_MESSAGE_BYTES + 64 * 1024

# Only asked after a client has given up, to learn why.
REFUSAL_TIMEOUT_MS = 5000


def ssl_context(settings: Settings) -> ssl.SSLContext | None:
    """The TLS context of the connections: TLS 1.2 or newer, the brokers' names verified.

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
    """The value for aiokafka's ``sasl_plain_password``; see :class:`Password`."""
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


async def stop(consumer: Any) -> None:
    """Stop an aiokafka *consumer* and close its connections, also while its broker is away."""
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody has cancelled us: aiokafka cancels the fetches that it was about to repeat, awaits
        # them, and leaves the rest undone.
        await consumer._client.close()


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
