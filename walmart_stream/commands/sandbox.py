"""``walmart-stream sandbox``: the sandbox Walmart alone, with fresh keys and credentials."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
import uuid
from pathlib import Path
from typing import Any

from walmart_stream.commands.terminal import echo
from walmart_stream.sandbox import SandboxConfig, SellerConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key

KEY_VERSION = "1"


async def run(
    port: int, items: int, seed: int, speed: float, skus: int = 300, seller_traps: bool = False
) -> None:
    """Serve on loopback until SIGINT or SIGTERM; print the settings that a worker needs.

    The seller's credentials are those in the environment, or new ones.
    """
    private, public = generate_keypair()
    consumer_id = str(uuid.uuid4())
    config = SandboxConfig(
        consumer_id=consumer_id,
        public_keys={KEY_VERSION: public},
        items=items,
        seed=seed,
        speed=speed,
        seller=_seller(skus, seller_traps),
    )
    with tempfile.TemporaryDirectory(prefix="walmart-sandbox-") as folder:
        key_file = Path(folder, "private-key.pem")
        save_private_key(private, key_file)
        secret_file = Path(folder, "client-secret")
        save_private_key(config.seller.client_secret, secret_file)
        server = await serve(config, port=port)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        echo(f"WALMART_AFFILIATE_URL={server.url}")
        echo(f"WALMART_CONSUMER_ID={consumer_id}")
        echo(f"WALMART_KEY_VERSION={KEY_VERSION}")
        echo(f"WALMART_PRIVATE_KEY_FILE={key_file}")
        echo(f"WALMART_SELLER_URL={server.seller_url}")
        echo(f"WALMART_CLIENT_ID={config.seller.client_id}")
        echo(f"WALMART_CLIENT_SECRET_FILE={secret_file}")
        echo(f"# control: {server.control_url}  process: {os.getpid()}")
        try:
            await stop.wait()
        finally:
            await server.stop()


def _seller(skus: int, traps: bool) -> SellerConfig:
    names = {"WALMART_CLIENT_ID": "client_id", "WALMART_CLIENT_SECRET": "client_secret"}
    given: dict[str, Any] = {
        field: os.environ[name] for name, field in names.items() if os.environ.get(name)
    }
    make = SellerConfig.with_every_trap if traps else SellerConfig
    return make(skus=skus, **given)
