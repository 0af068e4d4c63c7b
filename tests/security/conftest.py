"""Servers that let nobody in without TLS and a login."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.real.certificates import Authority
from tests.security.secure_mongod import SecureMongod
from walmart_stream.local.mongod import find_mongod
from walmart_stream.local.processes import StartError


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that signs for the servers of a module."""
    return Authority(tmp_path_factory.mktemp("authority"), "tests")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that signs for nobody."""
    return Authority(tmp_path_factory.mktemp("foreign"), "somebody else's")


@pytest.fixture(scope="module")
def secure_mongod(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureMongod]:
    """A mongod that the tests of a module share."""
    yield from _running(SecureMongod(tmp_path_factory.mktemp("secure-mongod"), authority))


@pytest.fixture(scope="module")
def mutual_mongod(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SecureMongod]:
    """The same, which wants a certificate of its clients besides."""
    folder = tmp_path_factory.mktemp("mutual-mongod")
    yield from _running(SecureMongod(folder, authority, mutual=True))


def _running(server: SecureMongod) -> Iterator[SecureMongod]:
    try:
        find_mongod()
    except StartError as exc:
        pytest.skip(str(exc))
    asyncio.run(server.start())
    yield server
    asyncio.run(server.stop())
