"""Every place of a running pipeline where a secret could come to light, as bytes."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp
import bson
from aiokafka import ConsumerRecord

from tests.pipeline.pipeline import Pipeline
from tests.pipeline.worker import Worker, surroundings
from tests.security.secure_mongod import SecureMongod
from walmart_stream.kafka.clients import admin_client
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings
from walmart_stream.web.views import all_routes

ITEM = "4711"
PARAMETERS = {"item_id": ITEM, "what": "changes"}
BODIES = (None, b"{}", b"[", b'{"item_id":"4711"}', b"\xff")
COMMANDS = (
    ["doctor"],
    ["topics"],
    ["verify"],
    ["reseal"],
    ["watch", "list"],
    ["watch", "add", "x"],
    ["history", ITEM],
    ["acl", "--principal", "User:somebody", "--role", "worker"],
    ["seller", "price", "no-such-sku", "14.80"],
)

Places = AsyncIterator[tuple[str, bytes]]


def files(folder: Path, *, without: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Everything that processes have written below *folder*: logs and local data."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part in path.parts for part in without):
            yield f"file {path.relative_to(folder)}", path.read_bytes()


async def records(settings: Settings) -> Places:
    """All of all topics: keys, values, headers; changelogs and the brokers' own topics, too."""
    async with admin_client(settings) as admin:
        names = await admin.list_topics()
    for name in names:
        async for record in read_topic(settings, name):
            yield f"topic {name}", _bytes_of(record)


def _bytes_of(record: ConsumerRecord[bytes, bytes]) -> bytes:
    parts = [record.key or b"", record.value or b""]
    for name, value in record.headers:
        parts += [name.encode(), value or b""]
    return b"\n".join(parts)


def documents(server: SecureMongod) -> Iterator[tuple[str, bytes]]:
    """All documents of all databases, indexes and options of collections."""
    with server.as_admin() as client:
        for database in client.list_database_names():
            for collection in client[database].list_collections():
                name = collection["name"]
                if name.startswith("system.") and database != "admin":
                    continue  # nobody may read it
                yield f"collection {database}.{name}", bson.encode(collection)
                for document in client[database][name].find():
                    yield f"collection {database}.{name}", bson.encode(document)


async def responses(workers: list[Worker], token: str) -> Places:
    """The answers of every operation of the web views: without, with a wrong and with the right
    token; bodies that are right, wrong and none; paths that do not exist."""
    paths = [
        (method, re.sub(r"{(\w+)}", lambda found: PARAMETERS.get(found[1], "x"), route.path))
        for route in all_routes()
        for method in (*route.operations, "PATCH")
    ]
    paths += [("GET", "/api/items/x/history?from=nonsense"), ("GET", "/nowhere"), ("GET", "/table")]
    headers: list[dict[str, str]] = [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Bearer {token}"},
    ]
    # The next request of a connection that was answered before its body was read is lost.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        asked = [
            _ask(session, worker, method, path, shown, body)
            for worker in workers
            for method, path in paths
            for shown in headers
            for body in ((None,) if method == "GET" else BODIES)
        ]
        for answered in await asyncio.gather(*asked):
            yield answered


async def _ask(
    session: aiohttp.ClientSession,
    worker: Worker,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
) -> tuple[str, bytes]:
    async with session.request(
        method,
        worker.url + path,
        data=body,
        headers={**headers, "Content-Type": "application/json"},
    ) as response:
        raw = b"".join(name + b": " + value + b"\n" for name, value in response.raw_headers)
        return f"{method} {path} -> {response.status}", raw + await response.read()


async def outputs(
    pipeline: Pipeline, commands: Sequence[Sequence[str]], **environment: str
) -> Places:
    """The output of *commands*, with the workers' settings but for *environment*."""
    # A folder of its own, where no .env is.
    folder = pipeline.folder / "commands"
    folder.mkdir(exist_ok=True)

    async def run(command: Sequence[str]) -> tuple[str, bytes]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "walmart_stream",
            *command,
            env={**surroundings(), **pipeline.environment, **environment},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        return f"command {' '.join(command)} -> {process.returncode}", printed

    for done in await asyncio.gather(*map(run, commands)):
        yield done


def command_lines() -> Iterator[tuple[str, bytes]]:
    """The command lines of all processes, which everybody on the machine sees."""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                yield f"process {process.name}", (process / "cmdline").read_bytes()
            except OSError:
                continue  # it has ended


def private_files(folder: Path, secrets: Mapping[str, str]) -> dict[str, str]:
    """Settings that name files with *secrets* in *folder* instead of holding them."""
    folder.mkdir(exist_ok=True)
    named = {}
    for name, secret in secrets.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(secret, encoding="utf-8")
        named[f"{name}_FILE"] = os.fspath(file)
    return named
