"""Clients that others wrote for Walmart's APIs, on the sandbox: they keep it honest.

They were used with the real APIs, and share no code with the sandbox or with this program.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hang import DEADLINE
from walmart_stream.sandbox import SandboxConfig, SellerConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
# Calls of endpoints that the sandbox does not have: stores, reviews, and orders, which no part of
# this program looks at.
WITHOUT = {"reviews", "stores"}

pytestmark = pytest.mark.skipif(
    not (PYTHON.parent.parent / ".locked").is_file(),
    reason="clients that others wrote are not installed: make clients",
)


async def run(program: str, *arguments: str) -> dict[str, Any]:
    """The results of a program in the clients' environment, by the names of the calls."""
    process = await asyncio.create_subprocess_exec(
        *(str(PYTHON), str(Path(__file__).with_name(program)), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        shown, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    results: dict[str, Any] = json.loads(shown)
    return results


@pytest.fixture
def sandbox(tmp_path: Path) -> Callable[..., Any]:
    """Serves a sandbox of 60 items with ample quota, whose keys are in files."""
    private, public = generate_keypair()
    save_private_key(private, tmp_path / "key.pem")

    def start(**seller: Any) -> Any:
        shop = SellerConfig(skus=40, **seller)
        (tmp_path / "secret").write_text(shop.client_secret)
        return serve(
            SandboxConfig(
                consumer_id=CONSUMER,
                public_keys={"1": public},
                items=60,
                calls_per_second=1000.0,
                seller=shop,
                clock=time.time,
            )
        ), shop.client_id

    return start


CONSUMER = str(uuid.uuid4())


async def test_wiopy_works_on_the_sandbox(sandbox, tmp_path: Path) -> None:
    """Every call of the Affiliate API that it has, but those of endpoints that are not there."""
    serving, _ = sandbox()
    server = await serving
    try:
        address = server.seller_url
        results = await run("affiliate.py", address, str(tmp_path / "key.pem"), CONSUMER)
    finally:
        await server.stop()

    refused = {name for name, found in results.items() if isinstance(found, str)}
    assert refused == WITHOUT, results
    assert all("404" in results[name] for name in WITHOUT)
    assert (results["catalog_product"], results["bulk_product_lookup"]) == (20, 20)
    assert results["nextPage"] == 20
    assert len(results["product_lookup"]) == 3
    assert all(price > 0 for price in results["product_lookup"].values())
    assert min(found for found in results.values() if isinstance(found, int)) >= 1


async def test_python_walmart_works_on_the_sandbox(sandbox, tmp_path: Path) -> None:
    """Its token, and every GET, though its session sends the type of a form with each call."""
    serving, client_id = sandbox()
    server = await serving
    try:
        results = await run(
            "marketplace.py", server.seller_url, client_id, str(tmp_path / "secret")
        )
    finally:
        await server.stop()

    assert results["token"] == 900
    assert len(results["items"]) == 3
    assert results["item"] == results["sku"] == results["items"][0]
    assert results["inventory"] == "EACH"
    # None were sent, which is a 404 with Walmart. Of orders this client takes it for "none".
    assert "404" in results["feeds"]
    assert results["orders"] == []


async def test_python_walmart_meets_the_trap_where_it_is_set(sandbox, tmp_path: Path) -> None:
    """Some gateways refused the type of a body that is not there."""
    serving, client_id = sandbox(strict_types=True)
    server = await serving
    try:
        results = await run(
            "marketplace.py", server.seller_url, client_id, str(tmp_path / "secret")
        )
    finally:
        await server.stop()

    assert results["token"] == 900
    for call in ("items", "item", "inventory", "feeds"):
        assert "415" in results[call]
