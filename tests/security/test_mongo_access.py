"""TLS, logins and roles on a real mongod: who is right gets in, who is not learns why."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bson
import pytest
from click.testing import CliRunner
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from tests.conftest import MakeSettings
from tests.hang import DEADLINE
from tests.pipeline.observations import priced
from tests.pipeline.pipeline import RAW, Pipeline
from tests.pipeline.worker import FAUST, PROGRAM
from tests.real.certificates import Authority, joined
from tests.security.secure_mongod import DATABASE, SecureMongod
from walmart_stream.cli import cli
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.local.ports import LOOPBACK
from walmart_stream.settings import SettingsError
from walmart_stream.storage.access import AccessRefused, require_access

pytestmark = pytest.mark.integration

SECRET = "s3cr3t-of-somebody"
REFUSED = 78


async def refusal(make_settings: MakeSettings, uri: str) -> str:
    """Why *uri* is refused."""
    settings = make_settings(mongodb_uri=uri, mongodb_database=DATABASE)
    async with asyncio.timeout(DEADLINE):
        with pytest.raises(AccessRefused) as caught:
            await require_access(settings)
    return f"{caught.value!r} {caught.value}"


async def let_in(make_settings: MakeSettings, uri: str) -> None:
    async with asyncio.timeout(DEADLINE):
        await require_access(make_settings(mongodb_uri=uri, mongodb_database=DATABASE))


@pytest.mark.parametrize("user", ["worker", "narrow"])
async def test_who_may_do_what_a_worker_does_is_let_in(
    secure_mongod: SecureMongod, make_unreachable_settings: MakeSettings, user: str
) -> None:
    """The role readWrite of the one database, or one with four actions on it."""
    await let_in(make_unreachable_settings, secure_mongod.uri(user))


@pytest.mark.parametrize(
    ("user", "password"), [("worker", SECRET), ("reader", SECRET), ("stranger", SECRET)]
)
async def test_a_wrong_login_is_refused(
    secure_mongod: SecureMongod,
    make_unreachable_settings: MakeSettings,
    user: str,
    password: str,
) -> None:
    """A wrong password and an unknown user are told apart by nobody."""
    said = await refusal(make_unreachable_settings, secure_mongod.uri(user, password=password))

    assert "refuses the login: check user, password and authSource" in said
    assert SECRET not in said


async def test_no_login_is_refused(
    secure_mongod: SecureMongod, make_unreachable_settings: MakeSettings
) -> None:
    """Where the database wants one."""
    said = await refusal(make_unreachable_settings, secure_mongod.uri(None))

    assert "lets nobody in without a login" in said


@pytest.mark.parametrize(
    ("user", "missing"),
    [("reader", "createIndex, insert, update"), ("nobody", "createIndex, find, insert, update")],
)
async def test_each_missing_permission_is_named(
    secure_mongod: SecureMongod,
    make_unreachable_settings: MakeSettings,
    user: str,
    missing: str,
) -> None:
    """With the role that has them."""
    said = await refusal(make_unreachable_settings, secure_mongod.uri(user))

    assert f"its user may not {missing} in the database {DATABASE}" in said
    assert "readWrite" in said
    assert secure_mongod.passwords[user] not in said


async def test_a_role_of_another_database_is_not_enough(
    secure_mongod: SecureMongod, make_unreachable_settings: MakeSettings
) -> None:
    """readWrite is for the one that it names."""
    settings = make_unreachable_settings(
        mongodb_uri=secure_mongod.uri(), mongodb_database="another"
    )

    with pytest.raises(AccessRefused, match="in the database another"):
        await require_access(settings)


async def test_a_foreign_authority_is_refused(
    secure_mongod: SecureMongod, foreign: Authority, make_unreachable_settings: MakeSettings
) -> None:
    """The server may be anybody; no password is sent to it."""
    said = await refusal(make_unreachable_settings, secure_mongod.uri(tlsCAFile=foreign.ca))

    assert "its certificate is not accepted" in said
    assert "certificate verify failed" in said
    assert secure_mongod.passwords["worker"] not in said


async def test_the_systems_authorities_are_not_enough_for_a_private_one(
    secure_mongod: SecureMongod, make_unreachable_settings: MakeSettings
) -> None:
    """The message names the option that is missing."""
    said = await refusal(make_unreachable_settings, secure_mongod.uri(tlsCAFile=None))

    assert "certificate verify failed" in said
    assert "tlsCAFile" in said


async def test_another_host_name_is_refused(
    secure_mongod: SecureMongod, make_unreachable_settings: MakeSettings
) -> None:
    """A certificate of the right authority, but for somebody else."""
    uri = secure_mongod.uri(host=f"localhost:{secure_mongod.port}")

    said = await refusal(make_unreachable_settings, uri)

    assert "certificate is not valid for 'localhost'" in said


@pytest.fixture
async def expired_server(authority: Authority) -> AsyncIterator[int]:
    """The port of a server whose certificate was valid until yesterday.

    mongod itself does not start with such a one; it may expire while mongod runs.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("mongod", host="mongod.invalid", expired=True))

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, LOOPBACK, 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1]


async def test_an_expired_certificate_is_refused(
    secure_mongod: SecureMongod, expired_server: int, make_unreachable_settings: MakeSettings
) -> None:
    """Like any other that cannot be believed."""
    uri = secure_mongod.uri(host=f"{LOOPBACK}:{expired_server}")

    said = await refusal(make_unreachable_settings, uri)

    assert "certificate has expired" in said


def old_tls(context: ssl.SSLContext) -> ssl.SSLContext:
    """*context*, which speaks TLS 1.1 and nothing else from now on."""
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1:DeprecationWarning")
async def test_tls_1_1_is_not_spoken(
    secure_mongod: SecureMongod, authority: Authority, make_unreachable_settings: MakeSettings
) -> None:
    """With a server that has nothing newer, to which a client of its age gets through."""
    context = old_tls(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.load_cert_chain(*authority.issue("mongod", host="mongod.invalid"))
    spoken: list[str] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        spoken.append(writer.get_extra_info("ssl_object").version())
        writer.close()

    async with await asyncio.start_server(hang_up, LOOPBACK, 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]

        await let_in(make_unreachable_settings, secure_mongod.uri(host=f"{LOOPBACK}:{port}"))
        assert spoken == []

        old = old_tls(ssl.create_default_context(cafile=authority.ca))
        _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=old)
        writer.close()
        assert spoken == ["TLSv1.1"]


async def test_a_client_certificate_gets_in(
    mutual_mongod: SecureMongod, make_unreachable_settings: MakeSettings
) -> None:
    """By tlsCertificateKeyFile."""
    await let_in(make_unreachable_settings, mutual_mongod.uri())


@pytest.mark.parametrize("whose", ["none", "foreign"])
async def test_without_a_good_client_certificate_one_learns_what_may_be_missing(
    mutual_mongod: SecureMongod,
    foreign: Authority,
    tmp_path: Path,
    make_unreachable_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
    whose: str,
) -> None:
    """mongod hangs up and says no more, which an outage looks like, too."""
    file = joined(tmp_path, foreign.issue("client")) if whose == "foreign" else None
    uri = mutual_mongod.uri(tlsCertificateKeyFile=file)

    with caplog.at_level(logging.WARNING):
        await let_in(make_unreachable_settings, uri)

    assert "MongoDB is away: " in caplog.text
    assert "a client's certificate by tlsCertificateKeyFile" in caplog.text


async def test_no_tls_where_the_database_wants_it_is_an_outage_with_a_hint(
    secure_mongod: SecureMongod,
    make_unreachable_settings: MakeSettings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Nothing gets in; and no password is sent."""
    with caplog.at_level(logging.WARNING):
        await let_in(make_unreachable_settings, secure_mongod.uri(tls="false", tlsCAFile=None))

    assert "it may want tls=true" in caplog.text


@pytest.fixture
async def old_server() -> AsyncIterator[str]:
    """The URI of a server that answers all as MongoDB 4.2 greets: those are not made any more."""
    greeting = bson.encode({"ok": 1, "ismaster": True, "minWireVersion": 0, "maxWireVersion": 8})

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                length, request, _, _ = struct.unpack("<iiii", await reader.readexactly(16))
                await reader.readexactly(length - 16)
                # An OP_MSG: flags, and one section, which is a document.
                body = struct.pack("<IB", 0, 0) + greeting
                writer.write(struct.pack("<iiii", 16 + len(body), 0, request, 2013) + body)
        writer.close()

    server = await asyncio.start_server(greet, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    yield f"mongodb://{LOOPBACK}:{port}/?directConnection=true"
    server.close()


async def test_a_server_that_is_too_old_is_refused(
    old_server: str, make_unreachable_settings: MakeSettings
) -> None:
    """Not waited for, as for one that is away."""
    said = await refusal(make_unreachable_settings, old_server)

    assert "MongoDB 4.4" in said


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (f"mongodb://u:{SECRET}/x:y@db.invalid", "percent-encoded"),
        (f"mongodb://u:{SECRET}@db.invalid:{SECRET}", "percent-encoded"),
        (f"mongodb://u:{SECRET}@db.invalid/?authMechanism={SECRET}", "MONGODB_URI: "),
        (f"mongodb://u:{SECRET}@db.invalid/?tls=true&tlsInsecure=perhaps", "MONGODB_URI: "),
    ],
)
async def test_a_uri_that_nobody_can_use_is_a_fault_of_the_settings(
    make_unreachable_settings: MakeSettings, uri: str, words: str
) -> None:
    """Without any part of its password."""
    with pytest.raises(SettingsError) as caught:
        await require_access(make_unreachable_settings(mongodb_uri=uri))

    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        (["history", "4711"], {"password": SECRET}, "Authentication failed"),
        (["history", "4711"], {"tlsCAFile": None}, "certificate verify failed"),
        (["doctor"], {"password": SECRET}, "refuses the login"),
        (["doctor"], {"tlsCAFile": None}, "certificate verify failed"),
        (["doctor"], {"user": "reader"}, "its user may not createIndex, insert, update"),
    ],
)
def test_commands_say_what_is_wrong_in_a_line(
    secure_mongod: SecureMongod,
    broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
    options: dict[str, Any],
    words: str,
) -> None:
    """Exit code 1, no traceback, no secret."""
    monkeypatch.setenv("KAFKA_BROKERS", broker.bootstrap)
    monkeypatch.setenv("MONGODB_URI", secure_mongod.uri(**options))
    monkeypatch.setenv("MONGODB_DATABASE", DATABASE)

    result = CliRunner().invoke(cli, command)

    assert result.exit_code == 1
    assert words in result.output
    assert "Traceback" not in result.output
    assert SECRET not in result.output
    assert secure_mongod.passwords["worker"] not in result.output


def test_doctor_is_content_with_the_narrow_role(
    secure_mongod: SecureMongod, broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The narrow role may not list indexes."""
    monkeypatch.setenv("KAFKA_BROKERS", broker.bootstrap)
    monkeypatch.setenv("MONGODB_URI", secure_mongod.uri("narrow"))
    monkeypatch.setenv("MONGODB_DATABASE", DATABASE)

    output = CliRunner().invoke(cli, ["doctor"]).output

    assert f"ok      MongoDB: database {DATABASE}, as narrow, standalone" in output
    assert "skipped indexes: this user may not list them" in output


@pytest.mark.parametrize(
    ("program", "options", "words"),
    [
        (PROGRAM, {"password": SECRET}, "refuses the login"),
        (FAUST, {"tlsCAFile": None}, "certificate verify failed"),
        (PROGRAM, {"user": "reader"}, "its user may not createIndex, insert, update"),
        (FAUST, {"tlsCAFile": "/absent/ca.pem"}, "tlsCAFile: no such file"),
    ],
)
async def test_a_worker_that_is_not_let_in_does_not_start_and_says_why(
    secure_mongod: SecureMongod,
    fresh_broker: EmbeddedBroker,
    tmp_path: Path,
    program: tuple[str, ...],
    options: dict[str, Any],
    words: str,
) -> None:
    """Exit code 78: starting it again cannot help until somebody has changed something."""
    pipeline = Pipeline(
        {"KAFKA_BROKERS": fresh_broker.bootstrap, "MONGODB_URI": secure_mongod.uri(**options)},
        tmp_path,
    )

    worker = pipeline.start(command=program)

    assert await worker.ended() == REFUSED, worker.log[-3000:]
    assert words in worker.log
    assert SECRET not in worker.log
    assert secure_mongod.passwords["worker"] not in worker.log


def observations(rounds: range) -> list[Any]:
    return [
        priced(str(73_000 + item), at=1000 * number, dollars=10 + number % 7)
        for number in rounds
        for item in range(20)
    ]


async def test_the_narrow_role_is_enough_for_the_whole_pipeline(
    authority: Authority, fresh_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """From the first index to the audit; and it is not enough for anything else."""
    server = SecureMongod(tmp_path, authority)
    await server.start()
    environment = {
        "KAFKA_BROKERS": fresh_broker.bootstrap,
        "KAFKA_PARTITIONS": "4",
        "MONGODB_URI": server.uri("narrow"),
        "MONGODB_DATABASE": DATABASE,
    }
    pipeline = Pipeline(environment, tmp_path)
    try:
        worker = pipeline.start()
        await worker.until_ready()
        await pipeline.produce(RAW, observations(range(5)))

        report = await pipeline.verified()

        assert report.is_clean, report
        assert report.applied == 100
        with MongoClient[dict[str, Any]](server.uri("narrow")) as client:
            for refused in (
                lambda: client["another"]["offers"].find_one(),
                lambda: client["another"]["offers"].insert_one({}),
                lambda: client["admin"]["system.users"].find_one(),
                lambda: client.admin.command("usersInfo"),
                lambda: client.admin.command("shutdown"),
                lambda: client[DATABASE]["offers"].delete_one({}),
                lambda: client.drop_database(DATABASE),
            ):
                with pytest.raises(OperationFailure, match="not authorized"):
                    refused()
    finally:
        await pipeline.stop()
        await server.stop()


async def test_a_password_that_changes_under_a_worker_loses_nothing(
    authority: Authority, fresh_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """With the role readWrite it ends (70), is refused (78), and goes on with the new password."""
    server = SecureMongod(tmp_path, authority)
    await server.start()
    environment = {
        "KAFKA_BROKERS": fresh_broker.bootstrap,
        "KAFKA_PARTITIONS": "4",
        "MONGODB_URI": server.uri(),
        "MONGODB_DATABASE": DATABASE,
    }
    pipeline = Pipeline(environment, tmp_path)
    try:
        worker = pipeline.start()
        await worker.until_ready()
        await pipeline.produce(RAW, observations(range(3)))
        await pipeline.until_settled()
        before = server.passwords["worker"]
        with server.as_admin() as client:
            client.admin.command("updateUser", "worker", pwd="another-password-of-the-worker")
        # Connections that stand stay logged in.
        await server.stop()
        await server.start()

        await pipeline.produce(RAW, observations(range(3, 6)))

        assert await worker.ended() == 70, worker.log[-3000:]
        assert await pipeline.start().ended() == REFUSED
        pipeline.environment["MONGODB_URI"] = server.uri(password="another-password-of-the-worker")
        second = pipeline.start("second")
        report = await pipeline.verified()
        assert report.is_clean, report
        assert report.applied == 120
        assert "Authentication failed" in worker.log
        for secret in (before, "another-password-of-the-worker"):
            assert secret not in worker.log + second.log
    finally:
        await pipeline.stop()
        await server.stop()
