"""``walmart-stream seller price``: shows first, and changes only what it is told to."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from walmart_stream.cli import cli
from walmart_stream.commands.seller import parse_price

SECRET = "s3cr3t-of-the-seller"

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text()


@pytest.mark.parametrize(
    ("text", "cents"),
    [("14.80", 1480), ("14.8", 1480), ("14", 1400), ("0.01", 1), ("$1.05", 105), (" 7 ", 700)],
)
def test_an_amount_is_read_exactly(text: str, cents: int) -> None:
    """Dollars, with up to two decimals."""
    assert parse_price(text) == cents


@pytest.mark.parametrize(
    "text", ["", "0", "0.00", "-1", "1.005", "1,50", "1e3", "NaN", ".5", "5.", "٣", "9" * 12]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    """Nothing is rounded or guessed where money is at stake."""
    with pytest.raises(ValueError, match="price"):
        parse_price(text)


class Walmart:
    """A seller side with one item."""

    def __init__(self) -> None:
        self.url = ""
        self.puts: list[Any] = []

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/v3/token":
            return web.json_response({"access_token": "token-1", "expires_in": 900})
        if request.method == "PUT":
            self.puts.append(orjson.loads(await request.read()))
            return web.json_response({"ItemPriceResponse": {"sku": "A 1", "message": "Thank you."}})
        if request.raw_path.startswith("/v3/items/A%201?"):
            price = {"currency": "USD", "amount": 24.97}
            item = {"sku": "A 1", "productName": "Kettle", "price": price}
            return web.json_response({"ItemResponse": [item], "totalItems": 1})
        error = {"code": "CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", "description": "No item found"}
        return web.json_response({"error": [error]}, status=404)


@pytest.fixture
async def walmart() -> AsyncIterator[Walmart]:
    found = Walmart()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@pytest.fixture
def invoke(walmart: Walmart, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs the command in a thread, as it has an event loop of its own."""
    # No .env of the developer's.
    monkeypatch.chdir(tmp_path)

    async def run(*arguments: str, **environment: str) -> Result:
        given = {
            "WALMART_SELLER_URL": walmart.url,
            "WALMART_CLIENT_ID": "me",
            "WALMART_CLIENT_SECRET": SECRET,
        }
        command = ["seller", "price", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, cli, command, env=given | environment)

    return run


async def test_without_apply_nothing_is_changed(invoke: Any, walmart: Walmart) -> None:
    """The price now and then is shown, with the difference."""
    result = await invoke("A 1", "23.49")

    assert result.exit_code == 0
    assert result.output.splitlines() == [
        "A 1  Kettle",
        "  now   24.97 USD",
        "  then  23.49 USD  (-1.48 USD, -5.9%)",
        "the price is unchanged; --apply changes it",
    ]
    assert walmart.puts == []


async def test_with_apply_the_price_is_put(invoke: Any, walmart: Walmart) -> None:
    """Once, and Walmart's word on it is shown."""
    result = await invoke("A 1", "23.49", "--apply")

    assert result.exit_code == 0
    assert "Thank you." in result.output
    (put,) = walmart.puts
    assert put["sku"] == "A 1"
    assert put["pricing"][0]["currentPrice"] == {"currency": "USD", "amount": 23.49}


async def test_programs_are_told_the_same(invoke: Any, walmart: Walmart) -> None:
    """As one document, with the fields that docs/cli.md names."""
    shown = json.loads((await invoke("A 1", "23.49", "--json")).stdout)
    changed = json.loads((await invoke("A 1", "23.49", "--apply", "--json")).stdout)

    assert (shown["sku"], shown["then_cents"], shown["changed"]) == ("A 1", 2349, False)
    assert changed["changed"]
    assert changed.keys() == shown.keys()
    row = next(line for line in DOCS.splitlines() if line.startswith("| `seller price` |"))
    assert set(re.findall(r"`(\w+)`", row)) == changed.keys()


async def test_an_unknown_sku_changes_nothing(invoke: Any, walmart: Walmart) -> None:
    """One line says so."""
    result = await invoke("B", "23.49", "--apply")

    assert result.exit_code == 1
    assert "No item found" in result.output
    assert "Traceback" not in result.output
    assert walmart.puts == []


async def test_an_amount_that_is_none_is_refused(invoke: Any, walmart: Walmart) -> None:
    """Before Walmart is asked anything."""
    result = await invoke("A 1", "23.499", "--apply")

    assert result.exit_code == 2
    assert "23.499" in result.output
    assert walmart.puts == []


async def test_a_price_that_moves_by_more_than_half_is_asked_about(
    invoke: Any, walmart: Walmart
) -> None:
    """A slip of the point must not sell the stock; without an answer nothing is changed."""
    for amount in ("2.49", "0.01", "249.70"):
        asked = await invoke("A 1", amount, "--apply")

        assert "changes by more than half" in asked.output
        assert walmart.puts == []
    sure = await invoke("A 1", "2.49", "--apply", "--yes")
    assert sure.exit_code == 0
    assert len(walmart.puts) == 1


async def test_without_credentials_the_settings_are_named(invoke: Any, walmart: Walmart) -> None:
    """Both of them."""
    result = await invoke("A 1", "23.49", WALMART_CLIENT_ID="", WALMART_CLIENT_SECRET="")

    assert result.exit_code == 78
    assert "WALMART_CLIENT_ID" in result.output
    assert "WALMART_CLIENT_SECRET" in result.output


async def test_the_secret_is_in_no_output(invoke: Any, walmart: Walmart) -> None:
    """Whatever goes wrong."""
    result = await invoke("A 1", "23.49", WALMART_SELLER_URL="http://127.0.0.1:1/nothing")

    assert result.exit_code == 1
    assert SECRET not in result.output
