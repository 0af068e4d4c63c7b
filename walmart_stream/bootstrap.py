"""Settings into the parts that need them: the only place that chooses real adapters."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import faust
import mode.loop
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from walmart_stream.audit.lost_past import PastLost, require_past
from walmart_stream.credentials.files import foreign
from walmart_stream.domain.schedule.learning import LearningSchedule
from walmart_stream.domain.schedule.uniform import Schedule, UniformSchedule
from walmart_stream.kafka.clients import sasl_password, ssl_context
from walmart_stream.kafka.permissions import PermissionsError, require_permissions
from walmart_stream.kafka.topic_admin import TopicError, check_topics, create_topics
from walmart_stream.logs import logging_config
from walmart_stream.metrics import Metrics
from walmart_stream.runtime.failure import end_process, refuse
from walmart_stream.settings import Settings, SettingsError
from walmart_stream.storage.access import AccessRefused, require_access
from walmart_stream.walmart.affiliate.client import AffiliateClient
from walmart_stream.walmart.affiliate.signing import Signer
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.measured import MeasuredTransport
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.seller.client import SellerClient
from walmart_stream.walmart.seller.limits import SellerLimits
from walmart_stream.walmart.transport import AiohttpTransport, Transport

# A pause on the seller side is a minute where Walmart does not say more, and tokens of its
# smaller limits are minutes apart.
SELLER_PATIENCE = 600.0


logger = logging.getLogger(__name__)


async def prepare(settings: Settings) -> dict[str, int]:
    """Check permissions, MongoDB and topics before the worker consumes or produces anything.

    Returns how many partitions the topics have. Ends the process where they are not as configured:
    with 78 if that needs a person, else 70.
    """
    topics = create_topics if settings.kafka_create_topics else check_topics
    try:
        await require_permissions(settings)
        await require_access(settings)
        states = await topics(settings)
        await require_past(settings)
    except (PermissionsError, AccessRefused, TopicError, PastLost) as exc:
        refuse(str(exc), "does not start")
    except (KafkaError, PyMongoError, OSError) as exc:
        end_process(f"its topics cannot be checked: {exc!r}")
    for state in states:
        if state.created or state.differences:
            logger.info("topic %s", state)
    return {state.topic.name: state.partitions for state in states}


def require_own_folder() -> None:
    """Refuse to run in a folder where others may add modules that Python would import.

    ``faust -A`` looks for modules in the current folder first, while it imports the app.

    Raises:
        SettingsError: the current folder is searched, and others may write to it.
    """
    folder = Path.cwd()
    searched = folder in (Path(entry or ".").resolve() for entry in sys.path)
    if not searched and Path(sys.argv[0]).stem != "faust":
        return
    if fault := foreign(folder.stat()):
        raise SettingsError(
            [
                f"the current folder {folder} is searched for modules, and {fault}; start the "
                "worker in a folder of your own, or with: walmart-stream worker"
            ]
        )


def with_options(settings: Settings, options: Sequence[str]) -> Settings:
    """*settings* with the port that ``faust worker --web-port N`` names.

    Faust would have the other workers ask for this one by the name of the host, which they need
    not know.

    Raises:
        SettingsError: it is not a port.
    """
    for number, option in enumerate(options):
        name, equals, value = option.partition("=")
        if name not in ("--web-port", "-p"):
            continue
        port = value if equals else (*options, "")[number + 1]
        if not (port.isdecimal() and 0 < int(port) < 65536):
            raise SettingsError([f"{name}: must be 1–65535, not {port[:20]!r}"])
        settings = settings.model_copy(update={"web_port": int(port)})
    return settings


def use_fast_loop() -> None:
    """Have event loops that are made from now on, the worker's among them, be uvloop's.

    They cost less than asyncio's own. There are none for Windows.
    """
    if sys.platform != "win32":
        mode.loop.use("uvloop")


def poll_schedule(settings: Settings) -> Schedule:
    """The order of polls that ``POLL_SCHEDULE`` names."""
    made = LearningSchedule if settings.poll_schedule == "learning" else UniformSchedule
    return made(settings.poll_interval_min, settings.poll_interval_max)


def faust_settings(settings: Settings) -> dict[str, Any]:
    """Keyword arguments of the Faust app.

    Raises:
        OSError, ssl.SSLError: a certificate file cannot be used.
    """
    session = settings.kafka_session_timeout
    one_by_one = settings.kafka_delivery == "event"
    return {
        "broker": [f"kafka://{broker}" for broker in settings.kafka_brokers],
        "broker_credentials": _credentials(settings),
        "broker_session_timeout": session,
        "broker_rebalance_timeout": session,
        "broker_heartbeat_interval": session / 3,
        "broker_request_timeout": max(90, 2 * session),
        "broker_commit_interval": 1.0,
        # How soon a topic that was deleted, created again or given partitions is noticed; a
        # request each time. aiokafka's five minutes were five minutes of nothing.
        "consumer_metadata_max_age_ms": 10_000,
        "consumer_max_fetch_size": 4 * 1024 * 1024,
        # A poll decodes at once what it hands over: in a recovery, megabytes of each changelog.
        # One by one, as much as Faust's queues have room for: a full one blocks every topic.
        "broker_max_poll_records": 500 if one_by_one else 20_000,
        "processing_guarantee": "at_least_once",
        "producer_acks": -1,
        "producer_compression_type": None,
        # Outboxes are flushed as a whole; lingering would only delay them.
        "producer_linger": 0,
        "producer_max_batch_size": 256 * 1024,
        # A dead letter carries the largest record that the raw topic takes.
        "producer_max_request_size": 4 * 1024 * 1024,
        "producer_request_timeout": 60,
        "stream_wait_empty": True,
        "store": f"{settings.store}://",
        "table_standby_replicas": settings.table_standby_replicas,
        "topic_partitions": settings.kafka_partitions,
        "topic_replication_factor": settings.kafka_replication_factor,
        # Topics are made, and checked, before Faust starts.
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "PartitionAssignor": "walmart_stream.engine.assignor:BoundedAssignor",
        "TableManager": "walmart_stream.engine.recovery:FetchTableManager",
        "Table": "walmart_stream.engine.tables:AwaitedTable",
        "datadir": str(settings.data_dir / f"worker-{settings.web_port}"),
        "canonical_url": settings.canonical_url,
        "web_bind": settings.web_host,
        # By which `faust worker --web-port` has the others ask for this one.
        "web_host": urlsplit(settings.canonical_url).hostname,
        "web_port": settings.web_port,
        "web_tables_enabled": False,
        "web_router_enabled": False,
        "web_metrics_enabled": False,
        "web_stats_enabled": False,
        "logging_config": logging_config(settings),
        "worker_redirect_stdouts": False,
    }


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return None
    context: ssl.SSLContext | None = ssl_context(settings)
    if protocol == "SSL":
        return faust.SSLCredentials(context=context)
    # Refused for so long, it has lost its partitions anyway.
    password: Any = sasl_password(
        settings, patience=settings.kafka_session_timeout, give_up=end_process
    )
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=password,
        mechanism=settings.kafka_sasl_mechanism,
        # Without a context of its own it would silently speak plaintext.
        ssl_context=context if protocol == "SASL_SSL" else None,
    )


def affiliate_client(
    settings: Settings,
    clock: Callable[[], float] = time.time,
    metrics: Metrics | None = None,
) -> AffiliateClient:
    """The client of the Affiliate API. Its limits are zero until the poller sets its share.

    *clock*: a :class:`WalmartClock` learns from every answer. *metrics* get each answer's duration.

    Raises:
        UnusableKey: WALMART_PRIVATE_KEY is not a usable key; the message does not show it.
    """
    assert settings.walmart_consumer_id is not None
    assert settings.walmart_private_key is not None
    signer = Signer(
        settings.walmart_consumer_id,
        settings.walmart_key_version,
        settings.walmart_private_key.get_secret_value(),
    )
    return AffiliateClient(
        _measured(AiohttpTransport(), metrics, "affiliate"),
        signer,
        base_url=settings.walmart_affiliate_url,
        publisher_id=settings.walmart_publisher_id,
        bucket=TokenBucket(0, clock=time.monotonic, sleep=asyncio.sleep),
        retry=RetryPolicy(clock=time.monotonic, sleep=asyncio.sleep, random=random.random),
        clock=clock,
        new_request_id=lambda: str(uuid.uuid4()),
    )


def seller_client(
    settings: Settings,
    patience: float = SELLER_PATIENCE,
    clock: Callable[[], float] = time.time,
    metrics: Metrics | None = None,
) -> SellerClient:
    """The client of the Marketplace Seller API, within Walmart's limits for one seller.

    *patience*: how long a call may be tried again (seconds). *clock* and *metrics* as for the other
    one.
    """
    assert settings.walmart_client_id is not None
    assert settings.walmart_client_secret is not None
    return SellerClient(
        _measured(AiohttpTransport("WALMART_SELLER_URL"), metrics, "seller"),
        settings.walmart_client_id,
        settings.walmart_client_secret.get_secret_value(),
        base_url=settings.walmart_seller_url,
        download_hosts=settings.walmart_download_hosts,
        limits=SellerLimits(clock=time.monotonic, sleep=asyncio.sleep),
        retry=RetryPolicy(
            clock=time.monotonic,
            sleep=asyncio.sleep,
            random=random.random,
            longest_total=patience,
        ),
        clock=clock,
        new_request_id=lambda: str(uuid.uuid4()),
    )


def _measured(transport: Transport, metrics: Metrics | None, api: str) -> Transport:
    if metrics is None:
        return transport
    return MeasuredTransport(transport, time.monotonic, partial(metrics.report_answer, api))
