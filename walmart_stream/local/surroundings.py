"""The parts around the workers that the settings do not name: broker, MongoDB, sandbox Walmart."""

from __future__ import annotations

import asyncio
import os
import secrets
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.kafka import KafkaNode, missing_tools, resolve_class_path
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.local.notifications import webhook_settings
from walmart_stream.local.options import CannotStart, Options
from walmart_stream.sandbox import SandboxConfig, SellerConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key

# Seconds. The embedded broker waits half of a group's session timeout at each join.
SESSION_TIMEOUT = "6"

# Walmart's own, times the speed: see the sandbox.
CALLS_PER_SECOND = 5
CALLS_PER_DAY = 5000

# Of the sandbox's items, those that its seller offers, too.
SELLERS_SHARE = 0.25


async def surroundings(
    options: Options, given: Mapping[str, str], folder: Path, stack: AsyncExitStack
) -> tuple[dict[str, str], str | None, EmbeddedBroker | None]:
    """Start what *given* does not bring; the workers' settings, sandbox and embedded broker."""
    environment = dict(given)
    broker: EmbeddedBroker | None = None
    if not environment.get("KAFKA_BROKERS"):
        environment.update(KAFKA_SECURITY_PROTOCOL="PLAINTEXT", KAFKA_REPLICATION_FACTOR="1")
        if options.broker == "embedded":
            broker = EmbeddedBroker(folder)
            await stack.enter_async_context(_closing(broker))
            environment["KAFKA_BROKERS"] = broker.bootstrap
            environment.setdefault("KAFKA_SESSION_TIMEOUT", SESSION_TIMEOUT)
        else:
            node = await stack.enter_async_context(_closing(await _kafka_node(folder)))
            environment["KAFKA_BROKERS"] = node.bootstrap
    if not (environment.get("MONGODB_URI") or environment.get("MONGODB_URI_FILE")):
        password = _kept_secret(folder / "mongod-password")
        mongod = await stack.enter_async_context(_closing(EmbeddedMongod(folder, password)))
        environment["MONGODB_URI"] = mongod.uri
    control_url = None
    if not environment.get("WALMART_CONSUMER_ID"):
        control_url = await _sandbox(options, environment, folder, stack)
        for name, value in options.intervals.items():
            environment.setdefault(name, value)
    environment["DATA_DIR"] = str(folder)
    return environment, control_url, broker


@asynccontextmanager
async def _closing(server: Any) -> AsyncIterator[Any]:
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def _kafka_node(folder: Path) -> KafkaNode:
    if (reason := missing_tools()) is not None:
        raise CannotStart(f"--broker kafka: {reason}")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "walmart-stream"
    class_path = await asyncio.to_thread(resolve_class_path, cache)
    # Its address is in its configuration, so that a kept node comes back at the same one.
    return KafkaNode.kept(folder / "kafka", class_path)


def _kept_secret(file: Path) -> str:
    if not file.is_file():
        save_private_key(secrets.token_urlsafe(24), file)
    return file.read_text(encoding="utf-8")


async def _sandbox(
    options: Options, environment: dict[str, str], folder: Path, stack: AsyncExitStack
) -> str:
    """Start the sandbox with both sides, and point *environment* to it; its control URL."""
    private, public = generate_keypair()
    consumer_id = str(uuid.uuid4())
    shop = SellerConfig(skus=max(1, int(options.items * SELLERS_SHARE)))
    sandbox = await serve(
        SandboxConfig(
            consumer_id=consumer_id,
            public_keys={"1": public},
            items=options.items,
            seed=options.seed,
            speed=options.pace,
            seller=shop,
        )
    )
    stack.push_async_callback(sandbox.stop)
    key_file = folder / "private-key.pem"
    save_private_key(private, key_file)
    for name in ("WALMART_PRIVATE_KEY", "WALMART_CLIENT_SECRET_FILE"):
        environment.pop(name, None)
    environment.update(
        WALMART_AFFILIATE_URL=sandbox.url,
        WALMART_CONSUMER_ID=consumer_id,
        WALMART_KEY_VERSION="1",
        WALMART_PRIVATE_KEY_FILE=str(key_file),
        WALMART_AFFILIATE_DAILY_CALLS=str(max(1, int(CALLS_PER_DAY * options.pace))),
        WALMART_AFFILIATE_CALLS_PER_SECOND=str(CALLS_PER_SECOND * options.pace),
        WALMART_SELLER_URL=sandbox.seller_url,
        WALMART_CLIENT_ID=shop.client_id,
        WALMART_CLIENT_SECRET=shop.client_secret,
    )
    if options.is_shown:
        webhook_settings(environment)
    return sandbox.control_url
