"""``walmart-stream sandbox`` as a process: what it prints can be used."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.hang import DEADLINE
from tests.sandbox.replies import HandClock
from tests.sandbox.seller_caller import Seller
from walmart_stream.sandbox import RunningSandbox, SellerConfig


@asynccontextmanager
async def sandbox_process(*options: str, **environment: str) -> AsyncIterator[dict[str, str]]:
    """Runs the command and gives the settings that it prints; it has to end with 0."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WALMART_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "walmart_stream", "sandbox", "--port", "0", *options),
        env=kept | environment,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    settings: dict[str, str] = {}
    try:
        async with asyncio.timeout(DEADLINE):
            async for line in process.stdout:
                name, _, value = line.decode().strip().partition("=")
                if name.startswith("#"):
                    break
                settings[name] = value
        yield settings
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(DEADLINE):
            status = await process.wait()
    assert status == 0


async def logged_in(settings: dict[str, str], secret: str, http: aiohttp.ClientSession) -> Seller:
    host, _, port = settings["WALMART_SELLER_URL"].removeprefix("http://").partition(":")
    sandbox = RunningSandbox(host=host, port=int(port), runner=None)  # type: ignore[arg-type]
    config = SellerConfig(client_id=settings["WALMART_CLIENT_ID"], client_secret=secret)
    return await Seller(sandbox, http, config, HandClock()).log_in()


async def test_the_seller_settings_printed_are_good() -> None:
    """The secret is in a file that only its owner can read, and gone afterwards."""
    async with (
        aiohttp.ClientSession() as http,
        sandbox_process("--items", "50", "--skus", "20") as settings,
    ):
        file = settings["WALMART_CLIENT_SECRET_FILE"]
        mode = os.stat(file).st_mode & 0o777
        seller = await logged_in(settings, Path(file).read_text(), http)  # noqa: ASYNC240 - same
        items = (await seller.get("/v3/items")).json()

    assert mode == 0o600
    assert items["totalItems"] == 20
    assert not os.path.exists(file)  # noqa: ASYNC240 - same


async def test_given_credentials_are_taken() -> None:
    """From the environment, where they do not show in the list of processes."""
    given = {"WALMART_CLIENT_ID": "me", "WALMART_CLIENT_SECRET": "my-secret"}
    async with (
        aiohttp.ClientSession() as http,
        sandbox_process("--seller-traps", **given) as settings,
    ):
        seller = await logged_in(settings, "my-secret", http)

    assert settings["WALMART_CLIENT_ID"] == "me"
    assert seller.token


@pytest.mark.parametrize("skus", ["-1", "many"])
async def test_a_number_of_skus_that_is_none_is_refused(skus: str) -> None:
    """With the usual status of a wrong command line."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "walmart_stream", "sandbox", "--skus", skus),
        stderr=asyncio.subprocess.DEVNULL,
    )

    assert await process.wait() == 2
