"""The embedded mongod keeps what it acknowledged, and says what it lacks."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from pymongo.write_concern import WriteConcern

from walmart_stream.local.mongod import EmbeddedMongod, find_mongod
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.local.processes import StartError


@pytest.fixture(name="own")
async def own_mongod(mongod: EmbeddedMongod, tmp_path: Path) -> AsyncIterator[EmbeddedMongod]:
    """A mongod that the test may stop; the run's one shows that it can run here at all."""
    server = EmbeddedMongod(tmp_path)
    await server.start()
    yield server
    await server.stop()


async def insert(uri: str, number: int) -> None:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        majority = WriteConcern(w="majority")
        await client.test.get_collection("numbers", write_concern=majority).insert_one(
            {"_id": number}
        )


async def numbers(uri: str) -> list[int]:
    async with AsyncMongoClient[dict[str, Any]](uri) as client:
        return [row["_id"] async for row in client.test.numbers.find().sort("_id")]


async def test_a_restarted_mongod_has_its_data_and_its_address(own: EmbeddedMongod) -> None:
    """Outage tests stop it cleanly or kill it; majority writes are there afterwards."""
    uri = own.uri
    await insert(uri, 1)

    await own.stop()
    await own.start()
    await insert(uri, 2)
    await own.kill()
    await own.start()

    assert own.uri == uri
    assert await numbers(uri) == [1, 2]


async def test_a_stopped_mongod_leaves_no_process(own: EmbeddedMongod) -> None:
    """After stop, or after a kill, nothing runs."""
    first = own.pid
    await own.stop()
    await own.start()
    second = own.pid
    await own.kill()

    for pid in (first, second):
        assert pid is not None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_it_listens_on_loopback_only(mongod: EmbeddedMongod) -> None:
    """It has no password, so nobody else may reach it."""
    async with AsyncMongoClient[dict[str, Any]](mongod.uri) as client:
        options = await client.admin.command("getCmdLineOpts")

    assert options["parsed"]["net"]["bindIp"] == "127.0.0.1"
    assert options["parsed"]["net"]["unixDomainSocket"]["enabled"] is False


async def test_nobody_gets_in_without_the_login_and_nothing_is_compressed(
    mongod: EmbeddedMongod,
) -> None:
    """The wheel's version answers some compressed messages of strangers with its own memory."""
    stranger = AsyncMongoClient[dict[str, Any]](
        LOOPBACK, mongod.port, directConnection=True, compressors="zlib"
    )
    async with stranger:
        with pytest.raises(OperationFailure, match="requires authentication"):
            await stranger.list_database_names()
        hello = await stranger.admin.command("hello", compression=["zlib", "snappy", "zstd"])

    assert "compression" not in hello


async def test_tests_have_databases_of_their_own(
    mongodb_database: str, mongod: EmbeddedMongod
) -> None:
    """A test's database is empty when it begins."""
    async with AsyncMongoClient[dict[str, Any]](mongod.uri) as client:
        assert mongodb_database not in await client.list_database_names()


@pytest.mark.parametrize(
    ("library", "advice"),
    [
        ("libcurl.so.4", "install the package(s) libcurl4"),
        ("libcrypto.so.3", "install the package(s) libssl3"),
        ("libstrange.so.9", "install the package(s) the one with libstrange.so.9"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="uses a shell script")
def test_a_missing_library_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, advice: str
) -> None:
    """A person must know what to install without looking it up."""
    program = tmp_path / "mongod"
    complaint = f"error while loading shared libraries: {library}: cannot open shared object file"
    program.write_text(f"#!/bin/sh\necho 'mongod: {complaint}' >&2\nexit 127\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StartError) as raised:
        find_mongod()

    assert f"mongod needs {library}: {advice} - or set MONGODB_URI" in str(raised.value)


@pytest.mark.skipif(os.name != "posix", reason="uses a shell script")
def test_a_mongod_that_does_not_run_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown message is passed on."""
    program = tmp_path / "mongod"
    program.write_text("#!/bin/sh\necho 'illegal instruction' >&2\nexit 132\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StartError, match="does not run: illegal instruction"):
        find_mongod()
