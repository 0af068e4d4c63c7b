"""``walmart-stream status``: is all well, asked of a running worker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar

from walmart_stream.commands.table import Column, table
from walmart_stream.settings import Settings

# Seconds. A worker asks the others for theirs, and waits for some of them.
PATIENCE = 15.0


class NoWorker(Exception):
    """No worker answered as one does; the message says what to do."""


async def status(settings: Settings) -> dict[str, Any]:
    """The answers of ``/api/overview`` and ``/api/system``, by these names.

    Raises:
        NoWorker: none answers at the settings' address, or it refuses.
    """
    headers = {}
    if settings.web_token is not None:
        headers["Authorization"] = f"Bearer {settings.web_token.get_secret_value()}"
    async with ClientSession(
        headers=headers, cookie_jar=DummyCookieJar(), timeout=ClientTimeout(PATIENCE)
    ) as session:
        return {
            name: await _ask(session, f"{settings.canonical_url}/api/{name}")
            for name in ("overview", "system")
        }


async def _ask(session: ClientSession, url: str) -> Any:
    try:
        async with session.get(url, allow_redirects=False) as response:
            answer = await response.json()
    except (ClientError, TimeoutError, ValueError) as exc:
        raise NoWorker(
            f"no worker answers at {url} ({type(exc).__name__}): start one, or set WEB_HOST and "
            "WEB_PORT to those of a running one"
        ) from None
    if response.status == 401:
        raise NoWorker(f"{url} refuses WEB_TOKEN: it must be the one of the worker")
    if response.status != 200:
        raise NoWorker(f"{url} refuses: {answer['error']['message']}")
    return answer


_COLUMNS = (
    Column("worker"),
    Column("ready"),
    Column("up", is_number=True),
    Column("partitions", is_number=True),
    Column("lag", is_number=True),
    Column("newest", is_number=True),
    Column("watched", is_number=True),
    Column("calls today", is_number=True),
)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people: the sentence of health, what must be done, and the workers."""
    health, system = found["overview"]["health"], found["system"]
    shown = [health["sentence"], *(f"to do: {one}" for one in health["todo"])]
    shown += table("Workers", _COLUMNS, map(_worker, system["workers"]))
    shown += [f"does not answer: {name}" for name in system["silent"]]
    for worker in system["workers"]:
        shown += [f"{worker['name']}: {warning}" for warning in worker["warnings"]]
    for one in system["parked"]:
        shown.append(f"parked: {one['topic']}:{one['partition']} at {one['offset']}")
    return shown


def _worker(worker: Mapping[str, Any]) -> tuple[str, ...]:
    polling = worker["polling"]
    return (
        worker["name"],
        {True: "yes", False: "no"}.get(worker["ready"], "?"),
        _age(worker["uptime_seconds"]),
        str(len(worker["partitions"])),
        f"{sum(worker['lag'].values()):,}",
        _age(worker["newest_observation_age_seconds"]),
        _count(polling["watched_items"]),
        _count(polling["calls_today"]),
    )


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _age(seconds: float | None) -> str:
    """A length of time in its largest unit."""
    if seconds is None:
        return "?"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
