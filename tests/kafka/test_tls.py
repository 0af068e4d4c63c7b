"""TLS with what the certificate files hold when a connection is made; real handshakes."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from tests.conftest import MakeSettings
from tests.real.certificates import Authority
from tests.security.secure_mongod import encrypt_key
from walmart_stream.credentials.files import SecretInFile
from walmart_stream.kafka.tls import ReloadingContext
from walmart_stream.local.ports import LOOPBACK

LOGGER = "walmart_stream.kafka.tls"


class Files:
    """Where a client's settings point to; what the files hold is copied there."""

    def __init__(self, folder: Path, make_settings: MakeSettings) -> None:
        folder.mkdir()
        self.ca, self.cert, self.key = (folder / name for name in ("ca.pem", "c.pem", "c.key"))
        self.first = Authority(folder / "first", "first")
        self.second = Authority(folder / "second", "second")
        self.trust(self.first)
        self.show(self.first.issue("old"))
        self._make_settings = make_settings

    def trust(self, *authorities: Authority) -> None:
        self.ca.write_bytes(b"".join(authority.ca.read_bytes() for authority in authorities))

    def show(self, certificate: tuple[Path, Path]) -> None:
        shutil.copy(certificate[0], self.cert)
        shutil.copy(certificate[1], self.key)

    def context(self, **fields: Any) -> ReloadingContext:
        return ReloadingContext(
            self._make_settings(
                kafka_security_protocol="SSL",
                kafka_ca_file=self.ca,
                kafka_cert_file=self.cert,
                kafka_key_file=self.key,
                **fields,
            )
        )


@pytest.fixture
def files(tmp_path: Path, make_unreachable_settings: MakeSettings) -> Files:
    return Files(tmp_path / "client", make_unreachable_settings)


@asynccontextmanager
async def server(authority: Authority, *trusted: Authority) -> AsyncIterator[int]:
    """The port of one that tells its clients the name in their certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("kafka", host="kafka.invalid"))
    for one in trusted:
        context.load_verify_locations(one.ca)
    context.verify_mode = ssl.CERT_REQUIRED

    async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        shown = writer.get_extra_info("peercert")
        writer.write(dict(part[0] for part in shown["subject"])["commonName"].encode())
        writer.close()

    async with await asyncio.start_server(tell, LOOPBACK, 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]


async def shown_to(port: int, context: ssl.SSLContext) -> str:
    """The name of the certificate that a new connection shows."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port, ssl=context)
    name = (await reader.read()).decode()
    writer.close()
    return name


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_new_connection_shows_the_certificate_that_is_there_now(
    files: Files, run: Callable[[Any], None]
) -> None:
    """On both event loops that there are."""

    async def rotate() -> None:
        context = files.context()
        async with server(files.first, files.first, files.second) as port:
            assert await shown_to(port, context) == "old"
            files.show(files.second.issue("new"))
            assert await shown_to(port, context) == "new"

    run(rotate())


async def test_authorities_are_trusted_as_long_as_they_are_in_the_file(files: Files) -> None:
    """One that is added is trusted from the next connection on, one taken out no longer."""
    context = files.context()
    async with server(files.first, files.first) as old, server(files.second, files.first) as new:
        await shown_to(old, context)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown_to(new, context)

        files.trust(files.first, files.second)
        await shown_to(old, context)
        await shown_to(new, context)

        files.trust(files.second)
        await shown_to(new, context)
        with pytest.raises(ssl.SSLCertVerificationError):
            await shown_to(old, context)


async def test_an_encrypted_key_may_change_with_its_password(files: Files, tmp_path: Path) -> None:
    """KAFKA_KEY_PASSWORD_FILE is read again, too; until both fit, what was before is kept."""
    word = tmp_path / "word"
    word.touch(mode=0o600)
    word.write_text("first-s3cr3t", encoding="ascii")
    encrypt_key(files.key, "first-s3cr3t")
    context = files.context(kafka_key_password=SecretInFile("first-s3cr3t", word))
    async with server(files.first, files.first) as port:
        before = await shown_to(port, context)
        files.show(files.first.issue("new"))
        encrypt_key(files.key, "second-s3cr3t")
        between = await shown_to(port, context)
        word.write_text("second-s3cr3t", encoding="ascii")
        after = await shown_to(port, context)

    assert [before, between, after] == ["old", "old", "new"]


def half_written(files: Files) -> None:
    files.cert.write_bytes(files.cert.read_bytes()[:100])


def without_its_key(files: Files) -> None:
    shutil.copy(files.first.issue("new")[0], files.cert)


def readable_by_others(files: Files) -> None:
    files.show(files.first.issue("new"))
    files.key.chmod(0o644)


def missing(files: Files) -> None:
    files.key.unlink()


def empty_bundle(files: Files) -> None:
    files.ca.write_bytes(b"")


FAULTS = (half_written, without_its_key, readable_by_others, missing, empty_bundle)


@pytest.mark.parametrize("spoil", FAULTS)
async def test_what_cannot_be_used_changes_nothing_until_it_is_mended(
    files: Files, caplog: pytest.LogCaptureFixture, spoil: Callable[[Files], None]
) -> None:
    """The log says so once, and not what the files hold."""
    context = files.context()
    async with server(files.first, files.first) as port:
        with caplog.at_level(logging.INFO, LOGGER):
            spoil(files)
            during = [await shown_to(port, context) for _ in range(3)]
            said = [record.getMessage() for record in caplog.records if record.name == LOGGER]

            files.key.unlink(missing_ok=True)
            files.show(files.first.issue("newer"))
            files.key.chmod(0o600)
            files.trust(files.first)
            after = await shown_to(port, context)

    assert during == ["old"] * 3
    assert len(said) == 1
    assert "the former ones are kept" in said[0]
    assert "PRIVATE" not in caplog.text
    assert after == "newer"


async def test_what_has_not_changed_is_not_loaded_again(files: Files) -> None:
    """A connection costs three small reads."""
    context = files.context()

    assert context.present() is context.present()


async def test_the_systems_authorities_are_read_again_as_well(
    files: Files, make_unreachable_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL is told by SSL_CERT_FILE where they are."""
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca))
    context = ReloadingContext(make_unreachable_settings(kafka_security_protocol="SSL"))
    before = context.present().get_ca_certs()

    files.trust(files.first, files.second)

    assert len(context.present().get_ca_certs()) == len(before) + 1


def test_by_itself_it_trusts_nobody(files: Files) -> None:
    """Should anything ask it in another way than connections do, nothing is open."""
    context = files.context()

    assert context.get_ca_certs() == []
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
