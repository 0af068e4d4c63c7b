"""The sandbox Walmart that workers poll, in the test's own process, and what it has to tell."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from walmart_stream.local.truth_check import served_answers
from walmart_stream.sandbox import RunningSandbox, SandboxConfig, generate_keypair, serve
from walmart_stream.sandbox.keys import save_private_key

# No item of a catalogue has an id like these.
UNKNOWN = [str(99_000_000_000 + number) for number in range(20)]


@dataclass(frozen=True)
class Walmart:
    """A running sandbox; ``environment`` is what a worker needs to poll it.

    ``public_key`` is the PEM of the key that the workers sign with.
    """

    server: RunningSandbox
    environment: dict[str, str]
    public_key: str

    async def items(self) -> list[str]:
        """All item ids of the catalogue."""
        items = (await self._control("GET", "items", limit=100_000))["items"]
        return [item["item_id"] for item in items]

    async def stats(self) -> dict[str, Any]:
        """The counters of the sandbox."""
        stats: dict[str, Any] = await self._control("GET", "stats")
        return stats

    async def served(self, after: int = 0) -> list[dict[str, Any]]:
        """Records of items that were served whole, in that order, numbered above *after*."""
        answers = served_answers(self.server.control_url)
        return [record async for record in answers if record["seq"] > after]

    async def last(self) -> int:
        """Number of the record that was served last."""
        last: int = (await self.stats())["truth"]["last"]
        return last

    async def arm(self, **fault: Any) -> None:
        """Go wrong from now on as *fault* says."""
        await self._control("POST", "faults", fault)

    async def disarm(self) -> None:
        """Behave again."""
        await self._control("DELETE", "faults")

    async def rotate_key(self, public_key: str) -> None:
        """From now on the workers' key version stands for *public_key*."""
        await self._control("POST", "rotate-key", {"public_key": public_key, "version": "1"})

    async def _control(self, method: str, path: str, body: Any = None, **params: int) -> Any:
        url = f"{self.server.control_url}/{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, json=body, params=params) as response,
        ):
            assert response.ok, await response.text()
            return await response.json()


@asynccontextmanager
async def open_walmart(
    folder: Path, *, calls_per_second: float, calls_per_day: int, **settings: Any
) -> AsyncIterator[Walmart]:
    """A sandbox with these quotas, of which its workers are told; *settings* are its config's."""
    private, public = generate_keypair()
    consumer_id = str(uuid.uuid4())
    config = SandboxConfig(
        consumer_id=consumer_id,
        public_keys={"1": public},
        calls_per_second=calls_per_second,
        calls_per_day=calls_per_day,
        **settings,
    )
    key_file = folder / "private-key.pem"
    save_private_key(private, key_file)
    server = await serve(config)
    environment = {
        "WALMART_AFFILIATE_URL": server.url,
        "WALMART_CONSUMER_ID": consumer_id,
        "WALMART_PRIVATE_KEY_FILE": str(key_file),
        "WALMART_AFFILIATE_CALLS_PER_SECOND": str(calls_per_second),
        "WALMART_AFFILIATE_DAILY_CALLS": str(calls_per_day),
    }
    try:
        yield Walmart(server, environment, public)
    finally:
        await server.stop()
