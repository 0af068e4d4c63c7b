"""``walmart-stream doctor``: everything that a worker needs, tried once; a line for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pymongo.errors import OperationFailure, PyMongoError

from walmart_stream import topics
from walmart_stream.bootstrap import affiliate_client, seller_client
from walmart_stream.commands.failures import in_words
from walmart_stream.kafka.acls import Role, role_acls
from walmart_stream.kafka.clients import admin_client, client_options, stop
from walmart_stream.kafka.permissions import missing_permissions
from walmart_stream.kafka.topic_admin import TopicError, check_topics
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.notify.channel import Channel, NotDelivered
from walmart_stream.notify.channels import open_channels
from walmart_stream.notify.webhook import Webhook
from walmart_stream.settings import Settings, SettingsError
from walmart_stream.storage import mongo
from walmart_stream.storage.access import UNAUTHORIZED, AccessRefused, require_access
from walmart_stream.storage.documents import OFFERS
from walmart_stream.storage.queries import MAX_TIME_MS
from walmart_stream.storage.sealed import SEALED_FIELDS, FieldSeal, Unreadable
from walmart_stream.walmart.errors import UnusableKey, WalmartError

# Seconds. Nothing that works takes longer, and nobody waits longer for an answer about it.
LONGEST = 20.0

# Walmart refuses signatures whose time differs by 180 s. Workers sign with Walmart's time, but a
# clock that is wrong makes the time of everything else wrong, too.
LARGEST_OFFSET = 30.0

# No item has this id: asking for it shows whether the signature is accepted, at one call.
NO_ITEM = "1"

# Seconds for which a call of the seller side is tried again.
PATIENCE = 5.0

AFFILIATE, SELLER = "Walmart Affiliate API", "Walmart Seller API"
CHANNELS = "alert channels"

_LOOPBACK = (f"{LOOPBACK}:", "localhost:", "[::1]:")


Check = Callable[[Settings, str], Awaitable[list["Finding"]]]


class Verdict(StrEnum):
    """The outcome of a check; only a fault keeps workers from working."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "FAULT"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, and in words what was found and what to do."""

    what: str
    verdict: Verdict
    words: str

    def __str__(self) -> str:
        return f"{self.verdict:8}{self.what}: {self.words}"


async def doctor(settings: Settings) -> AsyncIterator[Finding]:
    """Check broker, topics, database, Walmart and channels side by side; findings in this order.

    Nothing is changed. It costs one call of the Affiliate API's quota, and one of the Seller API's.
    No secret is in any finding.
    """

    async def limited(what: str, check: Check) -> list[Finding]:
        try:
            async with asyncio.timeout(LONGEST):
                return await check(settings, what)
        except TimeoutError:
            return [Finding(what, Verdict.FAULT, f"no answer within {LONGEST:g} s")]

    checks: tuple[tuple[str, Check], ...] = (
        ("broker", _broker),
        ("permissions", _permissions),
        ("topics", _topics),
        ("reading", _reading),
        ("MongoDB", _database),
        (AFFILIATE, _affiliate),
        (SELLER, _seller),
        (CHANNELS, _channels),
    )
    tasks = [asyncio.create_task(limited(what, check)) for what, check in checks]
    try:
        for task in tasks:
            for finding in await task:
                yield finding
    finally:
        for task in tasks:
            task.cancel()


async def _broker(settings: Settings, what: str) -> list[Finding]:
    brokers = ",".join(settings.kafka_brokers)
    try:
        async with admin_client(settings) as admin:
            cluster = await admin.describe_cluster()
    except (KafkaError, OSError) as exc:
        words = f"{brokers} cannot be used: {_reason(exc)}; check KAFKA_BROKERS, " + (
            "KAFKA_SECURITY_PROTOCOL and its settings"
        )
        return [Finding(what, Verdict.FAULT, words)]
    protocol = settings.kafka_security_protocol
    count = len(cluster["brokers"])
    words = f"{count} {'broker answers' if count == 1 else 'brokers answer'}, {protocol}"
    if protocol.startswith("SASL"):
        words += f" ({settings.kafka_sasl_mechanism} as {settings.kafka_username})"
    elif protocol == "PLAINTEXT" and not all(
        broker.startswith(_LOOPBACK) for broker in settings.kafka_brokers
    ):
        words += ": anybody on the network can read and change data; use SASL_SSL or SSL"
        return [Finding(what, Verdict.WARNING, words)]
    return [Finding(what, Verdict.OK, words)]


async def _permissions(settings: Settings, what: str) -> list[Finding]:
    """A finding for each permission that a worker needs and this user lacks; nothing is tried."""
    if settings.kafka_security_protocol == "PLAINTEXT":
        return [Finding(what, Verdict.SKIPPED, "without TLS and a login there is no user")]
    needed = role_acls(settings, Role.WORKER)
    try:
        missing = await missing_permissions(settings, needed)
    except (KafkaError, OSError) as exc:
        return [Finding(what, Verdict.FAULT, f"cannot be checked: {_reason(exc)}")]
    if not missing:
        return [Finding(what, Verdict.OK, f"all {len(needed)} that a worker needs")]
    # The same advice for all of them stands with each: lines are read one by one.
    advice = "missing; walmart-stream acl --role worker prints or creates it"
    return [Finding(what, Verdict.FAULT, f"{acl}: {advice}") for acl in missing]


async def _topics(settings: Settings, what: str) -> list[Finding]:
    try:
        states = await check_topics(settings)
    except TopicError as exc:
        return [Finding(what, Verdict.FAULT, fault) for fault in exc.faults]
    except (KafkaError, OSError) as exc:
        return [Finding(what, Verdict.FAULT, f"cannot be checked: {_reason(exc)}")]
    differing = [state for state in states if state.differences]
    if differing:
        return [Finding(what, Verdict.WARNING, str(state)) for state in differing]
    return [Finding(what, Verdict.OK, f"all {len(states)} exist, as configured")]


async def _reading(settings: Settings, what: str) -> list[Finding]:
    """Whether this user may read the raw topic and be a member of the group."""
    consumer: AIOKafkaConsumer[bytes, bytes] = AIOKafkaConsumer(
        **client_options(settings), group_id=settings.app_id, enable_auto_commit=False
    )
    try:
        await consumer.start()
        tp = TopicPartition(topics.RAW.name, 0)
        consumer.assign([tp])
        committed = await consumer.committed(tp)
        await consumer.seek_to_beginning(tp)
        await consumer.getmany(tp, timeout_ms=1000)
    except (KafkaError, OSError) as exc:
        words = f"{topics.RAW.name} in group {settings.app_id}: {_reason(exc)}"
        return [Finding(what, Verdict.FAULT, words)]
    finally:
        await stop(consumer)
    state = "has no commits yet" if committed is None else "has commits"
    return [
        Finding(what, Verdict.OK, f"{topics.RAW.name} is readable, group {settings.app_id} {state}")
    ]


async def _database(settings: Settings, what: str) -> list[Finding]:
    try:
        await require_access(settings)
    except AccessRefused as exc:
        return [Finding(what, Verdict.FAULT, str(exc))]
    client = mongo.connect(settings)
    try:
        hello = await client.admin.command("hello")
        status = await client.admin.command("connectionStatus")
        missing = await _missing_indexes(mongo.database(client, settings))
        sealed = await _sealed(mongo.database(client, settings), FieldSeal.of(settings))
    except PyMongoError as exc:
        words = f"cannot be used: {_reason(exc)}; check MONGODB_URI and the user's roles"
        return [Finding(what, Verdict.FAULT, words)]
    finally:
        client.close()
    users = [user["user"] for user in status["authInfo"]["authenticatedUsers"]]
    words = (
        f"database {settings.mongodb_database}, "
        + ("as " + ", ".join(users) if users else "without a login")
        + (f", replica set {hello['setName']}" if "setName" in hello else ", standalone")
    )
    findings = [Finding(what, Verdict.OK, words)]
    if settings.mongodb_in_plaintext:
        words += ": anybody on the network can read and change data; use tls=true"
        findings = [Finding(what, Verdict.WARNING, words)]
    findings.append(sealed)
    if missing is None:
        # A worker need not: it makes them, which changes nothing where they are.
        findings.append(Finding("indexes", Verdict.SKIPPED, "this user may not list them"))
    elif missing:
        words = f"no index yet for {', '.join(missing)}; walmart-stream topics creates them"
        findings.append(Finding("indexes", Verdict.WARNING, words))
    else:
        findings.append(Finding("indexes", Verdict.OK, "all exist"))
    return findings


async def _sealed(database: Any, seal: FieldSeal) -> Finding:
    """Whether what is sealed can be opened; one field of each kind tells, as all have one key."""
    what = "sealed fields"
    is_sealed = False
    for name in SEALED_FIELDS[OFFERS]:
        limit = {"max_time_ms": MAX_TIME_MS}
        sealed = await database[OFFERS].find_one({name: {"$type": "binData"}}, {name: 1}, **limit)
        if sealed is not None:
            is_sealed = True
            try:
                seal.open_value((OFFERS, sealed["_id"], name), sealed[name])
            except Unreadable as exc:
                words = f"{name} of {sealed['_id']}: {exc}; MONGODB_FIELD_KEYS needs the key"
                # Workers work anyway.
                return Finding(what, Verdict.WARNING, words)
        plain = {name: {"$type": "object"}}
        if seal.is_on and await database[OFFERS].find_one(plain, {name: 1}, **limit) is not None:
            words = "some are stored unencrypted; walmart-stream reseal encrypts them"
            return Finding(what, Verdict.WARNING, words)
    if not seal.is_on:
        return Finding(what, Verdict.SKIPPED, "MONGODB_FIELD_KEYS is not set")
    return Finding(what, Verdict.OK, "can be opened" if is_sealed else "none yet")


async def _missing_indexes(database: Any) -> list[str] | None:
    """Collections without their indexes; ``None`` if this user may not ask."""
    try:
        return [
            collection
            for collection, indexes in mongo.INDEXES.items()
            if not {index.document["name"] for index in indexes}
            <= (await database[collection].index_information()).keys()
        ]
    except OperationFailure as exc:
        if exc.code != UNAUTHORIZED:
            raise
        return None


async def _affiliate(settings: Settings, what: str) -> list[Finding]:
    if not settings.polling:
        words = "WALMART_CONSUMER_ID and WALMART_PRIVATE_KEY are not set: nothing is polled"
        return [Finding(what, Verdict.SKIPPED, words)]
    try:
        client = affiliate_client(settings)
    except UnusableKey as exc:
        return [Finding(what, Verdict.FAULT, str(exc))]
    try:
        client.set_limits(1.0, 5)
        lookup = await client.items([NO_ITEM])
        offset = client.clock_offset
    finally:
        await client.close()
    if lookup.failed:
        (error,) = lookup.failed.values()
        return [Finding(what, Verdict.FAULT, f"{type(error).__name__}: {error}")]
    findings = [Finding(what, Verdict.OK, f"{settings.walmart_affiliate_url} accepts the key")]
    if abs(offset) > LARGEST_OFFSET:
        direction = "behind" if offset > 0 else "ahead of"
        words = f"{abs(offset):.0f} s {direction} Walmart's; set it by NTP"
        findings.append(Finding("clock", Verdict.WARNING, words))
    else:
        findings.append(Finding("clock", Verdict.OK, "agrees with Walmart's"))
    return findings


async def _seller(settings: Settings, what: str) -> list[Finding]:
    if not settings.selling:
        words = "WALMART_CLIENT_ID and WALMART_CLIENT_SECRET are not set"
        return [Finding(what, Verdict.SKIPPED, words)]
    client = seller_client(settings, PATIENCE)
    try:
        await client.webhooks.event_types()
    except WalmartError as exc:
        return [Finding(what, Verdict.FAULT, f"{type(exc).__name__}: {exc}")]
    finally:
        await client.close()
    return [Finding(what, Verdict.OK, f"{settings.walmart_seller_url} accepts the credentials")]


async def _channels(settings: Settings, what: str) -> list[Finding]:
    """A finding for each channel of alerts; nothing is sent to anybody."""
    try:
        channels = open_channels(settings, time.time)
    except SettingsError as exc:
        return [Finding(what, Verdict.FAULT, fault) for fault in exc.faults]
    if not channels:
        return [Finding(what, Verdict.SKIPPED, "ALERT_CHANNELS is not set")]
    try:
        return list(
            await asyncio.gather(*(_channel(f"channel {n}", c) for n, c in channels.items()))
        )
    finally:
        for channel in channels.values():
            await channel.close()


async def _channel(what: str, channel: Channel) -> Finding:
    if not isinstance(channel, Webhook):
        words = "a service of apprise; walmart-stream alerts test shows whether it accepts"
        return Finding(what, Verdict.OK, f"{words} messages")
    try:
        await channel.reach()
    except NotDelivered as exc:
        # Alerts wait for it, and everything else goes on.
        return Finding(what, Verdict.WARNING, f"{exc}; check its URL in ALERT_CHANNELS")
    return Finding(what, Verdict.OK, "its receiver can be reached")


def _reason(error: Exception) -> str:
    return in_words(error).splitlines()[0][:300]
